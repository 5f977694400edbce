"""Layers of random weights and inputs, and what every way of pruning makes of them: for pruning_study.py."""

import concurrent.futures
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from bench_common import fail

heldout_sequences = 4
measures = {"relative_error": "calibration", "relative_error_heldout": "held out"}


@dataclasses.dataclass(frozen=True)
class Curve:
    title: str
    method: str
    form: str
    colour: str
    scores: str | None = None
    dashed: bool = False


curves = [
    Curve("learned mask, by M", "attention", "fused", "#d55e00", "mask"),
    Curve("learned mask, by |M∘W|", "attention", "fused", "#0072b2", "mask-weight"),
    Curve("refit of W", "refit", "fused", "#000000"),
    Curve("refit of W_Q, W_K", "refit", "factors", "#000000", dashed=True),
    Curve("magnitude of W", "magnitude", "fused", "#009e73"),
    Curve("Wanda on W", "wanda", "fused", "#cc79a7"),
    Curve("SparseGPT on W", "sparsegpt", "fused", "#e69f00"),
    Curve("Wanda on W_Q, W_K", "wanda", "factors", "#cc79a7", dashed=True),
    Curve("SparseGPT on W_Q, W_K", "sparsegpt", "factors", "#e69f00", dashed=True),
]
learned = [curve for curve in curves if curve.method == "attention"]
others = [curve for curve in curves if curve.method != "attention"]


# --- layers ---


def cut_gaussian(random, d, rank):
    """A Gaussian d x d matrix's best approximation of a rank."""
    u, s, vt = np.linalg.svd(random.standard_normal((d, d)))
    return (u[:, :rank] * s[:rank]) @ vt[:rank]


class Layer:
    """A layer's files in a folder, and runs of `attnewton prune` on them."""

    def __init__(self, folder, seed, n, args):
        self.folder, self.seed, self.n, self.program = pathlib.Path(folder), seed, n, args.program
        random = np.random.default_rng(seed)  # the same weights for every n
        query, key = cut_gaussian(random, args.d, args.rank), cut_gaussian(random, args.d, args.rank)
        weights = query @ key.T
        self.scale = float(args.logits / np.linalg.norm(weights))
        inputs = np.random.default_rng([seed, n])
        # Stored as models do: outputs x inputs.
        self.save("w", weights).save("wq", query.T).save("wk", key.T)
        self.save_inputs(inputs, "x", args.sequences, args.d).save_inputs(inputs, "heldout", heldout_sequences, args.d)

    def save(self, name, array):
        np.save(self.folder / f"{name}.npy", np.ascontiguousarray(array))
        return self

    def save_inputs(self, random, name, sequences, d):
        offsets = "offsets" if name == "x" else f"{name}-offsets"
        self.save(offsets, np.arange(sequences + 1, dtype=np.int64) * self.n)
        return self.save(name, random.standard_normal((sequences * self.n, d)))

    def inputs(self, form):
        names = ["x", "offsets", "heldout", "heldout-offsets", *(["w"] if form == "fused" else ["wq", "wk"])]
        words = [word for name in names for word in (f"--{name}", self.folder / f"{name}.npy")]
        return [*words, "--causal", "--scale", repr(self.scale), *(["--form", form] if form == "factors" else [])]

    def prune(self, wanted, ratios, options=()):
        """Results of the curves' methods, which have one form, at the ratios; and the whole result.json."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            command = [self.program, "prune", *self.inputs(wanted[0].form), *options]
            command += ["--method", ",".join(curve.method for curve in wanted), "--ratio", ",".join(map(repr, ratios))]
            command = [*map(str, command), "--threads", "1", "--quiet", "--out", out]
            environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
            try:
                done = subprocess.run(command, capture_output=True, text=True, env=environment)
            except OSError as error:
                fail(f"cannot run {self.program}: {error.strerror}; build it, or give --program")
            if done.returncode != 0:
                fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.strip()}")
            result = json.loads((pathlib.Path(out) / "result.json").read_text())
        titles = {curve.method: curve.title for curve in wanted}
        keys = ("ratio", "sparsity", *measures, "iterations", "seconds")
        rows = [
            {"curve": titles[run["method"]], "seed": self.seed, "n": self.n, "lambda": None}
            | {key: run[key] for key in keys}
            for run in result["runs"]
        ]
        return rows, result


def rows_of_layer(seed, n, lambdas, ratios, args):
    """Every curve's rows for one seed and n; and what the program says of its options and of itself."""
    rows, said = [], {}
    with tempfile.TemporaryDirectory() as folder:
        layer = Layer(folder, seed, n, args)
        for form in ("fused", "factors"):
            found, result = layer.prune([curve for curve in others if curve.form == form], ratios)
            rows += found
            said[form] = result["options"]["used"]
        for ridge, curve in itertools.product(lambdas, learned):
            found, result = layer.prune([curve], ratios, ["--lambda", ridge, "--scores", curve.scores])
            rows += [row | {"lambda": ridge} for row in found]
            said[f"attention, {curve.scores}"] = result["options"]["used"]
    print(f"seed {seed}, n = {n}: done", file=sys.stderr, flush=True)
    return rows, {"options": said, "scale": layer.scale, "provenance": result["provenance"]}


def measure(args):
    """All rows of the three sweeps, and what the first layer's runs said. The longest come first."""
    jobs = [
        (seed, n, args.lambdas if n == args.n else [args.ridge], args.ratios if n == args.n else [args.ratio])
        for n in sorted({*args.ns, args.n}, reverse=True)
        for seed in range(1, args.seeds + 1)
    ]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = [*pool.map(lambda job: rows_of_layer(*job, args), jobs)]
    return [row for rows, _ in results for row in rows], results[0][1]
