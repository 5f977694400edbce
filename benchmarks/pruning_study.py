#!/usr/bin/env python3
"""The synthetic study of arXiv:2410.11261 (its figure 2) by `attnewton prune`, with held-out rows. Needs NumPy.

    python3 benchmarks/pruning_study.py [--out pruning-study.json] [--pictures docs/images] [--jobs 2] [--seeds 5]
        [--d 64] [--rank 4] [--n 256] [--sequences 1] [--logits 3] [--ratio 0.5] [--lambda 1e-4]
        [--lambdas 1e-6 ... 1e-1] [--ns 64 ... 1024] [--ratios 0.125 ... 0.875] [--quick]

W_Q and W_K are Gaussian d x d matrices cut to their top singular values, W = W_Q W_K^T; X has independent Gaussian
rows, n of them in a sequence; the mask is causal. Rows held out are drawn anew, four sequences of n. The factor of
the logits, --logits / |W|_F, gives x_j W x_k^T that standard deviation over Gaussian rows j != k.

Three sweeps: lambda at --ratio, n at --ratio and --lambda, and the ratio at --lambda; at --n, every lambda is in
fact measured at every ratio, for the table of where the learned mask lies below the others. The learned mask prunes
W and orders it by M, as published, or by |M o W|; magnitude prunes W; Wanda and SparseGPT prune W, or W_Q and W_K
each for itself, as published; refit prunes W, or W_Q and W_K together. All options that are not named here are attnewton's defaults.

Errors are |Att(W) - Att(pruned)|_F^2 / |Att(W)|_F^2. Pictures and tables have geometric means over the seeds;
bars reach from the least to the largest. --quick does it all in some seconds, too small to learn from.
"""

import argparse
import dataclasses
import os
import pathlib
from statistics import geometric_mean

import numpy as np

from bench_common import default_program, fail, markdown_table, root, write_result
from bench_plots import data_block, draw, head
from pruning_study_layers import curves, heldout_sequences, learned, measure, measures, others

# At small ratios an error may be 0; a logarithm has no 0.
least_error = 1e-12
baselines = [curve for curve in others if curve.method != "refit"]


# --- means over seeds ---


def chosen(rows, curve, **values):
    """{seed: row} of a curve at a ratio, n and lambda; lambda counts for learned masks alone."""
    if curve.method != "attention":
        values = values | {"lambda": None}
    fitting = (row for row in rows if row["curve"] == curve.title and all(row[k] == v for k, v in values.items()))
    return {row["seed"]: row for row in fitting}


def errors(rows, measure_key):
    return [max(row[measure_key], least_error) for row in rows.values()]


def spread(rows, measure_key):
    """Geometric mean, least and largest error."""
    values = errors(rows, measure_key)
    return geometric_mean(values), min(values), max(values)


def mean_quotient(ours, theirs, measure_key):
    """Geometric mean over the seeds of the quotient of two curves' errors on the same layer."""
    return geometric_mean(x / y for x, y in zip(errors(ours, measure_key), errors(theirs, measure_key)))


# --- tables ---


def table(heading, rows):
    """A Markdown table, the strokes of |M∘W| kept from ending a cell."""
    heading, *rows = ([str(cell).replace("|", "\\|") for cell in row] for row in (heading, *rows))
    return markdown_table(heading, rows)


def ratio_table(rows, measure_key, args):
    body = []
    for curve in curves:
        cells = [chosen(rows, curve, n=args.n, ratio=ratio, **{"lambda": args.ridge}) for ratio in args.ratios]
        body.append([curve.title, *(f"{spread(cell, measure_key)[0]:.2g}" for cell in cells)])
    return table([f"{measures[measure_key]}, ρ =", *(f"{ratio:g}" for ratio in args.ratios)], body)


def n_table(rows, measure_key, args):
    body = []
    for curve in curves:
        cells = [chosen(rows, curve, n=n, ratio=args.ratio, **{"lambda": args.ridge}) for n in args.ns]
        body.append([curve.title, *(f"{spread(cell, measure_key)[0]:.2g}" for cell in cells)])
    return table([f"{measures[measure_key]}, n =", *args.ns], body)


def quotients(rows, curve, rival, ridge, measure_key, args):
    """Of the learned mask's error in a rival's, at each ratio."""
    pairs = [
        [chosen(rows, of, n=args.n, ratio=ratio, **{"lambda": ridge}) for of in (curve, rival)]
        for ratio in args.ratios
    ]
    return [mean_quotient(ours, theirs, measure_key) for ours, theirs in pairs]


def comparison_table(rows, curve, measure_key, args):
    """Least and largest quotient over the ratios for each lambda: below 1 throughout in bold."""
    body = []
    for ridge in args.lambdas:
        cells = []
        for rival in baselines:
            found = quotients(rows, curve, rival, ridge, measure_key, args)
            text = f"{min(found):.2f} to {max(found):.2f}"
            cells.append(f"**{text}**" if max(found) < 1 else text)
        body.append([f"{ridge:g}", *cells])
    title = f"{curve.title}, {measures[measure_key]}: error over that of"
    return table([title, *(rival.title for rival in baselines)], body)


# --- pictures ---

# Shares of the axis: bars of curves that share an abscissa stand beside one another.
side_by_side, margin = 0.006, 0.04


def place(axis, low, high, x, share):
    """x, moved by a share of the axis."""
    return x * (high / low) ** share if axis["log"] else x + share * (high - low)


def panel(axis, rows, measure_key, is_first):
    """Gnuplot's words for one picture of the two."""
    values = axis["values"]
    script, plots = "", []
    for index, curve in enumerate(curves):
        aside = side_by_side * (index - (len(curves) - 1) / 2)
        points = []
        for x in values:
            mean, least, largest = spread(chosen(rows, curve, **axis["at"](x)), measure_key)
            # A curve that is level has its bar at the end alone.
            bar = (mean, mean) if curve in axis["level"] and x != values[-1] else (least, largest)
            points.append((place(axis, min(values), max(values), x, aside), mean, *bar))
        name = f"{measure_key}_{index}"
        script += data_block(name, points)
        title = f'title "{curve.title}" noenhanced' if is_first else "notitle"
        width = 1 if curve in baselines else 2.2
        look = f'linewidth {width} dashtype {2 if curve.dashed else 1} linecolor rgb "{curve.colour}"'
        plots.append(f"${name} using 1:2:3:4 with yerrorlines pointtype 7 pointsize 0.5 {look} {title}")
    script += f'set title "{measures[measure_key]} rows" font ",13"\nplot ' + ", ".join(plots) + "\nunset key\n"
    return script


def draw_sweep(axis, rows, path):
    shown = [chosen(rows, curve, **axis["at"](x)) for curve in curves for x in axis["values"]]
    low, high = min(axis["values"]), max(axis["values"])
    lowest, highest = (end(end(errors(cell, key)) for cell in shown for key in measures) for end in (min, max))
    script = head.format(size="1300,640", font=12)
    script += f"""set multiplot layout 1,2 title "{axis['title']}" font ",15"
set logscale y
set yrange [{lowest / 1.3}:{highest * 1.3}]
set xrange [{place(axis, low, high, low, -margin)}:{place(axis, low, high, high, margin)}]
set format y "10^{{%L}}"
set ylabel "relative error"
set xlabel "{axis['label']}"
set bars 0.4
set bmargin 8
set key at screen 0.5,0.015 center bottom vertical maxrows 3 Left reverse samplen 2.5 width 1
"""
    script += "set logscale x\n" if axis["log"] else ""
    script += "set xtics (" + ",".join(map(str, axis["tics"])) + ")\n" if axis["tics"] else 'set format x "10^{%L}"\n'
    script += "".join(panel(axis, rows, key, index == 0) for index, key in enumerate(measures))
    draw(script + "unset multiplot\n", path)


def axes(args):
    about = f"d = {args.d}, rank {args.rank}, logits of deviation {args.logits:g}"
    return {
        "lambda": {
            "title": f"λ: n = {args.n}, ρ = {args.ratio:g}; {about}",
            "label": "λ of the learned masks",
            "values": args.lambdas,
            "log": True,
            "tics": [],
            "level": others,
            "at": lambda x: {"n": args.n, "ratio": args.ratio, "lambda": x},
        },
        "n": {
            "title": f"n: ρ = {args.ratio:g}, λ = {args.ridge:g}; {about}",
            "label": "n, rows of the sequence",
            "values": args.ns,
            "log": True,
            "tics": args.ns,
            "level": [],
            "at": lambda x: {"n": x, "ratio": args.ratio, "lambda": args.ridge},
        },
        "ratio": {
            "title": f"ρ: n = {args.n}, λ = {args.ridge:g}; {about}",
            "label": "ρ, share of the weights that go",
            "values": args.ratios,
            "log": False,
            "tics": args.ratios,
            "level": [],
            "at": lambda x: {"n": args.n, "ratio": x, "lambda": args.ridge},
        },
    }


# --- arguments ---

# Eighths leave whole numbers of weights in every output of 64, so that all methods remove equally many.
eighths = [k / 8 for k in range(1, 8)]
half_decades = [1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
quick = {"d": 16, "n": 64, "seeds": 2, "ns": [32, 64], "lambdas": [1e-5, 1e-4, 1e-3], "ratios": [0.25, 0.5, 0.75]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default="pruning-study.json")
    parser.add_argument("--pictures", type=pathlib.Path, default=root / "docs/images", metavar="FOLDER")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs side by side, each of one thread")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--d", type=int, default=64)
    parser.add_argument("--rank", type=int, default=4, help="of W_Q and W_K")
    parser.add_argument("--n", type=int, default=256, help="rows of a sequence, where n is not swept")
    parser.add_argument("--sequences", type=int, default=1, help="of n calibration rows")
    parser.add_argument("--logits", type=float, default=3, help="their standard deviation")
    parser.add_argument("--ratio", type=float, default=0.5, help="where ratios are not swept")
    parser.add_argument("--lambda", dest="ridge", type=float, default=1e-4, help="where lambda is not swept")
    parser.add_argument("--lambdas", type=float, nargs="+", default=half_decades)
    parser.add_argument("--ns", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--ratios", type=float, nargs="+", default=eighths)
    parser.add_argument("--quick", action="store_true", help="a small study, whatever the sizes say")
    parser.add_argument("--program", type=pathlib.Path, default=default_program)
    args = parser.parse_args()
    if args.quick:
        vars(args).update(quick)
    if args.ridge not in args.lambdas or args.ratio not in args.ratios:
        fail("--lambda and --ratio must be among --lambdas and --ratios")
    if not 0 < args.rank <= args.d or min(args.n, args.sequences, args.seeds, args.jobs, *args.ns) < 1:
        fail("sizes must be at least 1, and --rank at most --d")
    args.program = args.program.resolve()
    return args


def main():
    args = arguments()
    rows, said = measure(args)
    names = ("d", "rank", "n", "sequences", "logits", "ratio", "ridge", "lambdas", "ns", "ratios", "seeds")
    recipe = {name: getattr(args, name) for name in names} | {"heldout_sequences": heldout_sequences}
    recipe |= {"weights": "W_Q, W_K of numpy.random.default_rng(seed), cut to their rank; inputs of [seed, n]"}
    first = {"first_run": said, "numpy": np.__version__}
    write_result(args.out, {"recipe": recipe, "curves": [*map(dataclasses.asdict, curves)], **first, "rows": rows})
    for name, axis in axes(args).items():
        if len(axis["values"]) > 1:
            draw_sweep(axis, rows, args.pictures / f"pruning-study-{name}.png")
    for measure_key in measures:
        print(ratio_table(rows, measure_key, args) + "\n")
        print(n_table(rows, measure_key, args) + "\n")
        for curve in learned:
            print(comparison_table(rows, curve, measure_key, args) + "\n")


if __name__ == "__main__":
    main()
