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
import pathlib
import re

import pytorch_gradient
import pytorch_hessian
from bench_common import fail, markdown_table, number, percent, root
from bench_plots import draw_roofline, draw_shares
from bench_rows import Machine, all_rows, intensity, read_reports, size_of, sort_key, speed


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
