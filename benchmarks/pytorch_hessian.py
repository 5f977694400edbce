#!/usr/bin/env python3
"""Times PyTorch's autograd Hessian of the attention loss beside `attnewton bench --kernel assembly`.

    python3 benchmarks/pytorch_hessian.py [--shapes 512,4 512,8 1024,8] [--threads 2] [--rounds 3]
        [--python /usr/bin/python3 /my/venv/bin/python] [--time-limit 60] [--memory-limit 8]
        [--out pytorch-hessian.json]

The Hessian is that of X and Y together, 2d² unknowns. Each PyTorch uses its fastest form at each shape: all
forms are tried first, within the limits, and must agree. Then both take turns, round by round; medians count.
The tables go to standard output as Markdown: a line a shape, and the exponents with which the times grow in d
and n.
"""

import argparse
import math
import pathlib
from statistics import median

from bench_common import (
    Peer,
    PeerError,
    default_program,
    fail,
    markdown_table,
    number,
    parse_shape,
    run_bench,
    write_result,
)

default_shapes = ["512,4", "512,6", "512,8", "512,12", "256,8", "1024,8"]
# Rounding of sums taken in another order.
norm_tolerance = 1e-10


class Torch:
    def __init__(self, python, args):
        script = pathlib.Path(__file__).with_name("torch_peer.py")
        self.peer = Peer(python, script, args.threads, memory_limit=args.memory_limit)
        self.time_limit = args.time_limit
        try:
            self.about = self.peer.ask(task="describe")
        except PeerError as error:
            fail(f"{python} cannot be the peer: {error}")

    def ask(self, shape, form, repetitions=1):
        return self.peer.ask(
            self.time_limit, task="hessian", shape=vars(shape), form=form, repetitions=repetitions
        )

    def repeat(self, shape, form):
        try:
            return self.ask(shape, form)["seconds"]
        except PeerError as error:
            fail(f"PyTorch {self.about['torch']}, {form} at {shape} ran before, and now not: {error}")

    def fastest(self, shape):
        """The fastest form within the limits, or None; and each form's time, or what kept it from one."""
        times, norms, tried = {}, {}, {}
        for form in self.about["hessian_forms"]:
            try:
                # The first evaluation after a start also loads and allocates.
                reply = self.ask(shape, form, repetitions=2)
                times[form], norms[form] = reply["seconds"][-1], reply["norm"]
                tried[form] = times[form]
            except PeerError as error:
                tried[form] = str(error)
        if norms and max(norms.values()) - min(norms.values()) > norm_tolerance * max(norms.values()):
            fail(f"PyTorch's forms of the Hessian at {shape} disagree: norms {norms}")
        return min(times, key=times.get, default=None), tried


def measure(shape, peers, args):
    chosen = {peer: peer.fastest(shape) for peer in peers}
    ours, theirs = [], {peer: [] for peer in peers if chosen[peer][0]}
    for _ in range(args.rounds):
        for peer, seconds in theirs.items():
            seconds += peer.repeat(shape, chosen[peer][0])
        row, report = run_bench(args.program, "assembly", shape, args.threads, ["--variables", "joint"])
        ours.append(row["seconds"])
    result = {**vars(shape), "mask": shape.mask, "threads": args.threads, "operations": row["operations"]}
    result |= {"unknowns": 2 * shape.d**2, "blas": report["provenance"]["blas"], "peers": []}
    result["attnewton"] = {"seconds": median(ours), "share_of_dgemm": row["share_of_dgemm"]}
    for peer in peers:
        form, tried = chosen[peer]
        entry = {"torch": peer.about["torch"], "blas": peer.about["blas"], "form": form, "tried": tried}
        if form:
            entry["seconds"] = median(theirs[peer])
            entry["ratio"] = median(their / our for their, our in zip(theirs[peer], ours))
        result["peers"].append(entry)
    return result


def shape_table(results):
    heading = ["n", "d", "unknowns", "PyTorch", "fastest form", "s", "attnewton s", "times faster"]
    rows = []
    for result in results:
        for peer in result["peers"]:
            cells = [result["n"], result["d"], result["unknowns"], f"{peer['torch']}, {peer['blas']}"]
            if peer["form"]:
                cells += [peer["form"], number(peer["seconds"])]
            else:
                cells += ["none: " + "; ".join(sorted(set(peer["tried"].values()))), ""]
            cells += [number(result["attnewton"]["seconds"]), f"{peer['ratio']:.0f}" if peer["form"] else ""]
            rows.append(cells)
    return markdown_table(heading, rows)


# --- how the times grow ---


def exponent(points):
    """Slope of a straight line through (log size, log seconds); None of fewer than two sizes."""
    if len({size for size, _ in points}) < 2:
        return None
    logs = [(math.log(size), math.log(seconds)) for size, seconds in points]
    x, y = (sum(column) / len(logs) for column in zip(*logs))
    return sum((u - x) * (v - y) for u, v in logs) / sum((u - x) ** 2 for u, v in logs)


def seconds_by_program(result):
    times = {"attnewton": result["attnewton"]["seconds"]}
    for peer in result["peers"]:
        if peer["form"]:
            times[f"PyTorch {peer['torch']}, {peer['blas']}"] = peer["seconds"]
    return times


def scaling_table(results):
    """Growth in d at the n with most d's, and in n at the d with most n's."""
    rows = []
    for size, fixed in (("d", "n"), ("n", "d")):
        lines = {}
        for result in results:
            if result["sequence"] == result["n"] and not result["causal"]:
                lines.setdefault(result[fixed], []).append(result)
        at, line = max(lines.items(), key=lambda item: len(item[1]), default=(None, []))
        times = {}
        for result in line:
            for program, seconds in seconds_by_program(result).items():
                times.setdefault(program, []).append((result[size], seconds))
        for program, points in times.items():
            grown = exponent(points)
            if grown is not None:
                sizes = ", ".join(str(value) for value, _ in sorted(points))
                rows.append([program, size, f"{fixed} = {at}", sizes, f"{size}^{grown:.1f}"])
    return markdown_table(["program", "in", "at", "measured at", "time grows as"], rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=default_shapes, metavar="N,D[,SEQUENCE][,causal]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=60, help="seconds for two of PyTorch's Hessians")
    parser.add_argument("--memory-limit", type=float, default=8, help="GiB of data for a PyTorch")
    parser.add_argument(
        "--python", nargs="+", default=["/usr/bin/python3"], help="one for each PyTorch to compare"
    )
    parser.add_argument("--program", type=pathlib.Path, default=default_program)
    parser.add_argument("--out", type=pathlib.Path, default="pytorch-hessian.json")
    args = parser.parse_args()
    shapes = [parse_shape(text) for text in args.shapes]
    peers = [Torch(python, args) for python in args.python]
    results = []
    for shape in shapes:
        results.append(measure(shape, peers, args))
        # What is measured outlives a stop.
        write_result(args.out, {"kernel": "assembly", "variables": "joint", "results": results})
    for peer in peers:
        peer.peer.close()
    print(shape_table(results), scaling_table(results), sep="\n\n")


if __name__ == "__main__":
    main()
