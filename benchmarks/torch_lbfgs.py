#!/usr/bin/env python3
"""PyTorch's side of method_curves.py, which starts it: torch.optim.LBFGS on the reduced functional of one
attention layer. Answers JSON, line by line.

The functional is ½‖T Y − B‖² + ½λ(‖X‖² + ‖Y‖²) over X, T = softmax(scale A₁ X A₂ᵀ) A₃, with Y eliminated:
(TᵀT + λI) Y = TᵀB is solved inside the loss, and autograd differentiates the whole. Doubles; sequences of one
length are a batch. Strong Wolfe line search; X starts at zero.
"""

import argparse
import json
import math
import sys
import time

try:
    import numpy
    import torch
except ImportError as error:
    sys.exit(
        f"torch_lbfgs.py: {sys.executable} has no working PyTorch with NumPy ({error}): install them, and give "
        "that Python with --torch"
    )


def batches(inputs, target, offsets):
    """(inputs, target) of the sequences of each length, as batches."""
    by_length = {}
    for begin, end in zip(offsets[:-1], offsets[1:]):
        by_length.setdefault(end - begin, []).append((inputs[begin:end], target[begin:end]))
    for sequences in by_length.values():
        yield tuple(torch.stack(matrices) for matrices in zip(*sequences))


class ReducedFunctional:
    def __init__(self, a1, b, offsets, causal, append_ones, scale, ridge):
        inputs = torch.from_numpy(numpy.load(a1)).double()
        target = torch.from_numpy(numpy.load(b)).double()
        if append_ones:
            inputs = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.double)], 1)
        ends = numpy.load(offsets).ravel().tolist() if offsets else [0, len(inputs)]
        self.batches = list(batches(inputs, target, ends))
        self.width, self.target_norm = inputs.shape[1], target.norm().item()
        self.causal, self.scale, self.ridge = causal, scale, ridge
        lengths = {a.shape[1] for a, _ in self.batches}
        self.hidden = {length: torch.ones(length, length, dtype=torch.bool).triu(1) for length in lengths}

    def mixed_whole(self, a, x):
        scores = (a @ (self.scale * x)) @ a.transpose(-1, -2)
        if self.causal:
            scores = scores.masked_fill(self.hidden[a.shape[1]], -math.inf)
        return torch.softmax(scores, -1) @ a

    def mixed_fused(self, a, x):
        # The kernel's own scale 1/√d is taken back.
        queries = a @ (self.scale * math.sqrt(self.width) * x)
        values = a.unsqueeze(1)
        return torch.nn.functional.scaled_dot_product_attention(
            queries.unsqueeze(1), values, values, is_causal=self.causal
        ).squeeze(1)

    forms = {"whole matrices": mixed_whole, "fused": mixed_fused}

    def value(self, x, form):
        """The functional, and the relative residual ‖T Y − B‖/‖B‖."""
        mixed = [ReducedFunctional.forms[form](self, a, x) for a, _ in self.batches]
        identity = torch.eye(self.width, dtype=torch.double)
        gram = sum(torch.einsum("sja,sjb->ab", t, t) for t in mixed) + self.ridge * identity
        right = sum(torch.einsum("sja,sje->ae", t, b) for t, (_, b) in zip(mixed, self.batches))
        y = torch.linalg.solve(gram, right)
        squares = sum((t @ y - b).square().sum() for t, (_, b) in zip(mixed, self.batches))
        loss = 0.5 * squares + 0.5 * self.ridge * (x.square().sum() + y.square().sum())
        return loss, math.sqrt(squares.item()) / self.target_norm


class Ended(Exception):
    pass


class Run:
    """One minimisation: [seconds, loss, ‖g‖/‖g₀‖, relative residual] of every evaluation."""

    def __init__(self, functional, form, time_limit, tolerance):
        self.functional, self.form = functional, form
        self.time_limit, self.tolerance = time_limit, tolerance
        self.x = torch.zeros(functional.width, functional.width, dtype=torch.double, requires_grad=True)
        self.curve = []
        self.first_gradient = None
        self.start = time.perf_counter()

    def evaluate(self):
        self.x.grad = None
        loss, residual = self.functional.value(self.x, self.form)
        loss.backward()
        gradient = self.x.grad.norm().item()
        if self.first_gradient is None:
            self.first_gradient = gradient
        seconds = time.perf_counter() - self.start
        self.curve.append([seconds, loss.item(), gradient / self.first_gradient, residual])
        if seconds > self.time_limit:
            raise Ended("time limit")
        if gradient <= self.tolerance * self.first_gradient:
            raise Ended("converged")
        return loss

    def minimise(self, history):
        most = 10**7
        optimiser = torch.optim.LBFGS(
            [self.x],
            max_iter=most,
            max_eval=most,
            history_size=history,
            line_search_fn="strong_wolfe",
            tolerance_grad=0,
            tolerance_change=0,
        )
        try:
            optimiser.step(self.evaluate)
            return "no further step"
        except Ended as end:
            return str(end)


def faster_form(functional):
    """The form whose second evaluation is the faster one; the first also loads and allocates."""
    seconds = {}
    for form in ReducedFunctional.forms:
        if form == "fused" and not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
            continue
        run = Run(functional, form, math.inf, 0)
        for _ in range(3):
            run.start = time.perf_counter()
            run.evaluate()
        seconds[form] = min(point[0] for point in run.curve[1:])
    return min(seconds, key=seconds.get)


def answer(request, functionals):
    problem = json.dumps(request["problem"], sort_keys=True)
    if problem not in functionals:
        functional = ReducedFunctional(**request["problem"])
        functionals[problem] = functional, faster_form(functional)
    functional, form = functionals[problem]
    run = Run(functional, form, request["time_limit"], request["tolerance"])
    end = run.minimise(request["history"])
    return {"torch": torch.__version__, "form": form, "end": end, "curve": run.curve}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    functionals = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), functionals)
        except (RuntimeError, MemoryError, OSError, ValueError) as error:
            reply = {"error": str(error).splitlines()[0] if str(error) else type(error).__name__}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
