#!/usr/bin/env python3
"""PyTorch's side of pytorch_gradient.py and pytorch_hessian.py, which start it: answers JSON, line by line.

The loss is that of `attnewton bench`, L = ½‖softmax(A X Aᵀ) A Y − B‖² over X and Y (d × d both), sequences
as a batch.
"""

import argparse
import json
import math
import resource
import sys
import time

try:
    import torch
except ImportError as error:
    sys.exit(
        f"torch_peer.py: {sys.executable} has no working PyTorch ({error}): install python3-torch, or pip's "
        "torch, and give that Python with --python"
    )

dtypes = {"double": torch.double, "float": torch.float}


class Layer:
    """Inputs, and the loss in the forms in which it is usually written."""

    def __init__(self, a, b, x, y, causal):
        self.a, self.b = a, b
        self.x, self.y = x.requires_grad_(), y.requires_grad_()
        self.keys = a.transpose(-1, -2)
        self.causal = causal
        length = a.shape[1]
        self.hidden = torch.ones(length, length, dtype=torch.bool).triu(1) if causal else None

    def weights(self, x, sequences=slice(None), rows=slice(None)):
        """softmax(A X Aᵀ) of these rows; under a causal mask only against the keys that one of them sees."""
        last = rows.stop if self.causal else None
        scores = (self.a[sequences, rows] @ x) @ self.keys[sequences, :, :last]
        if self.causal:
            scores.masked_fill_(self.hidden[rows, :last], -math.inf)
        return torch.softmax(scores, -1)

    @staticmethod
    def half_square(difference):
        return 0.5 * difference.square().sum()

    def loss_values_first(self, x, y):
        return self.half_square(self.weights(x) @ (self.a @ y) - self.b)

    def loss_weights_first(self, x, y):
        return self.half_square((self.weights(x) @ self.a) @ y - self.b)

    def loss_fused(self, x, y):
        # Its scale 1/√d is taken back; a head of its own for each sequence, as the fused kernels want.
        query = (self.a @ (x * math.sqrt(x.shape[1]))).unsqueeze(1)
        out = torch.nn.functional.scaled_dot_product_attention(
            query, self.a.unsqueeze(1), (self.a @ y).unsqueeze(1), is_causal=self.causal
        )
        return self.half_square(out.squeeze(1) - self.b)

    def blocks(self, most_rows):
        """Whole sequences as far as they fit in `most_rows`, else parts of one."""
        count, length = self.a.shape[:2]
        at_once = max(1, most_rows // length)
        for first in range(0, count, at_once):
            for row in range(0, length, most_rows):
                yield slice(first, first + at_once), slice(row, min(row + most_rows, length))

    def whole(self, loss):
        value = loss(self.x, self.y)
        return value, torch.autograd.grad(value, (self.x, self.y))

    def in_blocks(self, most_rows):
        total, sums = 0, [torch.zeros_like(self.x), torch.zeros_like(self.y)]
        for sequences, rows in self.blocks(most_rows):
            last = rows.stop if self.causal else None
            out = (self.weights(self.x, sequences, rows) @ self.a[sequences, :last]) @ self.y
            value = self.half_square(out - self.b[sequences, rows])
            for sum_, part in zip(sums, torch.autograd.grad(value, (self.x, self.y))):
                sum_ += part
            total = total + value.detach()
        return total, sums


# Loss and gradient. The first ones are how PyTorch is usually written; row blocks, by hand, keep the matrices
# in the caches.
gradient_forms = {
    "F (A Y)": lambda layer: layer.whole(layer.loss_values_first),
    "(F A) Y": lambda layer: layer.whole(layer.loss_weights_first),
    "fused": lambda layer: layer.whole(layer.loss_fused),
    "blocks of 128": lambda layer: layer.in_blocks(128),
    "blocks of 512": lambda layer: layer.in_blocks(512),
}
if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
    del gradient_forms["fused"]


def random_layer(shape, dtype):
    generator = torch.Generator().manual_seed(1)
    n, d, length = shape["n"], shape["d"], shape["sequence"]

    def normal(*size):
        return torch.randn(*size, generator=generator, dtype=dtypes[dtype])

    a, b = normal(n // length, length, d), normal(n // length, length, d)
    return Layer(a, b, normal(d, d) / d, normal(d, d) / math.sqrt(d), shape["causal"])


def timed(work, repetitions):
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


class GradientTask:
    def __init__(self):
        self.key = self.layer = None

    def run(self, shape, precision, form, repetitions):
        if self.key != (shape, precision):
            self.key, self.layer = (shape, precision), random_layer(shape, precision)
        gradient_forms[form](self.layer)  # the program that ran in between has the caches
        return {"seconds": timed(lambda: gradient_forms[form](self.layer), repetitions)}


def check_values(folder, shape, form):
    """Loss and gradient norm at the inputs that the folder's .npy files hold."""
    import numpy

    a, b, x, y = (torch.from_numpy(numpy.load(f"{folder}/{name}.npy")) for name in ("a", "b", "x", "y"))
    a, b = (matrix.reshape(-1, shape["sequence"], matrix.shape[1]) for matrix in (a, b))
    loss, gradient = gradient_forms[form](Layer(a, b, x, y, shape["causal"]))
    return {
        "loss": loss.item(),
        "gradient_norm": math.sqrt(sum(part.square().sum().item() for part in gradient)),
    }


# --- the Hessian in (vec X, vec Y) ---

# Tangents at once; each needs several matrices of the weights' size.
tangent_bytes = 2**28


def loss_of_vector(layer):
    d = layer.x.shape[0]

    def loss(theta):
        return layer.loss_values_first(theta[: d * d].view(d, d), theta[d * d :].view(d, d))

    return loss


def chunk_of(layer):
    weights = layer.a.shape[0] * layer.a.shape[1] ** 2 * layer.a.element_size()
    return max(1, tangent_bytes // weights)


def vmap_of_jvp(layer, theta):
    gradient = torch.func.grad(loss_of_vector(layer))
    product = torch.func.vmap(
        lambda v: torch.func.jvp(gradient, (theta,), (v,))[1], chunk_size=chunk_of(layer)
    )
    return product(torch.eye(len(theta), dtype=theta.dtype))


def jacrev_of_grad(layer, theta):
    gradient = torch.func.grad(loss_of_vector(layer))
    return torch.func.jacrev(gradient, chunk_size=chunk_of(layer))(theta)


hessian_forms = {
    "functional.hessian": lambda layer, theta: torch.autograd.functional.hessian(
        loss_of_vector(layer), theta
    ),
    "functional.hessian, vectorized": lambda layer, theta: torch.autograd.functional.hessian(
        loss_of_vector(layer), theta, vectorize=True
    ),
}
if hasattr(torch, "func"):
    hessian_forms["func.jacfwd of jacrev"] = lambda layer, theta: torch.func.hessian(loss_of_vector(layer))(
        theta
    )
    hessian_forms["func.jacrev of grad, chunks"] = jacrev_of_grad
    hessian_forms["func.vmap of jvp of grad, chunks"] = vmap_of_jvp


def run_hessian(shape, form, repetitions):
    layer = random_layer(shape, "double")
    theta = torch.cat([layer.x.detach().flatten(), layer.y.detach().flatten()])
    norms = []
    seconds = timed(lambda: norms.append(hessian_forms[form](layer, theta).norm().item()), repetitions)
    return {"seconds": seconds, "norm": norms[-1]}


# --- answering ---


def blas_name():
    if torch.backends.mkl.is_available():
        return "MKL"
    info = torch.__config__.show()
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    for library, name in (("openblas", "OpenBLAS"), ("libblis", "BLIS"), ("libblas", "reference BLAS")):
        if library in loaded or f"BLAS_INFO={library[3:]}" in info:
            return name
    return "unknown BLAS"


def describe():
    return {
        "torch": torch.__version__,
        "blas": blas_name(),
        "threads": torch.get_num_threads(),
        "gradient_forms": list(gradient_forms),
        "hessian_forms": list(hessian_forms),
    }


def answer(tasks, request):
    try:
        return tasks[request.pop("task")](**request)
    except (RuntimeError, MemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        return {"error": "out of memory" if "memory" in text else text}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory-limit", type=float, help="GiB of data")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.memory_limit:
        resource.setrlimit(resource.RLIMIT_DATA, (int(args.memory_limit * 2**30),) * 2)
    tasks = {
        "describe": describe,
        "gradient": GradientTask().run,
        "check": check_values,
        "hessian": run_hessian,
    }
    for line in sys.stdin:
        print(json.dumps(answer(tasks, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
