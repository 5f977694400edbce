#!/usr/bin/env python3
"""Draws the roofline and shares of dgemm from `attnewton bench`, and fills the tables of docs/performance.md.

    attnewton bench --n 2048,4096,8192 --d 16,32,64,128 --mask none,causal --threads 2 --out bench
    attnewton bench --kernel gradient,hessian-vector --n 8192 --d 64 --sequence 16,64,128,512,0 --threads 2
        --mask none,causal --out bench-sequences
    python3 benchmarks/roofline.py --bench bench/bench.json bench-sequences/bench.json
        [--gradient pytorch-gradient.json] [--hessian pytorch-hessian.json] [--page docs/performance.md]

--gradient and --hessian take what pytorch_gradient.py and pytorch_hessian.py wrote. Tables whose input is not
given stay as they are. All bench files must come from the same number of ranks and threads. Pictures need
gnuplot; they go to images/ beside the page.
"""

import argparse
import json
import math
import pathlib
import re
import subprocess
from statistics import median

import pytorch_gradient
import pytorch_hessian
from bench_common import fail, markdown_table, number, percent, read_bench, root

colours = {
    "gradient": "#0072b2",
    "hessian-vector": "#d55e00",
    "assembly": "#009e73",
    "exp": "#cc79a7",
    "dgemm": "#444444",
}
point_types = {"gradient": 7, "hessian-vector": 5, "assembly": 9, "exp": 13, "dgemm": 11}
attention_kernels = ["gradient", "hessian-vector", "assembly"]
number_bytes = {"double": 8, "float": 4}


# --- intensity: operations a byte of compulsory traffic, inputs read once and outputs written once ---


def numbers_moved(row):
    """Numbers that a kernel cannot avoid to read or write; docs/performance.md has these formulas."""
    n, d = row["n"], row["d"]
    if row["kernel"] == "dgemm":
        return 3 * n * d
    if row["kernel"] == "exp":
        return 2 * n
    unknowns_x, unknowns_y = d * d, d * row["output_width"]
    moved = n * (d + row["output_width"]) + unknowns_x + unknowns_y  # A, B, X, Y
    if row["kernel"] == "gradient":
        return moved + unknowns_x + unknowns_y
    if row["kernel"] == "hessian-vector":
        return moved + 2 * (unknowns_x + unknowns_y)
    order = unknowns_x + (unknowns_y if row["variables"] == "joint" else 0)
    return moved + order * (order + 1) // 2


def work(row):
    """Operations; of exp, which has none, exponentials. Of dgemm, of the product of one thread."""
    if row["kernel"] == "exp":
        return row["exponentials"]
    return 2 * row["n"] ** 3 if row["kernel"] == "dgemm" else row["operations"]


def intensity(row):
    # The inputs and results of attention are doubles in any precision.
    size = number_bytes[row["precision"]] if row["kernel"] == "exp" else 8
    return work(row) / (numbers_moved(row) * size)


def speed(row):
    """10⁹ operations (of exp: exponentials) a second."""
    return (row["exp_per_second"] / 1e9) if row["kernel"] == "exp" else row["gflops"]


# --- reading ---


def size_of(report):
    return report["ranks"], report["threads_per_rank"]


def read_reports(paths):
    reports = [read_bench(path) for path in paths]
    if len(set(map(size_of, reports))) > 1:
        fail("the bench files come from different numbers of ranks or threads: give those of one kind")
    return reports


class Machine:
    """Medians of the runs' own figures."""

    def __init__(self, reports):
        self.dgemm = median(report["dgemm_gflops"] for report in reports)
        self.exponentials = median(report["exp_per_second"] for report in reports) / 1e9
        self.bandwidth = median(report["bandwidth"] for report in reports)

    def roof(self, at):
        return min(self.dgemm, at * self.bandwidth)


def all_rows(reports):
    return [row for report in reports for row in report["kernels"]]


def sort_key(row):
    order = list(colours).index(row["kernel"])
    return order, row["n"], row["d"], row.get("sequence", 0), row.get("mask", ""), row["precision"]


def attention_rows(rows, kernel, **fixed):
    """Rows of a kernel in doubles whose fields are as given."""
    wanted = {"kernel": kernel, "precision": "double", **fixed}
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def whole(rows):
    return [row for row in rows if row.get("sequence") == row["n"]]


def commonest(values):
    """The value seen most often, of several the largest; None of nothing."""
    values = list(values)
    return max(set(values), key=lambda value: (values.count(value), value), default=None)


# --- gnuplot ---

head = """set encoding utf8
set terminal pngcairo size {size} font "Sans,{font}" linewidth 1.5 background "#ffffff"
set border 3 linecolor rgb "#808080"
set tics nomirror textcolor rgb "#202020"
set grid xtics ytics linetype 1 linecolor rgb "#e8e8e8" linewidth 0.5
"""


def draw(script, path):
    """What gnuplot makes of a script, written to `path` only if all went well."""
    try:
        done = subprocess.run(["gnuplot", "-d", "-"], input=script.encode(), capture_output=True)
    except OSError:
        fail("gnuplot is not installed: apt-get install gnuplot-nox")
    if done.returncode != 0 or not done.stdout.startswith(b"\x89PNG"):
        fail(f"gnuplot failed:\n{done.stderr.decode().strip()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(done.stdout)


def data_block(name, points):
    return f"${name} << EOD\n" + "\n".join(" ".join(map(str, point)) for point in points) + "\nEOD\n"


def block_name(*words):
    return re.sub(r"\W", "_", "_".join(map(str, words)))


# --- the roofline ---

# How far apart on the logarithmic axis two labels in one line must be, as a ratio.
label_width = 2.2


def labelled(rows, gap):
    """(x, y, row) of each point's label, spread so that those near each other stay `gap` (a ratio) apart."""
    labels = []
    for row in sorted(rows, key=speed):
        x, y = intensity(row), speed(row)
        near = [other_y for other_x, other_y, _ in labels if max(x / other_x, other_x / x) < label_width]
        labels.append((x, max([y, *(other_y * gap for other_y in near)]), row))
    return labels


def label_commands(rows):
    """Gradients are labelled on the left, for the other kernels' points lie to their right."""
    left = [row for row in rows if row["kernel"] == "gradient"]
    right = [row for row in rows if row["kernel"] != "gradient"]
    commands = ""
    for side, shift, side_rows in (("right", 1 / 1.14, left), ("left", 1.14, right)):
        for x, y, row in labelled(side_rows, 1.2):
            commands += (
                f'set label "d = {row["d"]}" at {x * shift},{y} {side} front font ",11" '
                f'textcolor rgb "{colours[row["kernel"]]}"\n'
            )
    return commands


def roofline_rows(rows):
    """The picture's points: unmasked whole sequences at the n with most widths, and the machine's kernels."""
    rows = [row for row in rows if row["precision"] == "double"]
    attention = [row for row in rows if row["kernel"] in attention_kernels and row["mask"] == "none"]
    attention = whole(attention)
    n = commonest(row["n"] for row in attention)
    points = {}
    for row in [row for row in attention if row["n"] == n] + [
        row for row in rows if row["kernel"] in ("exp", "dgemm")
    ]:
        points.setdefault((row["kernel"], row["d"], row.get("variables")), []).append(row)
    # What several runs measured is one point, the middle one.
    return n, [sorted(same, key=speed)[len(same) // 2] for same in points.values()]


def draw_roofline(rows, machine, path):
    n, rows = roofline_rows(rows)
    if not rows:
        fail("the bench files have no rows for the roofline")
    xs, ys = [intensity(row) for row in rows], [speed(row) for row in rows]
    low_x, high_x = min(0.03, min(xs) / 2), max(xs) * 5
    low_y, high_y = min(min(ys) / 2, machine.dgemm / 100), max(machine.dgemm * 1.9, max(ys) * 1.3)
    ridge = machine.dgemm / machine.bandwidth
    roof = [(low_x, machine.roof(low_x)), (ridge, machine.dgemm), (high_x, machine.dgemm)]
    script = head.format(size="1200,760", font=13) + data_block("roof", roof)
    script += f"""set logscale xy
set xrange [{low_x}:{high_x}]
set yrange [{low_y}:{high_y}]
set format x "10^{{%L}}"
set xlabel "operations per byte of compulsory memory traffic"
set ylabel "10^9 operations a second"
set key inside bottom right Left reverse samplen 1.5 spacing 1.3 opaque box linecolor rgb "#d0d0d0"
set title "Roofline of the kernels{f", n = {n}, no mask" if n else ""}, double" font ",16"
set style fill solid 0.06 noborder
set label "dgemm, {machine.dgemm:.0f} GFLOP/s" at {low_x * 1.3},{machine.dgemm * 1.2} left \\
textcolor rgb "#444444"
set label "memory, {machine.bandwidth:.0f} GB/s" at {ridge / 7},{machine.dgemm / 7 * 1.7} center \\
rotate by {slope_angle(low_x, high_x, low_y, high_y):.0f} textcolor rgb "#444444"
"""
    plots = [
        '$roof using 1:2 with filledcurves y1=%g linecolor rgb "#444444" notitle' % low_y,
        '$roof using 1:2 with lines linewidth 2 linecolor rgb "#444444" notitle',
    ]
    for kernel in colours:
        of_kernel = [row for row in rows if row["kernel"] == kernel]
        if of_kernel:
            name = block_name(kernel)
            script += data_block(name, [(intensity(row), speed(row)) for row in of_kernel])
            title = "exp (10^9 exponentials a second)" if kernel == "exp" else kernel
            plots.append(
                f"${name} using 1:2 with points pointtype {point_types[kernel]} pointsize 1.7 "
                f'linecolor rgb "{colours[kernel]}" title "{title}"'
            )
    script += label_commands([row for row in rows if row["kernel"] in attention_kernels])
    draw(script + "plot " + ", ".join(plots) + "\n", path)


def slope_angle(low_x, high_x, low_y, high_y):
    """Angle on the picture of a line of slope 1 in logarithms."""
    wide, high = 1100, 650  # of the plot itself, in pixels, nearly
    return math.degrees(math.atan2(high / math.log(high_y / low_y), wide / math.log(high_x / low_x)))


# --- shares of dgemm ---


def curve(rows, axis):
    """(size, share in percent) of the rows, medians where several are of one size."""
    shares = {}
    for row in rows:
        shares.setdefault(row[axis], []).append(100 * row["share_of_dgemm"])
    return [(size, median(values)) for size, values in sorted(shares.items())]


def not_overlapped(rows, axis, machine):
    """(size, share) that dgemm's speed, and then exp's for the exponentials, would give."""
    shares = {}
    for row in rows:
        products = row["operations"] / machine.dgemm
        shares[row[axis]] = 100 * products / (products + row["exponentials"] / machine.exponentials)
    return sorted(shares.items())


def panels(rows):
    """(title, axis label, field, rows) of each picture; rows of attention kernels in doubles."""
    rows = [row for row in rows if row["kernel"] in attention_kernels and row["precision"] == "double"]
    one = whole(rows)
    n, d = commonest(row["n"] for row in one), commonest(row["d"] for row in one)
    yield f"by width, n = {n}", "d", "d", [row for row in one if row["n"] == n]
    yield f"by rows, d = {d}", "n", "n", [row for row in one if row["d"] == d]
    parts = [row for row in rows if row["sequence"] < row["n"]]
    n, d = commonest(row["n"] for row in parts), commonest(row["d"] for row in parts)
    yield (
        f"by sequence length, n = {n}, d = {d}",
        "rows a sequence",
        "sequence",
        [row for row in rows if (row["n"], row["d"]) == (n, d)],
    )


looks = {"none": "dashtype 1", "causal": "dashtype 3"}


def style(kernel, mask):
    filled = point_types[kernel] - (
        mask == "causal"
    )  # the open form of each point type stands before the filled one
    return (
        f"with linespoints {looks[mask]} linewidth 1.6 pointtype {filled} pointsize 1.3 "
        f'linecolor rgb "{colours[kernel]}"'
    )


ceiling_style = 'with lines dashtype 2 linecolor rgb "#909090"'


def panel_plots(place, axis, rows, machine):
    """Data blocks of a panel, and what to plot of them."""
    blocks, plots = "", []
    for kernel in attention_kernels:
        for mask in looks:
            points = curve(attention_rows(rows, kernel, mask=mask), axis)
            if points:
                name = block_name("panel", place, kernel, mask)
                blocks += data_block(name, points)
                plots.append(f"${name} using 1:2 {style(kernel, mask)} notitle")
    ceiling = not_overlapped(attention_rows(rows, "gradient", mask="none"), axis, machine)
    if ceiling:
        blocks += data_block(f"ceiling_{place}", ceiling)
        plots.append(f"$ceiling_{place} using 1:2 {ceiling_style} notitle")
    return blocks, plots


def key_entries(rows):
    """The first panel carries the key for all of them."""
    entries = []
    for kernel in attention_kernels:
        for mask in looks:
            if attention_rows(rows, kernel, mask=mask):
                words = kernel + (", causal" if mask == "causal" else "")
                entries.append(f'NaN {style(kernel, mask)} title "{words}"')
    return entries + [f'NaN {ceiling_style} title "gradient, dgemm and exp in turn"']


def draw_shares(rows, machine, path):
    shown = [panel for panel in panels(rows) if len({row[panel[2]] for row in panel[3]}) > 1]
    if not shown:
        fail("no width, n or sequence length varies in the bench files: there are no shares to draw")
    highest = max(100 * row["share_of_dgemm"] for panel in shown for row in panel[3])
    script = head.format(size=f"{540 * len(shown) + 60},660", font=12)
    script += f"""set multiplot layout 1,{len(shown)} \\
title "Share of dgemm's speed, on the least operation count" font ",16"
set logscale x 2
set yrange [0:{max(100, highest) * 1.04}]
set format y "%.0f %%"
set lmargin 8
set rmargin 3
set bmargin 8
set key at screen 0.5,0.015 center bottom vertical maxrows 2 Left reverse samplen 2.5 width 1
"""
    for place, (title, label, axis, panel_rows) in enumerate(shown):
        blocks, plots = panel_plots(place, axis, panel_rows, machine)
        plots += key_entries(rows) if place == 0 else []
        sizes = ",".join(str(size) for size in sorted({row[axis] for row in panel_rows}))
        script += blocks + f'set title "{title}" font ",13"\nset xlabel "{label}"\nset xtics ({sizes})\n'
        script += "set offsets graph 0.06, graph 0.06, 0, 0\nplot " + ", ".join(plots) + "\n"
        script += "unset key\n"
    draw(script + "unset multiplot\n", path)


# --- tables ---


def machine_table(reports):
    heading = [
        "ranks",
        "threads",
        "dgemm GFLOP/s",
        "exp G/s",
        "exp of floats G/s",
        "memory GB/s",
        "BLAS",
        "commit",
    ]
    rows = []
    for report in reports:
        about = report["provenance"]
        cells = [*size_of(report), report["dgemm_gflops"], report["exp_per_second"] / 1e9]
        cells += [
            report["exp_float_per_second"] / 1e9,
            report["bandwidth"],
            about["blas"],
            about["git_commit"],
        ]
        rows.append([number(cell) if isinstance(cell, float) else cell for cell in cells])
    return markdown_table(heading, rows)


def kernel_table(reports):
    heading = [
        "kernel",
        "n",
        "d",
        "mask",
        "sequence",
        "operations",
        "seconds",
        "GFLOP/s",
        "of dgemm",
        "operations a byte",
        "of the roof there",
    ]
    rows = []
    of_run = [(row, Machine([report])) for report in reports for row in report["kernels"]]
    for row, machine in sorted(of_run, key=lambda pair: sort_key(pair[0])):
        name = row["kernel"] + ("" if row["precision"] == "double" else f", {row['precision']}")
        at = intensity(row)
        cells = [
            name,
            row["n"],
            row["d"] if row["kernel"] != "exp" else "",
            row.get("mask", ""),
            row.get("sequence", ""),
            number(row.get("operations") or None),
            number(row["seconds"]),
        ]
        cells += [number(speed(row)), percent(row.get("share_of_dgemm")), number(at)]
        rows.append(cells + [percent(speed(row) / machine.roof(at))])
    return markdown_table(heading, rows)


def fill(page, name, table):
    """The page's text with a table between its markers."""
    pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    filled, count = pattern.subn(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)
    if count != 1:
        fail(f"the page has the markers '<!-- table: {name} -->' … '<!-- end -->' {count} times, not once")
    return filled


def read_results(paths):
    results = []
    for path in paths:
        try:
            results += json.loads(path.read_text())["results"]
        except (OSError, json.JSONDecodeError, KeyError) as error:
            fail(f"{path} is no result of a PyTorch comparison: {error}")
    return results


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bench", nargs="+", type=pathlib.Path, default=[], metavar="BENCH.json")
    parser.add_argument(
        "--gradient", nargs="+", type=pathlib.Path, default=[], metavar="PYTORCH-GRADIENT.json"
    )
    parser.add_argument("--hessian", nargs="+", type=pathlib.Path, default=[], metavar="PYTORCH-HESSIAN.json")
    parser.add_argument("--page", type=pathlib.Path, default=root / "docs/performance.md")
    args = parser.parse_args()
    if not (args.bench or args.gradient or args.hessian):
        fail("nothing to do: give --bench, --gradient or --hessian")

    tables = {}
    if args.bench:
        reports = read_reports(args.bench)
        machine = Machine(reports)
        images = args.page.parent / "images"
        draw_roofline(all_rows(reports), machine, images / "roofline.png")
        draw_shares(all_rows(reports), machine, images / "shares-of-dgemm.png")
        tables["machine"] = machine_table(reports)
        tables["kernels"] = kernel_table(reports)
    if args.gradient:
        tables["gradient beside PyTorch"] = pytorch_gradient.table(read_results(args.gradient))
    if args.hessian:
        results = read_results(args.hessian)
        tables["Hessian beside PyTorch"] = pytorch_hessian.shape_table(results)
        tables["growth of the Hessian's time"] = pytorch_hessian.scaling_table(results)
    try:
        page = args.page.read_text()
    except OSError as error:
        fail(f"{args.page}: {error.strerror}")
    for name, table in tables.items():
        page = fill(page, name, table)
    args.page.write_text(page)


if __name__ == "__main__":
    main()
