#!/usr/bin/env python3
"""Prunes real layers with `attnewton prune` by every method and makes the tables of docs/pruning.md.

    python3 benchmarks/pruning_layers.py --data FOLDER --work DIR [--layers wordgpt.1 makemore.1 rxn ...]
        [--forms factors fused] [--ratios 0.5 0.7] [--methods magnitude wanda sparsegpt attention refit]
        [--patterns unstructured 2:4] [--ranks 2]

FOLDER holds captured inputs and weights in wordgpt/, makemore/, stories260K/ and rxn/; a layer whose folder is missing is
skipped, and said to be. Every other sequence is held out. DIR keeps results; a run whose result.json is there is not run
again. Of baselines on factors the table has the better of what they leave, factors, which is what they are made for.

A row has held-out relative errors ‖E − Att‖²/‖E‖² of all heads together, and, last, refit's share of the best baseline's:
of all heads together and of the head where it is largest.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

from bench_common import default_program, fail, markdown_table

# layer: folder, inputs, Wq, Wk, bq or None, query heads, causal
layers = {"wordgpt.1": ("wordgpt", "layer1_input", "layer1_wq", "layer1_wk", "layer1_bq", 4, True)}
for n in (1, 3):
    layers[f"makemore.{n}"] = ("makemore", f"X_l{n}", f"l{n}_Wq", f"l{n}_Wk", f"l{n}_bq", 4, True)
for n in (0, 2, 4):
    layers[f"stories260K.{n}"] = ("stories260K", f"X_l{n}", f"l{n}_wq", f"l{n}_wk", None, 8, True)
layers["rxn"] = ("rxn", "X_pass05", "Wq", "Wk", "bq", 8, False)
baselines = ["magnitude", "wanda", "sparsegpt"]


def layer_words(data, name):
    folder, x, wq, wk, bq, heads, causal = layers[name]
    files = {"x": x, "offsets": "offsets", "wq": wq, "wk": wk, "bq": bq}
    words = [word for option, file in files.items() if file for word in (f"--{option}", data / folder / f"{file}.npy")]
    return words + ["--heads", heads] + (["--causal"] if causal else [])


def prune(args, name, form, pattern):
    """The runs of one call of the program: every method at every ratio."""
    out = args.work / f"{name}-{form}-{pattern.replace(':', 'of')}"
    if not (out / "result.json").exists():
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        command = ["mpirun", "-n", args.ranks, "--bind-to", "none", "--oversubscribe", args.program, "prune"]
        command += [*layer_words(args.data, name), "--heldout-fraction", "0.5", "--form", form, "--pattern", pattern]
        command += ["--method", ",".join(args.methods), "--threads", "1", "--quiet", "--out", out, *args.options]
        command += ["--ratio", ",".join(map(str, args.ratios))] if pattern == "unstructured" else []
        status = subprocess.run([*map(str, command)], env=environment)
        if status.returncode != 0:
            fail(f"{' '.join(map(str, command))} ended with {status.returncode}")
    return json.loads((out / "result.json").read_text())["runs"]


def largest_share(runs):
    """refit's held-out error over the best baseline's, of the head where that is largest."""
    heads = {run["method"]: run["heads"]["relative_error_heldout"] for run in runs}
    best = [min(errors) for errors in zip(*(heads[method] for method in baselines if method in heads))]
    return max(map(lambda mine, theirs: mine / theirs, heads["refit"], best))


def row(name, form, ratio, runs, methods):
    errors = {run["method"]: run["relative_error_heldout"] for run in runs}
    best = min((errors[method] for method in baselines if method in errors), default=math.nan)
    cells = [name, form, f"{ratio:g}", *(f"{errors[method]:.2e}" for method in methods)]
    if "refit" not in errors or math.isnan(best):
        return cells + ["", ""]
    return cells + [f"{errors['refit'] / best:.3f}", f"{largest_share(runs):.3f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, default=default_program)
    parser.add_argument("--layers", nargs="+", choices=list(layers), default=list(layers))
    parser.add_argument("--forms", nargs="+", choices=["factors", "fused"], default=["factors", "fused"])
    parser.add_argument("--patterns", nargs="+", default=["unstructured"])
    parser.add_argument("--ratios", nargs="+", type=float, default=[0.5, 0.7])
    parser.add_argument("--methods", nargs="+", default=[*baselines, "attention", "refit"])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="further words for attnewton prune")
    args = parser.parse_args()
    rows = []
    for name in args.layers:
        if not (args.data / layers[name][0]).is_dir():
            print(f"{name}: skipped, {args.data / layers[name][0]} is not there", file=sys.stderr)
            continue
        for pattern in args.patterns:
            for form in args.forms:
                runs = prune(args, name, form, pattern)
                for ratio in dict.fromkeys(run["ratio"] for run in runs):
                    at_ratio = [run for run in runs if run["ratio"] == ratio]
                    label = form if pattern == "unstructured" else f"{form} {pattern}"
                    rows.append(row(name, label, ratio, at_ratio, args.methods))
    print(markdown_table(["layer", "form", "ratio", *args.methods, "share", "worst head"], rows))


if __name__ == "__main__":
    main()
