#include "attnewton/bench/sketch_bench.hpp"

#include <algorithm>
#include <cmath>

#include "attnewton/curvature/tensor_sketched_hessian.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/sketch/tensor_sparse.hpp"
#include "attnewton/sketch/tensor_srht.hpp"
#include "attnewton/sketch/walsh_hadamard.hpp"

namespace attnewton {
namespace {

Index sketch_rows(TensorSketch family, const SketchCase& bench_case) {
  return tensor_sketch_rows({.family = family}, bench_case.width, bench_case.width);
}

TensorSparse sparse_sketch(const SketchCase& bench_case) {
  const TensorSketchOptions defaults{.family = TensorSketch::sparse};
  const Index rows = sketch_rows(defaults.family, bench_case);
  return {(rows + defaults.blocks - 1) / defaults.blocks, defaults.blocks, {.seed = bench_case.seed}};
}

}  // namespace

const char* to_string(SketchKernel kernel) {
  switch (kernel) {
    case SketchKernel::walsh_hadamard:
      return "walsh-hadamard";
    case SketchKernel::tensor_srht:
      return "tensor-srht";
    case SketchKernel::tensor_sparse:
      break;
  }
  return "tensor-sparse";
}

OperationCount operations_of(SketchKernel kernel, const SketchCase& bench_case, int ranks) {
  const auto d = static_cast<double>(bench_case.width);
  const auto order = static_cast<double>(hadamard_order(bench_case.rows));
  OperationCount count;
  if (kernel == SketchKernel::walsh_hadamard) {
    count.operations = ranks * order * std::log2(order) * d;
  } else if (kernel == SketchKernel::tensor_srht) {
    const auto m = static_cast<double>(sketch_rows(TensorSketch::srht, bench_case));
    count.operations = 2 * (order * std::log2(std::min(order, m)) + m) * d;
  } else {
    const TensorSparse sketch = sparse_sketch(bench_case);
    const auto hashed = static_cast<double>(sketch.blocks() * bench_case.rows);
    const auto m = static_cast<double>(sketch.rows());
    count.operations = 2 * d * (hashed + 2.5 * m * std::log2(static_cast<double>(sketch.block_rows())));
  }
  return count;
}

Index memory_bytes_of(SketchKernel kernel, const SketchCase& bench_case, int ranks) {
  const auto d = static_cast<double>(bench_case.width);
  const double rows = std::ceil(static_cast<double>(bench_case.rows) / ranks);
  double numbers = rows * (d + 1);
  if (kernel == SketchKernel::walsh_hadamard) {
    numbers += static_cast<double>(hadamard_order(bench_case.rows)) * d;
  } else if (kernel == SketchKernel::tensor_srht) {
    numbers += 2 * d * static_cast<double>(sketch_rows(TensorSketch::srht, bench_case)) + (1 << 22);
  } else {
    numbers += 4 * d * static_cast<double>(sketch_rows(TensorSketch::sparse, bench_case));
  }
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(std::min(most, sizeof(double) * numbers));
}

SketchBench::SketchBench(const Communicator& comm, const SketchCase& bench_case)
    : comm_(comm),
      case_(bench_case),
      rows_(even_row_partition(bench_case.rows, comm.size()).range(comm.rank())),
      a_(RandomStream(bench_case.seed, RandomPurpose::inputs).normal_rows(rows_, bench_case.width)),
      scale_(Vector::Ones(rows_.size())) {}

Repetitions SketchBench::measure(SketchKernel kernel, const RepetitionRule& rule) const {
  switch (kernel) {
    case SketchKernel::walsh_hadamard:
      return measure_walsh_hadamard(rule);
    case SketchKernel::tensor_srht:
      return measure_tensor_srht(rule);
    case SketchKernel::tensor_sparse:
      break;
  }
  return measure_tensor_sparse(rule);
}

// Zeros, since anything else would overflow after some hundred transforms in place.
Repetitions SketchBench::measure_walsh_hadamard(const RepetitionRule& rule) const {
  Matrix a = Matrix::Zero(hadamard_order(case_.rows), case_.width);
  return repeat(comm_, rule, [&] { walsh_hadamard(a); });
}

Repetitions SketchBench::measure_tensor_srht(const RepetitionRule& rule) const {
  const TensorSrht sketch(sketch_rows(TensorSketch::srht, case_), case_.rows, case_.rows,
                          {.seed = case_.seed});
  return repeat(comm_, rule, [&] {
    for (const SampledHadamard* factor : {&sketch.left(), &sketch.right()}) {
      Matrix product = factor->product(a_, scale_, rows_.begin);
      comm_.sum(product);
    }
  });
}

Repetitions SketchBench::measure_tensor_sparse(const RepetitionRule& rule) const {
  const TensorSparse sketch = sparse_sketch(case_);
  const Range columns{0, case_.width};
  return repeat(comm_, rule, [&] {
    Matrix left = sketch.left_spectrum(sketch.left().product(a_, scale_, rows_.begin, columns));
    comm_.sum(left);
    Matrix right = sketch.right_spectrum(sketch.right().product(a_, scale_, rows_.begin, columns));
    comm_.sum(right);
  });
}

}  // namespace attnewton
