"""Rows of `attnewton bench`: reading them, their intensity, and the machine they were measured on."""

from statistics import median

from bench_common import fail, read_bench

attention_kernels = ["gradient", "hessian-vector", "assembly"]
number_bytes = {"double": 8, "float": 4}


# --- intensity: operations a byte of compulsory traffic, inputs read once and outputs written once ---


def numbers_moved(row):
    """Numbers that a kernel cannot avoid to read or write; docs/performance.md has these formulas."""
    n, d = row["n"], row["d"]
    if row["kernel"] == "dgemm":
        return 3 * n * d
    if row["kernel"] == "exp":
        return 2 * n
    unknowns_x, unknowns_y = d * d, d * row["output_width"]
    moved = n * (d + row["output_width"]) + unknowns_x + unknowns_y  # A, B, X, Y
    if row["kernel"] == "gradient":
        return moved + unknowns_x + unknowns_y
    if row["kernel"] == "hessian-vector":
        return moved + 2 * (unknowns_x + unknowns_y)
    order = unknowns_x + (unknowns_y if row["variables"] == "joint" else 0)
    return moved + order * (order + 1) // 2


def work(row):
    """Operations; of exp, which has none, exponentials. Of dgemm, of the product of one thread."""
    if row["kernel"] == "exp":
        return row["exponentials"]
    return 2 * row["n"] ** 3 if row["kernel"] == "dgemm" else row["operations"]


def intensity(row):
    # The inputs and results of attention are doubles in any precision.
    size = number_bytes[row["precision"]] if row["kernel"] == "exp" else 8
    return work(row) / (numbers_moved(row) * size)


def speed(row):
    """10⁹ operations (of exp: exponentials) a second."""
    return (row["exp_per_second"] / 1e9) if row["kernel"] == "exp" else row["gflops"]


# --- reading ---


def size_of(report):
    return report["ranks"], report["threads_per_rank"]


def read_reports(paths):
    reports = [read_bench(path) for path in paths]
    if len(set(map(size_of, reports))) > 1:
        fail("the bench files come from different numbers of ranks or threads: give those of one kind")
    return reports


class Machine:
    """Medians of the runs' own figures."""

    def __init__(self, reports):
        self.dgemm = median(report["dgemm_gflops"] for report in reports)
        self.exponentials = median(report["exp_per_second"] for report in reports) / 1e9
        self.bandwidth = median(report["bandwidth"] for report in reports)

    def roof(self, at):
        return min(self.dgemm, at * self.bandwidth)


def all_rows(reports):
    return [row for report in reports for row in report["kernels"]]


def sort_key(row):
    order = [*attention_kernels, "exp", "dgemm"].index(row["kernel"])
    return order, row["n"], row["d"], row.get("sequence", 0), row.get("mask", ""), row["precision"]


def attention_rows(rows, kernel, **fixed):
    """Rows of a kernel in doubles whose fields are as given."""
    wanted = {"kernel": kernel, "precision": "double", **fixed}
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def whole(rows):
    return [row for row in rows if row.get("sequence") == row["n"]]


def commonest(values):
    """The value seen most often, of several the largest; None of nothing."""
    values = list(values)
    return max(set(values), key=lambda value: (values.count(value), value), default=None)
