#!/usr/bin/env python3
"""How many sampled rows a regression's Hessian needs, by sampling rule.

    python3 benchmarks/sampled_rows.py [--n 20000] [--d 20] [--heavy-rows 10] [--ranks 2] [--out sampled-rows.json]

`attnewton generate` makes a matrix with a few heavy rows and plants a target in it; `attnewton check --certificate --hessian sampled`
measures the distortion ε₀ of sampled Hessians at the solution, the worst of its draws, against the exact one. For each rule the script
looks for the fewest rows, within 10 %, at which ε₀ is at most 1/2: Newton's method then converges without damping, by ε₀/(1 − ε₀) a
step at most. The last columns are the H-norm contraction that was measured with so many rows, beside ε₀/(1 − ε₀).
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bench_common

wanted = 0.5
resolution = 1.1


def attnewton(arguments, ranks):
    command = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", str(ranks), str(bench_common.default_program),
               *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        bench_common.fail(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


class Matrix:
    """A planted problem in a folder, and the certificates of its sampled Hessians."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        attnewton(["generate", "--problem", "regression", "--rows", options.n, "--width", options.d, "--heavy-rows",
                   options.heavy_rows, "--heavy-factor", options.heavy_factor, "--link", "identity", "--normalisation",
                   "none", "--noise", 0.5, "--threads", 1, "--out", folder], options.ranks)

    def certificate(self, rule, rows):
        """ε₀, and the measured contraction of each step in the H-norm."""
        text = attnewton(["check", "--problem", "regression", "--a", self.folder / "a.npy", "--b", self.folder / "b.npy",
                          "--link", "identity", "--normalisation", "none", "--certificate", "--hessian", "sampled",
                          "--sampling", rule, "--sketch-rows", rows, "--steps", 12, "--threads", 1], self.options.ranks)
        distortion = float(re.search(r"ε₀ = ([0-9.e+-]+)", text).group(1))
        factors = []
        for line in text.splitlines():
            fields = line.split()
            if len(fields) == 8 and fields[0].isdigit() and "*" not in fields[6]:
                factors.append(float(fields[6]))
        return distortion, factors

    def fewest_rows(self, rule):
        """The fewest rows with ε₀ ≤ 1/2, with ε₀ and the contraction there."""
        low, high = self.options.d, self.options.d
        found = self.certificate(rule, high)
        while found[0] > wanted and high < self.options.n:
            low, high = high, min(2 * high, self.options.n)
            found = self.certificate(rule, high)
        while high > resolution * low:
            middle = max(low + 1, round((low * high) ** 0.5))
            tried = self.certificate(rule, middle)
            if tried[0] <= wanted:
                high, found = middle, tried
            else:
                low = middle
        return high, *found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20000)
    parser.add_argument("--d", type=int, default=20)
    parser.add_argument("--heavy-rows", type=int, default=10)
    parser.add_argument("--heavy-factor", type=float, default=100)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        matrix = Matrix(pathlib.Path(folder), options)
        print(f"{options.n} rows of {options.d}, {options.heavy_rows} of them {options.heavy_factor:g} times as heavy")
        print("sampling    rows   of n      ε₀   ε₀/(1−ε₀)   measured factors (H-norm): median, largest")
        for rule in ["uniform", "norm", "leverage"]:
            count, distortion, factors = matrix.fewest_rows(rule)
            predicted = distortion / (1 - distortion) if distortion < 1 else float("inf")
            ordered = sorted(factors) or [float("nan")]
            print(f"{rule:9}  {count:6}  {count / options.n:5.1%}  {distortion:6.3f}  {predicted:10.3f}   "
                  f"{ordered[len(ordered) // 2]:.3f}, {ordered[-1]:.3f}")
            rows.append({"sampling": rule, "rows": count, "distortion": distortion, "factors": factors})
    if options.out:
        options.out.write_text(json.dumps({"n": options.n, "d": options.d, "heavy_rows": options.heavy_rows,
                                           "heavy_factor": options.heavy_factor, "rules": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
