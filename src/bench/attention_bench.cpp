#include "attnewton/bench/attention_bench.hpp"

#include <algorithm>
#include <cmath>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

// Keeps K_y regular when there are fewer rows than widths; too small to show in anything.
constexpr double ridge = 1e-6;

std::vector<SequenceRows> sequences_of(const AttentionCase& bench_case) {
  std::vector<Index> offsets;
  for (Index row = 0; row < bench_case.rows; row += bench_case.sequence_length) offsets.push_back(row);
  offsets.push_back(bench_case.rows);
  return sequences_from_offsets(offsets, offsets);
}

AttentionData random_data(const Communicator& comm, const AttentionCase& bench_case) {
  const std::vector<SequenceRows> sequences = sequences_of(bench_case);
  const RowPartition partition =
      partition_queries(sequences, bench_case.causal, bench_case.width, comm.size());
  AttentionShare share = share_of_rank(sequences, partition, comm.rank());
  const RandomStream inputs(bench_case.seed, RandomPurpose::inputs);
  const RandomStream target(bench_case.seed, RandomPurpose::noise);
  AttentionData data;
  data.queries = inputs.normal_rows(share.queries, bench_case.width);
  data.keys = inputs.normal_rows(share.keys, bench_case.width);
  data.target = target.normal_rows(share.queries, bench_case.output_width);
  data.sequences = std::move(share.sequences);
  data.causal = bench_case.causal;
  return data;
}

Vector random_theta(const AttentionProblem& problem, const AttentionCase& bench_case) {
  const Index d = bench_case.width;
  const auto width = static_cast<double>(d);
  const RandomStream for_x(bench_case.seed, RandomPurpose::start, 0);
  const RandomStream for_y(bench_case.seed, RandomPurpose::start, 1);
  return problem.theta_of(for_x.normal_rows({0, d}, d) / width,
                          for_y.normal_rows({0, d}, bench_case.output_width) / std::sqrt(width));
}

std::unique_ptr<Point> if_finite(std::unique_ptr<Point> point) {
  if (!point->objective().is_finite()) throw NumericalError(point->obstacle());
  return point;
}

// The kernel `gradient`: a step of a first-order method needs both.
Vector loss_and_gradient(const AttentionProblem& problem, const Vector& theta) {
  const auto point = if_finite(problem.evaluate_with_gradient(theta));
  return problem.gradient(*point);
}

AttentionSize size_of(const AttentionCase& bench_case) {
  AttentionSize size;
  size.queries = size.keys = static_cast<double>(bench_case.rows);
  size.visible = visible_scores(bench_case.rows, bench_case.sequence_length, bench_case.causal);
  size.d1 = size.d2 = size.d3 = static_cast<double>(bench_case.width);
  size.e = static_cast<double>(bench_case.output_width);
  return size;
}

}  // namespace

OperationCount operations_of(AttentionKernel kernel, const AttentionCase& bench_case) {
  const AttentionSize size = size_of(bench_case);
  switch (kernel) {
    case AttentionKernel::gradient:
      return gradient_operations(size, bench_case.variables);
    case AttentionKernel::hessian_vector:
      return hessian_vector_operations(size, bench_case.variables);
    case AttentionKernel::assembly:
      return assembly_operations(size, bench_case.hessian);
  }
  return {};
}

Index memory_bytes_of(AttentionKernel kernel, const AttentionCase& bench_case, int ranks) {
  const auto d = static_cast<double>(bench_case.width);
  const auto e = static_cast<double>(bench_case.output_width);
  const double rows = std::ceil(static_cast<double>(bench_case.rows) / ranks);
  // Whole sequences as keys, however many rows of them are here.
  const double keys =
      std::min(static_cast<double>(bench_case.rows), rows + static_cast<double>(bench_case.sequence_length));
  const double inputs = (rows + keys) * d + rows * e;
  const double passes = 2 * rows * (d + e) + keys * e;
  const double parameters = 10 * (d * d + d * e);  // θ, X, Y, gradients, directions, Grams
  double hessian = 0;
  if (kernel == AttentionKernel::assembly) {
    const double unknowns = d * d + (bench_case.variables == AttentionVariables::joint ? d * e : 0);
    const bool projected = bench_case.variables == AttentionVariables::projected;
    hessian = unknowns * unknowns / ranks + d * d * d * d / 4 + 2 * d * d * d * e +
              (projected ? d * d * d * e / ranks : 0);
  }
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(std::min(most, sizeof(double) * (inputs + passes + parameters + hessian)));
}

AttentionBench::AttentionBench(const Communicator& comm, const AttentionCase& bench_case)
    : case_(bench_case),
      problem_(comm, random_data(comm, bench_case), {.ridge = ridge}, bench_case.variables,
               bench_case.precision),
      theta_(random_theta(problem_, bench_case)) {}

Repetitions AttentionBench::measure(AttentionKernel kernel, const RepetitionRule& rule) const {
  switch (kernel) {
    case AttentionKernel::gradient:
      return measure_gradient(rule);
    case AttentionKernel::hessian_vector:
      return measure_hessian_vector(rule);
    case AttentionKernel::assembly:
      return measure_assembly(rule);
  }
  return {};
}

Repetitions AttentionBench::measure_gradient(const RepetitionRule& rule) const {
  return repeat(problem_.comm(), rule, [this] { loss_and_gradient(problem_, theta_); });
}

Repetitions AttentionBench::measure_hessian_vector(const RepetitionRule& rule) const {
  const auto point = if_finite(problem_.evaluate(theta_));
  const RandomStream directions(case_.seed, RandomPurpose::directions);
  const Vector v = directions.normal_rows({0, problem_.unknowns()}, 1).col(0);
  return repeat(problem_.comm(), rule, [&] { problem_.hessian_vector(*point, v); });
}

Repetitions AttentionBench::measure_assembly(const RepetitionRule& rule) const {
  const auto point = if_finite(problem_.evaluate(theta_));
  const AttentionHessian hessian(problem_, case_.hessian);
  DistributedMatrix h(std::make_shared<ProcessGrid>(problem_.comm()), problem_.unknowns(),
                      problem_.unknowns());
  return repeat(problem_.comm(), rule, [&] { hessian.assemble(*point, 0, h); });
}

}  // namespace attnewton
