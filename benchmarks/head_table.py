#!/usr/bin/env python3
"""Fits many real attention heads with `attnewton solve` and makes the table of docs/real-heads.md. Needs NumPy.

    python3 benchmarks/head_table.py --data FOLDER --work DIR [--cases wordgpt-16 wordgpt-64 makemore]
        [--variants exact/projected gauss-newton/projected exact/joint] [--ranks 2] [--max-iterations 60]

FOLDER holds captured inputs and weights as data/make_head.py takes them, in wordgpt/ and makemore/; a case whose folder
is missing is skipped, and said to be. DIR keeps inputs and results; a fit whose result.json is there is not run again.
The table goes to standard output as Markdown.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
heads, head_width, ridge = range(4), 16, "1e-4"
# case: folder, layers, sequences (None: all)
all_cases = {
    "wordgpt-16": ("wordgpt", [1], 16),
    "wordgpt-64": ("wordgpt", [1], 64),
    "makemore": ("makemore", [1, 3], None),
}


def make_input(data, folder, layer, head, sequences, out):
    if (out / "y_true.npy").exists():
        return
    command = [sys.executable, root / "data/make_head.py", "--source", data / folder, "--layer", str(layer)]
    command += ["--head", str(head), "--head-width", str(head_width), "--out", out]
    if sequences is not None:
        command += ["--sequences", str(sequences)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def fit(inputs, out, variant, args):
    hessian, variables = variant.split("/")
    if not (out / "result.json").exists():
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        command = ["mpirun", "-n", str(args.ranks), "--bind-to", "none", "--oversubscribe", args.program, "solve"]
        command += ["--problem", "attention", "--append-ones", "--causal", "--ridge", ridge, "--threads", "1", "--quiet"]
        command += ["--a1", inputs / "input.npy", "--b", inputs / "target.npy", "--offsets", inputs / "offsets.npy"]
        command += ["--reference-x", inputs / "x_true.npy", "--reference-y", inputs / "y_true.npy", "--init", args.init]
        command += ["--method", "newton", "--hessian", hessian, "--variables", variables, "--max-iterations", str(args.max_iterations)]
        status = subprocess.run([*map(str, command), "--out", str(out)], env=environment, stderr=subprocess.DEVNULL)
        if status.returncode not in (0, 4, 5):
            sys.exit(f"head_table.py: {' '.join(map(str, command))} ended with {status.returncode}")
    return json.loads((out / "result.json").read_text())


def row(name, head, variant, result):
    gradient = result["gradient_norm"] / result["initial_gradient_norm"]
    reference = result["reference"]
    cells = [name, str(head), *variant.split("/"), result["status"].replace("_", " "), str(result["iterations"])]
    cells += [f"{gradient:.0e}", f"{result['relative_residual']:.1e}", f"{reference['logit_error']:.1e}"]
    cells += [f"{reference['x_error_seen']:.1e}", f"{result['seconds']:.0f}"]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--cases", nargs="+", choices=all_cases, default=list(all_cases))
    parser.add_argument("--variants", nargs="+", default=["exact/projected", "gauss-newton/projected", "exact/joint"])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--max-iterations", type=int, default=60)
    parser.add_argument("--init", default="least-squares", help="zero or least-squares (X = 0 either way)")
    parser.add_argument("--program", type=pathlib.Path, default=root / "build/src/app/attnewton")
    args = parser.parse_args()

    print("| input | head | Hessian | variables | status | iterations | gradient | residual | logits | X seen | seconds |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for variant in args.variants:
        for case in args.cases:
            folder, layers, sequences = all_cases[case]
            if not (args.data / folder).is_dir():
                print(f"head_table.py: no {args.data / folder}: {case} is skipped", file=sys.stderr)
                continue
            for layer in layers:
                name = f"{folder} layer {layer}" + (f", {sequences} sequences" if sequences else "")
                for head in heads:
                    key = f"{case}-layer{layer}-head{head}"
                    inputs = args.work / "inputs" / key
                    make_input(args.data, folder, layer, head, sequences, inputs)
                    out = args.work / variant.replace("/", "-") / key
                    print(row(name, head, variant, fit(inputs, out, variant, args)), flush=True)


if __name__ == "__main__":
    main()
