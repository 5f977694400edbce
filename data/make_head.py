#!/usr/bin/env python3
"""Makes the input folder of one attention head from captured activations and weights. Needs NumPy only.

    python3 data/make_head.py --source FOLDER --layer 1 --head 0 --head-width 16 --out DIR [--sequences N]

FOLDER holds the input of the layer, its weights and `offsets.npy` (first row of each sequence and, last, the number
of rows), named in one of two ways (L is the layer):

    layerL_input.npy  layerL_wq.npy  layerL_wk.npy  layerL_wv.npy  layerL_bq.npy  layerL_bk.npy  layerL_bv.npy
    X_lL.npy          lL_Wq.npy      lL_Wk.npy      lL_Wv.npy      lL_bq.npy      lL_bk.npy      lL_bv.npy

Weights are (out, in), so that q = x Wq^T + bq. A missing bias counts as zero.

DIR receives what `attnewton solve --problem attention --append-ones --causal` takes (n rows, width d, head width r):

    input.npy    n x d         the input as captured (its own precision)
    target.npy   n x r         output of the head, softmax(A X* A^T) A Y*, in double precision
    offsets.npy  int64         first row of each sequence and the number of rows
    x_true.npy   (d+1)x(d+1)   X* = Q K^T / sqrt(r), where Q = [Wq^T; bq^T] of the head, K likewise
    y_true.npy   (d+1)x r      Y* = [Wv^T; bv^T] of the head

with A = [input 1]. Row j of a sequence sees rows up to j of the same sequence (causal mask); --no-causal lifts the mask.
"""
import argparse
import pathlib
import sys

import numpy as np


def file_names(folder, layer):
    """Paths of the input, and of weight and bias of each of q, k, v, in the naming scheme that the folder uses."""
    schemes = [
        ("layer{l}_input.npy", "layer{l}_w{c}.npy", "layer{l}_b{c}.npy"),
        ("X_l{l}.npy", "l{l}_W{c}.npy", "l{l}_b{c}.npy"),
    ]
    for inputs, weight, bias in schemes:
        if (folder / inputs.format(l=layer)).exists():
            return folder / inputs.format(l=layer), {
                c: (folder / weight.format(l=layer, c=c), folder / bias.format(l=layer, c=c)) for c in "qkv"
            }
    wanted = " or ".join(s[0].format(l=layer) for s in schemes)
    sys.exit(f"make_head.py: {folder} has no {wanted}; look at --source and --layer")


def head_matrix(weight_path, bias_path, head, width):
    """[W^T; b^T] of the head in double precision: (d+1) x width."""
    weight = np.load(weight_path).astype(np.float64)
    bias = np.load(bias_path).astype(np.float64) if bias_path.exists() else np.zeros(len(weight))
    rows = slice(width * head, width * (head + 1))
    if head < 0 or rows.stop > len(weight):
        sys.exit(f"make_head.py: {weight_path} has {len(weight)} rows: no head {head} of width {width} in it")
    return np.vstack([weight[rows].T, bias[None, rows]])


def head_output(a, offsets, x, y, causal):
    """softmax(A X A^T) A Y for each sequence, with the causal mask if asked for."""
    output = np.empty((len(a), y.shape[1]))
    for begin, end in zip(offsets[:-1], offsets[1:]):
        rows = a[begin:end]
        scores = rows @ x @ rows.T
        if causal:
            scores[np.triu_indices(end - begin, 1)] = -np.inf
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        output[begin:end] = weights @ (rows @ y)
    return output


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--source", type=pathlib.Path, required=True, help="folder with input, weights and offsets")
    parser.add_argument("--layer", type=int, required=True, help="number in the file names")
    parser.add_argument("--head", type=int, required=True, help="head, from 0")
    parser.add_argument("--head-width", type=int, required=True, help="columns of one head")
    parser.add_argument("--sequences", type=int, help="take only the first N sequences (default: all)")
    parser.add_argument("--no-causal", action="store_true", help="let every row see its whole sequence")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write; made if missing")
    args = parser.parse_args()

    input_path, weights = file_names(args.source, args.layer)
    offsets = np.load(args.source / "offsets.npy").astype(np.int64)
    sequences = len(offsets) - 1 if args.sequences is None else args.sequences
    if not 1 <= sequences < len(offsets):
        sys.exit(f"make_head.py: --sequences {sequences}: {args.source} has {len(offsets) - 1}")
    offsets = offsets[: sequences + 1]
    inputs = np.load(input_path)[: offsets[-1]]

    a = np.hstack([inputs.astype(np.float64), np.ones((len(inputs), 1))])
    q, k, v = (head_matrix(*weights[c], args.head, args.head_width) for c in "qkv")
    x_true, y_true = q @ k.T / np.sqrt(args.head_width), v

    args.out.mkdir(parents=True, exist_ok=True)
    arrays = {
        "input": inputs,
        "target": head_output(a, offsets, x_true, y_true, not args.no_causal),
        "offsets": offsets,
        "x_true": x_true,
        "y_true": y_true,
    }
    for name, array in arrays.items():
        np.save(args.out / f"{name}.npy", np.ascontiguousarray(array))
        print(f"{args.out / name}.npy  {'x'.join(map(str, array.shape))} {array.dtype}")


if __name__ == "__main__":
    main()
