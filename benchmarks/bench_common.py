"""What the scripts here share: shapes, runs of `attnewton bench`, peers in their own processes, tables."""

import dataclasses
import json
import os
import pathlib
import selectors
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parent.parent
default_program = root / "build/src/app/attnewton"


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


@dataclasses.dataclass(frozen=True)
class Shape:
    """Self-attention over n rows of width d in sequences of `sequence` rows; the output is d wide as well."""

    n: int
    d: int
    sequence: int
    causal: bool = False

    @property
    def mask(self):
        return "causal" if self.causal else "none"

    def bench_options(self):
        options = ["--n", self.n, "--d", self.d]
        if self.sequence < self.n:
            options += ["--sequence", self.sequence]
        return options + (["--causal"] if self.causal else [])


def parse_shape(text):
    """N,D[,SEQUENCE][,causal]"""
    words = text.split(",")
    causal = words[-1] == "causal"
    try:
        n, d, *sequence = map(int, words[:-1] if causal else words)
    except ValueError:
        raise SystemExit(f"'{text}' is no shape: give N,D[,SEQUENCE][,causal], such as 8192,64,128,causal")
    length = sequence[0] if sequence else n
    if min(n, d, length) < 1 or n % length or len(sequence) > 1:
        raise SystemExit(f"'{text}' is no shape: N, D and SEQUENCE are positive, and SEQUENCE divides N")
    return Shape(n, d, length, causal)


# --- our own program ---


def read_bench(path):
    """A bench.json, checked for what the scripts need of it."""
    try:
        report = json.loads(pathlib.Path(path).read_text())
    except (OSError, json.JSONDecodeError) as error:
        fail(f"{path}: {error}")
    missing = [key for key in ("dgemm_gflops", "bandwidth", "exp_per_second", "kernels") if key not in report]
    if missing:
        fail(f"{path} is no bench.json: it lacks {', '.join(missing)}")
    return report


def kernel_row(report, kernel, shape):
    """The row of a kernel at a shape."""
    for row in report["kernels"]:
        same_shape = (row["n"], row["d"]) == (shape.n, shape.d)
        if (
            row["kernel"] == kernel
            and same_shape
            and (row["sequence"], row["mask"]) == (shape.sequence, shape.mask)
        ):
            return row
    fail(f"attnewton bench wrote no row for {kernel} at {shape}")


def run_bench(program, kernel, shape, threads, extra=()):
    """One run of `attnewton bench`: the kernel's row, and the whole report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "bench", "--kernel", kernel, *shape.bench_options(), "--threads", threads, *extra]
        command = [*map(str, command), "--quiet", "--out", folder]
        try:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        except OSError as error:
            fail(f"cannot run {program}: {error.strerror}; build it, or give --program")
        if done.returncode != 0:
            fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.strip()}")
        report = read_bench(pathlib.Path(folder) / "bench.json")
    return kernel_row(report, kernel, shape), report


# --- a peer ---


class PeerError(Exception):
    """What a peer could not do: too slow, too large, or not in its version."""


class Peer:
    """A Python program in a process of its own, asked by lines of JSON.

    Its own process, so that a time limit can end it (the next question starts it anew), several versions can
    take turns in one run, and its threads and memory are its own.
    """

    def __init__(self, python, script, threads, memory_limit=None, environment=None):
        self.command = [str(python), str(script), "--threads", str(threads)]
        if memory_limit:
            self.command += ["--memory-limit", str(memory_limit)]
        # A BLAS with threads of its own does not follow the peer's setting.
        counts = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        self.environment = {**os.environ, **counts, **(environment or {})}
        self.process = None

    def _start(self):
        try:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment
            )
        except OSError as error:
            fail(f"cannot run {self.command[0]}: {error.strerror}")

    def ask(self, timeout=None, **request):
        if self.process is None:
            self._start()
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                self.close()
                raise PeerError(f"over {timeout:g} s")
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.process = None
            raise PeerError(f"ended with status {status}")
        reply = json.loads(line)
        if "error" in reply:
            raise PeerError(reply["error"])
        return reply

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


# glibc gives large blocks back to the system with every free, and faults all pages in again at the next use.
kept_memory = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}


class Torch:
    """One PyTorch in two processes: as it comes, and with an allocator that keeps memory."""

    def __init__(self, python, threads, memory_limit=None):
        script = pathlib.Path(__file__).with_name("torch_peer.py")
        self.usual = Peer(python, script, threads, memory_limit)
        self.keeping = Peer(python, script, threads, memory_limit, kept_memory)
        try:
            self.about = self.usual.ask(task="describe")
        except PeerError as error:
            fail(f"{python} cannot be the peer: {error}")

    @property
    def name(self):
        return f"{self.about['torch']}, {self.about['blas']}"

    def try_forms(self, forms, seconds):
        """What `seconds` gives for each (process, form), and what kept the others from a time."""
        times, failures = {}, {}
        for variant in [(peer, form) for peer in (self.usual, self.keeping) for form in forms]:
            try:
                times[variant] = seconds(*variant)
            except PeerError as error:
                failures[variant] = str(error)
        return times, failures

    def fastest(self, times, usual_forms):
        """The fastest (process, form) of either kind: as usually written, or with any means. None of none."""
        usual = [(peer, form) for peer, form in times if peer is self.usual and form in usual_forms]
        return {
            "usual": min(usual, key=times.get, default=None),
            "tuned": min(times, key=times.get, default=None),
        }

    def described(self, kind, variant):
        """What a result says of the variant."""
        peer, form = variant
        about = {"torch": self.about["torch"], "blas": self.about["blas"], "kind": kind}
        return about | {"form": form, "keeps_memory": peer is self.keeping}

    def close(self):
        self.usual.close()
        self.keeping.close()


def form_text(entry):
    return entry["form"] + (", memory kept" if entry["keeps_memory"] else "")


# --- results ---


def number(value):
    """Three digits, as people write them."""
    if value is None:
        return ""
    if value >= 1e5 or 0 < value < 1e-4:
        return f"{value:.2e}"
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def percent(value):
    return "" if value is None else f"{100 * value:.0f} %"


def markdown_table(heading, rows):
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def write_result(path, result):
    result = {"utc_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **result}
    pathlib.Path(path).write_text(json.dumps(result, indent=2) + "\n")
