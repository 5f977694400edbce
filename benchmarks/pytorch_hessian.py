#!/usr/bin/env python3
"""Times PyTorch's autograd Hessian of the attention loss beside `attnewton bench --kernel assembly`.

    python3 benchmarks/pytorch_hessian.py [--shapes 512,4 512,8 1024,8] [--threads 2] [--rounds 3]
        [--python /usr/bin/python3 /my/venv/bin/python] [--time-limit 60] [--memory-limit 8]
        [--out pytorch-hessian.json]

The Hessian is that of X and Y together, 2d² unknowns. Each PyTorch uses its fastest form at each shape, as it
comes and tuned (an allocator that keeps memory as well): all forms are tried first, within the limits, and
must agree. Then both sides take turns, round by round; medians count. The tables go to standard output as
Markdown: a line a shape, and the exponents with which the times grow in d and n.
"""

import argparse
import math
import pathlib
from statistics import median

from bench_common import (
    PeerError,
    Torch,
    default_program,
    fail,
    form_text,
    markdown_table,
    number,
    parse_shape,
    run_bench,
    write_result,
)

default_shapes = ["512,4", "512,6", "512,8", "512,12", "256,8", "1024,8"]
# Rounding of sums taken in another order.
norm_tolerance = 1e-10


def hessian_of(peer, form, shape, repetitions, time_limit):
    return peer.ask(time_limit, task="hessian", shape=vars(shape), form=form, repetitions=repetitions)


def choose(torch, shape, args):
    """The fastest forms within the limits, and what every form took, or why it did not run."""
    norms = []

    def seconds(peer, form):
        # The first evaluation after a start also loads and allocates.
        reply = hessian_of(peer, form, shape, 3, args.time_limit)
        norms.append(reply["norm"])
        return min(reply["seconds"][1:])

    forms = torch.about["hessian_forms"]
    times, failures = torch.try_forms(forms, seconds)
    if norms and max(norms) - min(norms) > norm_tolerance * max(norms):
        fail(f"PyTorch's forms of the Hessian at {shape} disagree: their norms are {norms}")
    tried = [torch.described("tried", variant) | {"seconds": time} for variant, time in times.items()]
    tried += [torch.described("tried", variant) | {"failed": why} for variant, why in failures.items()]
    return torch.fastest(times, forms), tried


def again(torch, variant, shape, args):
    try:
        # The first one finds caches that our program has filled.
        return median(hessian_of(*variant, shape, 1 + args.repetitions, args.time_limit)["seconds"][1:])
    except PeerError as error:
        fail(f"PyTorch {torch.name}, {variant[1]} at {shape} ran once, and then not: {error}")


def measure(shape, peers, args):
    choices = {torch: choose(torch, shape, args) for torch in peers}
    ours, dgemm, theirs = [], [], {}
    for _ in range(args.rounds):
        for torch, (chosen, _) in choices.items():
            for kind, variant in chosen.items():
                if variant is not None:
                    theirs.setdefault((torch, kind), []).append(again(torch, variant, shape, args))
        row, report = run_bench(args.program, "assembly", shape, args.threads, ["--variables", "joint"])
        ours.append(row["seconds"])
        dgemm.append(report["dgemm_gflops"])
    result = {**vars(shape), "mask": shape.mask, "threads": args.threads, "operations": row["operations"]}
    result |= {"unknowns": 2 * shape.d**2, "blas": report["provenance"]["blas"]}
    share = row["operations"] / median(ours) / (median(dgemm) * 1e9)
    result["attnewton"] = {"seconds": median(ours), "share_of_dgemm": share}
    result["peers"] = []
    for (torch, kind), seconds in theirs.items():
        entry = torch.described(kind, choices[torch][0][kind]) | {"seconds": median(seconds)}
        entry["ratio"] = median(their / our for their, our in zip(seconds, ours))
        result["peers"].append(entry)
    result["tried"] = [entry for _, tried in choices.values() for entry in tried]
    return result


kind_words = {"usual": "as it comes", "tuned": "tuned"}


def shape_table(results):
    heading = ["n", "d", "unknowns", "PyTorch", "", "fastest form", "s", "attnewton s", "times faster"]
    rows = []
    for result in results:
        shape = [result["n"], result["d"], result["unknowns"]]
        ours = number(result["attnewton"]["seconds"])
        for peer in result["peers"]:
            about = [f"{peer['torch']}, {peer['blas']}", kind_words[peer["kind"]], form_text(peer)]
            rows.append([*shape, *about, number(peer["seconds"]), ours, f"{peer['ratio']:.0f}"])
        if not result["peers"]:
            why = "; ".join(sorted({entry["failed"] for entry in result["tried"]}))
            rows.append([*shape, "", "", f"none ran: {why}", "", ours, ""])
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
        times[f"PyTorch {peer['torch']}, {peer['blas']}, {kind_words[peer['kind']]}"] = peer["seconds"]
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
    parser.add_argument("--time-limit", type=float, default=60, help="seconds for a round of PyTorch's Hessians")
    parser.add_argument("--repetitions", type=int, default=3, help="of PyTorch's in each round")
    parser.add_argument("--memory-limit", type=float, default=8, help="GiB of data for a PyTorch")
    parser.add_argument(
        "--python", nargs="+", default=["/usr/bin/python3"], help="one for each PyTorch to compare"
    )
    parser.add_argument("--program", type=pathlib.Path, default=default_program)
    parser.add_argument("--out", type=pathlib.Path, default="pytorch-hessian.json")
    args = parser.parse_args()
    shapes = [parse_shape(text) for text in args.shapes]
    peers = [Torch(python, args.threads, args.memory_limit) for python in args.python]
    results = []
    for shape in shapes:
        results.append(measure(shape, peers, args))
        # What is measured outlives a stop.
        write_result(args.out, {"kernel": "assembly", "variables": "joint", "results": results})
    for peer in peers:
        peer.close()
    print(shape_table(results), scaling_table(results), sep="\n\n")


if __name__ == "__main__":
    main()
