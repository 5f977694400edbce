"""Pictures of `attnewton bench` by gnuplot: the rooflines, and shares of dgemm's speed."""

import math
import re
import subprocess
from statistics import median

from bench_common import fail
from bench_rows import attention_kernels, attention_rows, commonest, intensity, speed, whole

colours = {
    "gradient": "#0072b2",
    "hessian-vector": "#d55e00",
    "assembly": "#009e73",
    "exp": "#cc79a7",
    "dgemm": "#444444",
}
point_types = {"gradient": 7, "hessian-vector": 5, "assembly": 9, "exp": 13, "dgemm": 11}


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

# Widths, in the order of their size.
width_colours = ["#56b4e9", "#0072b2", "#e69f00", "#d55e00", "#cc79a7", "#009e73"]
mask_points = {"none": 7, "causal": 6}


def extent(values, below, above):
    """Ends of a logarithmic axis, factors below and above the values."""
    return min(values) / below, max(values) * above


def roof_panel(machine, rows, title):
    """Axes and roof of a panel that all the rows fit in."""
    ridge = machine.dgemm / machine.bandwidth
    low_x, high_x = extent([*map(intensity, rows), ridge], 3, 3)
    low_y, high_y = extent([*map(speed, rows), machine.roof(low_x), machine.dgemm], 1.5, 1.7)
    roof = [(low_x, machine.roof(low_x)), (ridge, machine.dgemm), (high_x, machine.dgemm)]
    middle = math.sqrt(ridge * low_x)  # of the slope
    name = block_name("roof", title)
    script = data_block(name, roof)
    script += f"""unset label
set xrange [{low_x}:{high_x}]
set yrange [{low_y}:{high_y}]
set title "{title}" font ",14"
set label "dgemm, {machine.dgemm:.0f} GFLOP/s" at {high_x / 1.1},{machine.dgemm * 1.25} right front textcolor rgb "#444444"
set label "memory, {machine.bandwidth:.0f} GB/s" at {middle * 1.2},{machine.roof(middle)} left front \\
textcolor rgb "#444444"
"""
    plots = [
        f'${name} using 1:2 with filledcurves y1={low_y} linecolor rgb "#444444" notitle',
        f'${name} using 1:2 with lines linewidth 2 linecolor rgb "#444444" notitle',
    ]
    return script, plots


def points(name, rows, pointtype, colour, title):
    script = data_block(name, [(intensity(row), speed(row)) for row in rows])
    plot = f"${name} using 1:2 with points pointtype {pointtype} pointsize 1.4 linewidth 1.4 "
    return script, plot + f'linecolor rgb "{colour}" title "{title}"'


def kernel_panel(kernel, rows, widths, machine):
    """Every n, mask and sequence length of a kernel, coloured by width."""
    script, plots = roof_panel(machine, rows, kernel)
    for width, colour in zip(widths, width_colours):
        for mask, pointtype in mask_points.items():
            chosen = [row for row in rows if (row["d"], row["mask"]) == (width, mask)]
            if chosen:
                title = f"d = {width}" + (", causal" if mask == "causal" else "")
                block, plot = points(block_name(kernel, width, mask), chosen, pointtype, colour, title)
                script += block
                plots.append(plot)
    return script + "plot " + ", ".join(plots) + "\n"


def machine_panel(rows, machine):
    script, plots = roof_panel(machine, rows, "the machine itself")
    for kernel, title in (("exp", "exp, 10^9 exponentials a second"), ("dgemm", "dgemm")):
        chosen = [row for row in rows if row["kernel"] == kernel]
        if chosen:
            block, plot = points(kernel, chosen, point_types[kernel], colours[kernel], title)
            script += block
            plots.append(plot)
    return script + "plot " + ", ".join(plots) + "\n"


def draw_roofline(rows, machine, path):
    """A panel for each kernel measured, and one for exp and dgemm; doubles."""
    rows = [row for row in rows if row["precision"] == "double"]
    of_kernel = {kernel: attention_rows(rows, kernel) for kernel in attention_kernels}
    own = [row for row in rows if row["kernel"] in ("exp", "dgemm")]
    widths = sorted({row["d"] for chosen in of_kernel.values() for row in chosen})
    if len(widths) > len(width_colours):
        fail(f"the bench files have {len(widths)} widths d; the roofline has colours for {len(width_colours)}")
    panels = [kernel_panel(kernel, chosen, widths, machine) for kernel, chosen in of_kernel.items() if chosen]
    panels += [machine_panel(own, machine)] if own else []
    if not panels:
        fail("the bench files have no rows for the roofline")
    script = head.format(size="1400,1000", font=12)
    script += """set multiplot layout 2,2 title "Rooflines, double: each n, mask and sequence length measured" font ",16"
set logscale xy
set ytics add (0.5, 2, 5, 20, 50, 200, 500)
set format x "10^{%L}"
set xlabel "operations per byte of compulsory memory traffic"
set ylabel "10^9 operations a second"
set key inside bottom right Left reverse samplen 1 spacing 1.1 maxrows 3 opaque box linecolor rgb "#d0d0d0"
set style fill solid 0.06 noborder
"""
    draw(script + "".join(panels) + "unset multiplot\n", path)


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
title "Share of dgemm's speed, on the counted operations" font ",16"
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
