#!/usr/bin/env python3
"""Checks pruned weights against the published scripts, in NumPy (needs python3-numpy).

    check_baselines.py METHOD --weights w.npy --inputs x.npy --pruned w_pruned.npy [--ratio 0.5 | --pattern 2:4]

METHOD is magnitude, wanda or sparsegpt; weights are inputs x outputs, inputs are rows x inputs. What follows keeps the order of
github.com/IST-DASLab/sparsegpt (sparsegpt.py, fasterprune) and github.com/locuslab/wanda (lib/prune.py), whose weights
are outputs x inputs. Where ratio * size is whole and no scores tie there is one answer; exits 1 if the weights differ from it.
"""
import argparse
import math
import sys

import numpy as np


def groups(metric, mask, n, m):
    """Marks the m - n smallest of every m columns; of a shorter group at the end all but ceil(n * length / m)."""
    for first in range(0, metric.shape[1], m):
        length = min(m, metric.shape[1] - first)
        gone = length - math.ceil(n * length / m)
        order = np.argsort(metric[:, first : first + length], axis=1, kind="stable")[:, :gone]
        np.put_along_axis(mask, first + order, True, axis=1)


def magnitude(w, x, ratio, n, m):
    metric = np.abs(w)
    mask = np.zeros_like(w, dtype=bool)
    if m:
        groups(metric, mask, n, m)
    else:  # the script's threshold takes one more; this product takes the count that was asked for
        order = np.argsort(metric.T.flatten(), kind="stable")[: math.floor(ratio * w.size + 0.5)]
        flat = mask.T.flatten()
        flat[order] = True
        mask = flat.reshape(w.T.shape).T
    return np.where(mask, 0, w)


def wanda(w, x, ratio, n, m):
    metric = np.abs(w) * np.linalg.norm(x, axis=0).reshape((1, -1))
    mask = np.zeros_like(w, dtype=bool)
    if m:
        groups(metric, mask, n, m)
    else:
        order = np.argsort(metric, axis=1, kind="stable")[:, : int(w.shape[1] * ratio)]
        np.put_along_axis(mask, order, True, axis=1)
    return np.where(mask, 0, w)


def sparsegpt(w, x, ratio, n, m, blocksize=128, percdamp=0.01):
    w = w.copy()
    columns = w.shape[1]
    h = 2 / x.shape[0] * (x.T @ x)
    dead = np.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    h += percdamp * np.mean(np.diag(h)) * np.eye(columns)
    hinv = np.linalg.cholesky(np.linalg.inv(h)).T
    if m:
        blocksize = max(m, blocksize // m * m)
    for i1 in range(0, columns, blocksize):
        i2 = min(i1 + blocksize, columns)
        w1 = w[:, i1:i2].copy()
        q1 = np.zeros_like(w1)
        err1 = np.zeros_like(w1)
        hinv1 = hinv[i1:i2, i1:i2]
        mask1 = np.zeros_like(w1, dtype=bool)
        if not m:
            tmp = w1**2 / np.diag(hinv1).reshape((1, -1)) ** 2
            thresh = np.sort(tmp.flatten())[int(tmp.size * ratio)]
            mask1 = tmp <= thresh
        for i in range(i2 - i1):
            if m and i % m == 0:
                end = min(i + m, i2 - i1)
                tmp = w1[:, i:end] ** 2 / np.diag(hinv1)[i:end].reshape((1, -1)) ** 2
                groups(tmp, mask1[:, i:end], n, m)
            q = w1[:, i].copy()
            q[mask1[:, i]] = 0
            q1[:, i] = q
            err = (w1[:, i] - q) / hinv1[i, i]
            w1[:, i:] -= np.outer(err, hinv1[i, i:])
            err1[:, i] = err
        w[:, i1:i2] = q1
        w[:, i2:] -= err1 @ hinv[i1:i2, i2:]
    return w


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=["magnitude", "wanda", "sparsegpt"])
    parser.add_argument("--weights", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--pruned", required=True)
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--pattern", default="unstructured")
    given = parser.parse_args()
    n, m = (0, 0) if given.pattern == "unstructured" else map(int, given.pattern.split(":"))
    w = np.load(given.weights).astype(np.float64)
    method = {"magnitude": magnitude, "wanda": wanda, "sparsegpt": sparsegpt}[given.method]
    expected = method(w.T, np.load(given.inputs).astype(np.float64), given.ratio, n, m).T
    pruned = np.load(given.pruned).astype(np.float64)
    if pruned.shape != expected.shape:
        sys.exit(f"{given.pruned}: shape {pruned.shape}, expected {expected.shape}")
    zeros = np.count_nonzero((pruned == 0) != (expected == 0))
    difference = np.linalg.norm(pruned - expected) / max(np.linalg.norm(expected), 1e-300)
    share = f"ratio {given.ratio}" if not m else given.pattern
    print(f"{given.method}, {share}: {zeros} weights on the wrong side, relative difference {difference:.2e}")
    if zeros or not difference < 1e-9:
        sys.exit(1)


if __name__ == "__main__":
    main()
