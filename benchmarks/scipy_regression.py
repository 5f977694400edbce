#!/usr/bin/env python3
"""Solves regressions on one vector with attnewton and with SciPy, from the same start, and compares the optima.

    python3 benchmarks/scipy_regression.py DATA_DIR [--files gas usps] [--ranks 2] [--out scipy-regression.json]

DATA_DIR holds gas.npy, protein.npy, keggundirected.npy (last column a target, left out here) and usps.npy. For each file and
normalisation `attnewton generate` plants a target in the standardised columns, attnewton solves it, and SciPy minimises the same
loss, written here in NumPy from its definition: L-BFGS-B and trust-ncg (exact gradient, exact Hessian-vector products) from the same
start, x = 0, to the tightest tolerance that they reach, and trust-ncg once more from a point 1e-2 beside our solution, which ends in our
minimum if that is one. These losses are not convex: two methods may end in two minima, and the table says which did.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import scipy
import scipy.optimize

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bench_common

files = {"gas": True, "protein": True, "keggundirected": True, "usps": False}  # whether the last column is a target
agreement = 1e-8


class Loss:
    """½‖u/α − b‖² or ½‖u − α b‖², u = exp(A x), α = Σ u, plus ½ λ‖x‖²."""

    def __init__(self, a, b, normalisation, ridge):
        self.a, self.b, self.normalisation, self.ridge = a, b, normalisation, ridge
        self.evaluations = 0

    def parts(self, x):
        z = self.a @ x
        if self.normalisation == "softmax":
            u = np.exp(z - z.max())
            f = u / u.sum()
            return f, f - self.b
        u = np.exp(z)
        return u, u - u.sum() * self.b

    def value_and_gradient(self, x):
        self.evaluations += 1
        f, c = self.parts(x)
        along = f @ c if self.normalisation == "softmax" else self.b @ c
        slope = f * (c - along)
        return 0.5 * c @ c + 0.5 * self.ridge * x @ x, self.a.T @ slope + self.ridge * x

    def hessian_vector(self, x, v):
        """By the chain rule on the gradient, term by term."""
        f, c = self.parts(x)
        z = self.a @ v
        if self.normalisation == "softmax":
            df = f * (z - f @ z)
            dc = df
            along, d_along = f @ c, df @ c + f @ dc
        else:
            df = f * z
            dc = df - df.sum() * self.b
            along, d_along = self.b @ c, self.b @ dc
        return self.a.T @ (df * (c - along) + f * (dc - d_along)) + self.ridge * v


def minimised(loss, start, method):
    """SciPy's end point: value, gradient norm, seconds."""
    loss.evaluations = 0
    options = {
        "L-BFGS-B": {"maxiter": 20000, "maxfun": 40000, "ftol": 0, "gtol": 0, "maxcor": 20},
        "trust-ncg": {"maxiter": 2000, "gtol": 1e-10 * np.linalg.norm(loss.value_and_gradient(start)[1])},
    }[method]
    hessian = {"hessp": loss.hessian_vector} if method == "trust-ncg" else {}
    before = time.perf_counter()
    end = scipy.optimize.minimize(loss.value_and_gradient, start, jac=True, method=method, options=options, **hessian)
    seconds = time.perf_counter() - before
    value, gradient = loss.value_and_gradient(end.x)
    return {"loss": value, "gradient_norm": float(np.linalg.norm(gradient)), "seconds": seconds,
            "evaluations": loss.evaluations}


def attnewton(arguments, ranks):
    command = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", str(ranks), str(bench_common.default_program),
               *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        bench_common.fail(f"{' '.join(command)} failed:\n{done.stderr}")


def case(data, name, normalisation, options, folder):
    attnewton(["generate", "--problem", "regression", "--a", data / f"{name}.npy", "--standardise", "--link", "exp",
               "--normalisation", normalisation, "--noise", options.noise, "--logit-scale", 1, "--threads", 1,
               *(["--target-column", "-1"] if files[name] else []), "--out", folder], options.ranks)
    attnewton(["solve", "--config", folder / "solve.ini", "--ridge", options.ridge, "--tolerance", 1e-10,
               "--threads", 1, "--out", folder / "result"], options.ranks)
    result = json.loads((folder / "result/result.json").read_text())
    x = np.load(folder / "result/x.npy")
    a = np.load(folder / "a.npy")
    loss = Loss(a, np.load(folder / "b.npy")[:, 0], normalisation, options.ridge)
    rng = np.random.default_rng(1)
    beside = x + 1e-2 * np.linalg.norm(x) * rng.standard_normal(x.size) / np.sqrt(x.size)
    return {
        "data": name, "n": a.shape[0], "d": a.shape[1], "normalisation": normalisation,
        "attnewton": {"loss": result["loss"], "seconds": result["seconds"], "iterations": result["iterations"],
                      "relative_gradient": result["gradient_norm"] / result["initial_gradient_norm"]},
        "L-BFGS-B": minimised(loss, np.zeros_like(x), "L-BFGS-B"),
        "trust-ncg": minimised(loss, np.zeros_like(x), "trust-ncg"),
        "trust-ncg beside": minimised(loss, beside, "trust-ncg"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--files", nargs="+", choices=list(files), default=list(files))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--ridge", type=float, default=1e-6)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    print(f"SciPy {scipy.__version__}; ridge {options.ridge}, noise {options.noise}; attnewton on {options.ranks} ranks")
    head = "data           n       d   normalis.   it.  |g|/|g0|  seconds   loss"
    print(head + " " * 14 + "relative distance to it (seconds): L-BFGS-B, trust-ncg, trust-ncg beside")
    cases = []
    worst = 0
    for name in options.files:
        for normalisation in ["softmax", "rescaled"]:
            with tempfile.TemporaryDirectory() as folder:
                row = case(options.data, name, normalisation, options, pathlib.Path(folder))
            ours = row["attnewton"]
            peers = [row[peer] for peer in ("L-BFGS-B", "trust-ncg", "trust-ncg beside")]
            distances = [(peer["loss"] - ours["loss"]) / abs(ours["loss"]) for peer in peers]
            worst = max(worst, min(map(abs, distances)))
            print(f"{name:14} {row['n']:<7} {row['d']:<3} {normalisation:10} {ours['iterations']:4}"
                  f"  {ours['relative_gradient']:.1e}  {ours['seconds']:7.2f}   {ours['loss']:.10e}  "
                  + "  ".join(f"{distance:+.1e} ({peer['seconds']:.1f})" for distance, peer in zip(distances, peers)))
            cases.append(row)
    print(f"largest distance of the nearest SciPy optimum: {worst:.1e}, wanted {agreement:.0e}")
    if options.out:
        options.out.write_text(json.dumps({"scipy": scipy.__version__, "cases": cases}, indent=2) + "\n")
    if worst > agreement:
        sys.exit(1)


if __name__ == "__main__":
    main()
