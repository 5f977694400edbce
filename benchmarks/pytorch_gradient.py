#!/usr/bin/env python3
"""Times PyTorch's loss and gradient of an attention layer beside `attnewton bench --kernel gradient`.

    python3 benchmarks/pytorch_gradient.py [--shapes 4096,64 8192,32 8192,64,128,causal] [--threads 2]
        [--python /usr/bin/python3 /my/venv/bin/python] [--rounds 3] [--out pytorch-gradient.json]
    python3 benchmarks/pytorch_gradient.py --check

Both take turns, round by round, so that whatever else the machine does hits both; medians of the rounds
count. PyTorch gets two columns: as it is usually written and comes (whole matrices, or its fused attention:
the fastest form), and tuned: any form, row blocks by hand too, and an allocator that keeps memory, whichever
is fastest. --check compares the values of loss and gradient instead (needs NumPy). The table goes to standard
output as Markdown.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from statistics import median

from bench_common import (
    Torch,
    default_program,
    fail,
    form_text,
    markdown_table,
    number,
    parse_shape,
    percent,
    run_bench,
    write_result,
)

default_shapes = ["4096,64", "8192,32", "4096,64,causal", "8192,64,128", "8192,64"]
relative_tolerance = 1e-12


def seconds_of(peer, form, shape, precision, repetitions):
    request = {"shape": vars(shape), "precision": precision, "form": form, "repetitions": repetitions}
    return peer.ask(task="gradient", **request)["seconds"]


def choose(torch, shape, args):
    forms = torch.about["gradient_forms"]
    times, failures = torch.try_forms(
        forms, lambda peer, form: min(seconds_of(peer, form, shape, args.precision, repetitions=2))
    )
    for (_, form), reason in failures.items():
        print(f"PyTorch {torch.name}, {form}, {shape}: {reason}; left out", file=sys.stderr)
    return torch.fastest(times, [form for form in forms if not form.startswith("blocks")])


def measure(shape, peers, args):
    """A result for each peer, and our own times in the same rounds."""
    chosen = {torch: choose(torch, shape, args) for torch in peers}
    ours, dgemm, theirs = [], [], {}
    for _ in range(args.rounds):
        for torch, variants in chosen.items():
            for kind, variant in variants.items():
                if variant is not None:
                    seconds = seconds_of(*variant, shape, args.precision, args.repetitions)
                    theirs.setdefault((torch, kind), []).append(median(seconds))
        row, report = run_bench(args.program, "gradient", shape, args.threads)
        ours.append(row["seconds"])
        dgemm.append(report["dgemm_gflops"])
    peak, operations = median(dgemm) * 1e9, row["operations"]
    result = {**vars(shape), "mask": shape.mask, "threads": args.threads, "dgemm_gflops": median(dgemm)}
    result |= {"operations": operations, "blas": report["provenance"]["blas"], "peers": []}
    result["attnewton"] = {"seconds": median(ours), "share_of_dgemm": operations / median(ours) / peak}
    for (torch, kind), seconds in theirs.items():
        entry = torch.described(kind, chosen[torch][kind]) | {"precision": args.precision}
        entry |= {"seconds": median(seconds), "share_of_dgemm": operations / median(seconds) / peak}
        entry["ratio"] = median(their / our for their, our in zip(seconds, ours))
        result["peers"].append(entry)
    return result


def table(results):
    """The comparison as Markdown; a line a shape and PyTorch."""
    heading = [
        "n",
        "d",
        "mask",
        "sequence",
        "PyTorch",
        "as written: form",
        "s",
        "of dgemm",
        "tuned: form",
        "s",
        "of dgemm",
        "attnewton s",
        "of dgemm",
        "as written / ours",
        "tuned / ours",
    ]
    rows = []
    for result in results:
        for name in dict.fromkeys(
            (peer["torch"], peer["blas"], peer["precision"]) for peer in result["peers"]
        ):
            cells = [
                result["n"],
                result["d"],
                result["mask"],
                result["sequence"],
                f"{name[0]}, {name[1]}, {name[2]}",
            ]
            ratios = []
            for kind in ("usual", "tuned"):
                peer = next(
                    (
                        peer
                        for peer in result["peers"]
                        if peer["kind"] == kind and (peer["torch"], peer["blas"], peer["precision"]) == name
                    ),
                    None,
                )
                if peer is None:
                    cells, ratios = cells + ["none ran", "", ""], ratios + [""]
                    continue
                cells += [form_text(peer), number(peer["seconds"]), percent(peer["share_of_dgemm"])]
                ratios.append(f"{peer['ratio']:.1f}")
            ours = result["attnewton"]
            rows.append(cells + [number(ours["seconds"]), percent(ours["share_of_dgemm"]), *ratios])
    return markdown_table(heading, rows)


# --- the same numbers? ---


def write_inputs(folder, shape):
    try:
        import numpy
    except ImportError:
        fail("--check needs NumPy: apt-get install python3-numpy")
    random = numpy.random.default_rng(1)
    numpy.save(folder / "a.npy", random.normal(size=(shape.n, shape.d)))
    numpy.save(folder / "b.npy", random.normal(size=(shape.n, shape.d)))
    numpy.save(folder / "x.npy", random.normal(size=(shape.d, shape.d)) / shape.d)
    numpy.save(folder / "y.npy", random.normal(size=(shape.d, shape.d)) / shape.d**0.5)
    numpy.save(folder / "offsets.npy", numpy.arange(0, shape.n + 1, shape.sequence))


def our_values(folder, shape, args):
    command = [
        args.program,
        "solve",
        "--a1",
        folder / "a.npy",
        "--b",
        folder / "b.npy",
        "--variables",
        "joint",
    ]
    command += ["--offsets", folder / "offsets.npy", "--init", folder / "x.npy", folder / "y.npy"]
    command += ["--max-iterations", 0, "--threads", args.threads, "--quiet", "--out", folder / "result"]
    command += ["--causal"] if shape.causal else []
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode not in (0, 4):  # 4: not converged, which no iteration at all cannot be
        fail(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr.strip()}")
    return json.loads((folder / "result/result.json").read_text())


def check(shapes, peers, args):
    """Whether every form of every peer gives our loss and gradient norm."""
    rows, worst = [], 0
    for shape in shapes:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_inputs(folder, shape)
            ours = our_values(folder, shape, args)
            for peer in peers:
                for form in peer.about["gradient_forms"]:
                    theirs = peer.usual.ask(task="check", folder=name, shape=vars(shape), form=form)
                    errors = [abs(theirs[key] - ours[key]) / ours[key] for key in ("loss", "gradient_norm")]
                    worst = max(worst, *errors)
                    rows.append(
                        [
                            shape.n,
                            shape.d,
                            shape.mask,
                            shape.sequence,
                            peer.name,
                            form,
                            *(f"{error:.1e}" for error in errors),
                        ]
                    )
    print(markdown_table(["n", "d", "mask", "sequence", "PyTorch", "form", "loss", "gradient norm"], rows))
    if worst > relative_tolerance:
        fail(f"a relative difference of {worst:.1e} is above {relative_tolerance:.0e}")
    print(f"\nAll relative differences are within {relative_tolerance:.0e}.")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=default_shapes, metavar="N,D[,SEQUENCE][,causal]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=3, help="of PyTorch's in each round")
    parser.add_argument(
        "--precision", choices=["double", "float"], default="double", help="PyTorch's; ours is double"
    )
    parser.add_argument(
        "--python", nargs="+", default=["/usr/bin/python3"], help="one for each PyTorch to compare"
    )
    parser.add_argument("--program", type=pathlib.Path, default=default_program)
    parser.add_argument("--check", action="store_true", help="compare values, not times")
    parser.add_argument("--out", type=pathlib.Path, default="pytorch-gradient.json")
    args = parser.parse_args()
    shapes = [parse_shape(text) for text in args.shapes]
    peers = [Torch(python, args.threads) for python in args.python]
    if args.check:
        check(shapes, peers, args)
    else:
        results = []
        for shape in shapes:
            results.append(measure(shape, peers, args))
            write_result(
                args.out, {"kernel": "gradient", "results": results}
            )  # what is measured outlives a stop
        print(table(results))
    for peer in peers:
        peer.close()


if __name__ == "__main__":
    main()
