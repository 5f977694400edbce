#!/usr/bin/env python3
"""Solves one attention layer by several methods and shows loss and gradient over seconds.

    python3 benchmarks/method_curves.py [--methods auto newton newton/gauss-newton newton-cg/sampled lbfgs/none]
        [--a1 A1.npy --b B.npy [--offsets O.npy] [--causal] [--append-ones] [--ridge 1e-4] [--scale 1]]
        [--ranks 2] [--threads 1] [--rounds 3] [--time-limit 120] [--torch /my/venv/bin/python]
        [--out method-curves.json] [--picture method-curves.png]

Without --a1 the layer is the bundled head, as README.md fits it. A method is METHOD or METHOD/HESSIAN: the
HESSIAN is --hessian with newton, else --preconditioner. All start at X = 0 with the best Y for it and take
turns, round by round. --torch adds PyTorch's L-BFGS on the same reduced functional, with as many threads as
attnewton has ranks times threads (torch_lbfgs.py).

A time to a level is the median over the rounds of the time until the level is first reached; a round that
never reaches it counts as infinite. The picture draws for each method the round of median length. Tables go
to standard output as Markdown: times to levels of residual and gradient, and how many times as long as the
others auto takes, at worst, to reach any loss that they reach.
"""

import argparse
import bisect
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
from statistics import median_low

from bench_common import Peer, PeerError, default_program, fail, kept_memory, markdown_table, number, root
from bench_common import write_result
from bench_plots import block_name, data_block, draw, head

default_methods = ["auto", "newton", "newton/gauss-newton", "newton-cg", "newton-cg/sampled", "lbfgs", "lbfgs/none"]
torch_histories = [20, 100]
bundled = root / "data/wordgpt_layer1_head0"
seconds_of, loss_of, gradient_of, residual_of = range(4)  # columns of a curve
# Losses agree to rounding and to what the tolerance leaves.
loss_slack = 1e-6
# Shorter times are of a few evaluations, which all methods begin with.
least_seconds = 0.05


def option_words(method):
    name, _, hessian = method.partition("/")
    words = ["--method", name]
    return words + (["--hessian" if name == "newton" else "--preconditioner", hessian] if hessian else [])


def problem_words(problem):
    words = ["--a1", problem["a1"], "--b", problem["b"], "--scale", problem["scale"], "--ridge", problem["ridge"]]
    words += ["--offsets", problem["offsets"]] if problem["offsets"] else []
    return words + [f"--{flag}" for flag in ("causal", "append-ones") if problem[flag.replace("-", "_")]]


# --- runs ---


def best_so_far(curve):
    """The curve with the least loss, gradient and residual up to each time."""
    best, least = [], [math.inf] * 3
    for seconds, *values in curve:
        least = [min(pair) for pair in zip(least, values)]
        best.append([seconds, *least])
    return best


def run_attnewton(method, problem, args):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    with tempfile.TemporaryDirectory() as folder:
        command = ["mpirun", "-n", args.ranks, "--bind-to", "none", "--oversubscribe", args.program, "solve"]
        command += [*problem_words(problem), *option_words(method), "--init", "zero", "--threads", args.threads]
        command += ["--time-limit", args.time_limit, "--tolerance", args.tolerance, "--max-iterations", 10**6]
        command = [*map(str, command), "--quiet", "--out", folder]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        if done.returncode not in (0, 4, 5):  # 4, 5: it ended somewhere else than at the tolerance
            fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.strip()}")
        result = json.loads((pathlib.Path(folder) / "result.json").read_text())
        lines = (pathlib.Path(folder) / "iterations.jsonl").read_text().splitlines()
    records = map(json.loads, lines)
    keys = ("seconds", "loss", "relative_gradient", "relative_residual")
    run = {"end": result["status"], "steps": result["iterations"], "last_method": result["last_method"]}
    return run | {"curve": best_so_far([record[key] for key in keys] for record in records)}


def run_torch(peer, history, problem, args):
    request = {"problem": problem, "history": history, "time_limit": args.time_limit, "tolerance": args.tolerance}
    try:
        # Loading and a first evaluation of each form come on top of the limit.
        reply = peer.ask(3 * args.time_limit + 300, **request)
    except PeerError as error:
        fail(f"PyTorch with history {history}: {error}")
    return reply | {"steps": len(reply["curve"]), "curve": best_so_far(reply["curve"])}


def runs_of(problem, args):
    """The runs of each method: {name: [run of each round]}."""
    ways = {method: lambda method=method: run_attnewton(method, problem, args) for method in args.methods}
    peer = None
    if args.torch:
        script = pathlib.Path(__file__).with_name("torch_lbfgs.py")
        peer = Peer(args.torch, script, args.ranks * args.threads, environment=kept_memory)
        for history in torch_histories:
            ways[f"PyTorch L-BFGS, {history} pairs"] = lambda history=history: run_torch(peer, history, problem, args)
    runs = {name: [] for name in ways}
    for turn in range(args.rounds):
        for name, way in ways.items():
            run = way()
            runs[name].append(run)
            seconds, loss, gradient, _ = run["curve"][-1]
            about = f"{run['steps']} steps, {seconds:.2f} s, loss {loss:.6e}, gradient {gradient:.1e}, {run['end']}"
            print(f"round {turn + 1}, {name}: {about}", file=sys.stderr, flush=True)
    if peer:
        peer.close()
    return runs


def check_starts(runs):
    """Whether all minimise the same functional from the same point."""
    losses = {name: run["curve"][0][loss_of] for name, of_name in runs.items() for run in of_name}
    first = next(iter(losses.values()))
    for name, loss in losses.items():
        if abs(loss - first) > 1e-9 * first:
            fail(f"{name} starts at a loss of {loss}, {next(iter(losses))} at {first}: the problems differ")


# --- times to levels ---


def time_to(run, column, level):
    curve = run["curve"]  # whose values fall
    place = bisect.bisect_left(curve, -level, key=lambda point: -point[column])
    return curve[place][seconds_of] if place < len(curve) else math.inf


def median_time(runs, column, level):
    return median_low(sorted(time_to(run, column, level) for run in runs))


def median_run(runs):
    return sorted(runs, key=lambda run: run["curve"][-1][seconds_of])[(len(runs) - 1) // 2]


def time_rows(runs, args):
    levels = [(residual_of, level) for level in args.residuals] + [(gradient_of, level) for level in args.gradients]
    rows = []
    for name, of_name in runs.items():
        times = [median_time(of_name, *level) for level in levels]
        rows.append({"method": name, "seconds": [time if math.isfinite(time) else None for time in times]})
    return rows


def worst_ratio(ours, others):
    """The largest ratio of the times of two runs' medians to any loss, and that loss; None if there is none."""
    worst = None
    for loss in sorted({point[loss_of] for run in others for point in run["curve"]}):
        theirs = median_time(others, loss_of, loss)
        if not least_seconds <= theirs < math.inf:
            continue
        ratio = median_time(ours, loss_of, loss * (1 + loss_slack)) / theirs
        if worst is None or ratio > worst[0]:
            worst = ratio, loss, theirs
    return worst


def ratio_rows(runs):
    rows = []
    for name, others in runs.items():
        worst = worst_ratio(runs["auto"], others) if "auto" in runs and name != "auto" else None
        if worst:
            rows.append({"method": name, "ratio": worst[0], "loss": worst[1], "seconds": worst[2]})
    return rows


def level_text(value):
    return f"{value:.0e}".replace("e-0", "e-")


def print_tables(times, ratios, args):
    heading = ["seconds to", *(f"residual {level_text(level)}" for level in args.residuals)]
    heading += [f"gradient {level_text(level)}" for level in args.gradients]
    cells = [[row["method"], *("-" if s is None else number(s) for s in row["seconds"])] for row in times]
    print(markdown_table(heading, cells))
    if ratios:
        heading = ["auto against", "longest time, of the other's", "at loss", "which took the other s"]
        cells = [[row["method"], number(row["ratio"]), f"{row['loss']:.3e}", number(row["seconds"])] for row in ratios]
        print("\n" + markdown_table(heading, cells))


# --- the picture ---

colours = ["#000000", "#0072b2", "#56b4e9", "#009e73", "#d55e00", "#e69f00", "#cc79a7", "#7f4fc9", "#999933"]


def style(place, name):
    width, dash = (3, 1) if name == "auto" else (1.6, 2 if name.startswith("PyTorch") else 1)
    colour = colours[place % len(colours)]
    return f'with steps linewidth {width} dashtype {dash} linecolor rgb "{colour}"'


def draw_curves(runs, title, path):
    shown = {name: median_run(of_name)["curve"] for name, of_name in runs.items()}
    script = head.format(size="1300,620", font=12)
    script += f"""set multiplot layout 1,2 title "{title}" font ",15"
set logscale xy
set xlabel "seconds"
set format y "10^{{%L}}"
set bmargin 9
set key at screen 0.5,0.015 center bottom vertical maxrows 3 Left reverse samplen 2.5 width 1
"""
    for name, curve in shown.items():
        # A logarithm has no 0.
        points = [[max(point[seconds_of], 1e-4), point[loss_of], point[gradient_of]] for point in curve]
        script += data_block(block_name("curve", name), points)
    for column, what in ((2, "loss"), (3, "gradient, of its first norm")):
        plots = []
        for place, name in enumerate(shown):
            key = f'title "{name}"' if column == 2 else "notitle"
            plots.append(f"${block_name('curve', name)} using 1:{column} {style(place, name)} {key}")
        script += f'set title "{what}" font ",13"\nplot ' + ", ".join(plots) + "\nunset key\n"
    draw(script + "unset multiplot\n", path)


# --- arguments ---


def problem_of(args):
    if args.a1 is None:
        files = {name: str(bundled / f"{file}.npy") for name, file in bundled_files.items()}
        return files | {"causal": True, "append_ones": True, "scale": args.scale, "ridge": args.ridge}
    if args.b is None:
        fail("--a1 needs --b: the inputs and the output that is to be fitted")
    files = {"a1": str(args.a1), "b": str(args.b), "offsets": str(args.offsets) if args.offsets else None}
    flags = {"causal": args.causal, "append_ones": args.append_ones}
    return files | flags | {"scale": args.scale, "ridge": args.ridge}


bundled_files = {"a1": "input", "b": "target", "offsets": "offsets"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=default_methods, metavar="METHOD[/HESSIAN]")
    parser.add_argument("--a1", type=pathlib.Path)
    parser.add_argument("--b", type=pathlib.Path)
    parser.add_argument("--offsets", type=pathlib.Path)
    parser.add_argument("--causal", action="store_true")
    parser.add_argument("--append-ones", action="store_true")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--ridge", type=float, default=1e-4)
    parser.add_argument("--tolerance", type=float, default=1e-8)
    parser.add_argument("--residuals", nargs="+", type=float, default=[1e-1, 1e-2, 1e-3, 1e-4])
    parser.add_argument("--gradients", nargs="+", type=float, default=[1e-2, 1e-4, 1e-6, 1e-8])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="a rank")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=120, help="seconds for each solve")
    parser.add_argument("--torch", metavar="PYTHON", help="one with PyTorch and NumPy")
    parser.add_argument("--program", type=pathlib.Path, default=default_program)
    parser.add_argument("--out", type=pathlib.Path, default="method-curves.json")
    parser.add_argument("--picture", type=pathlib.Path, default="method-curves.png")
    return parser.parse_args()


def main():
    args = arguments()
    problem = problem_of(args)
    runs = runs_of(problem, args)
    check_starts(runs)
    times, ratios = time_rows(runs, args), ratio_rows(runs)
    settings = {key: getattr(args, key) for key in ("ranks", "threads", "rounds", "time_limit", "tolerance")}
    levels = {"residuals": args.residuals, "gradients": args.gradients}
    columns = ["seconds", "loss", "relative_gradient", "relative_residual"]
    write_result(
        args.out,
        {"problem": problem, **settings, "times_to": {**levels, "rows": times}, "auto_against": ratios}
        | {"curve_columns": columns, "runs": runs},
    )
    title = f"attnewton on {args.ranks} ranks of {args.threads} thread{'s' * (args.threads > 1)}"
    draw_curves(runs, title, args.picture)
    print_tables(times, ratios, args)


if __name__ == "__main__":
    main()
