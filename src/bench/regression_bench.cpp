#include "attnewton/bench/regression_bench.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <oneapi/tbb/task_arena.h>

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/regression_hessian.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/problems/regression_generator.hpp"

namespace attnewton {
namespace {

// Shift of the Hessian, as a share of its mean diagonal, that always leaves it a factor here.
constexpr double relative_shift = 1e-2;

// The rows and their target; `planted` becomes the point that it was made at.
RegressionData random_data(const Communicator& comm, const RegressionCase& bench_case, Vector& planted) {
  const Range rows = even_row_partition(bench_case.rows, comm.size()).range(comm.rank());
  RegressionData data;
  data.first_row = rows.begin;
  data.a = random_rows({.rows = bench_case.rows, .width = bench_case.width, .seed = bench_case.seed}, rows);
  PlantedRegression made =
      plant_regression(comm, data.a, rows, {.link = {Link::exp}, .noise = 0.1, .seed = bench_case.seed});
  data.target = std::move(made.target);
  planted = std::move(made.x);
  return data;
}

// One iteration after another: the state between them.
class Iterations {
 public:
  Iterations(const RegressionProblem& problem, const Vector& start)
      : problem_(problem),
        hessian_(problem),
        h_(std::make_shared<ProcessGrid>(problem.comm()), problem.unknowns(), problem.unknowns()),
        point_(problem.evaluate(start)),
        gradient_(problem.gradient(*point_)) {}

  void next() {
    hessian_.assemble(*point_, 0, h_);
    const auto factor =
        DistributedCholesky::factor(h_, relative_shift * h_.mean_abs_diagonal(), problem_.unknowns());
    if (!factor) throw NumericalError("the Hessian of the benchmark is not positive definite");
    point_ = problem_.evaluate(point_->theta() - factor->solve(gradient_));
    if (!point_->objective().is_finite()) throw NumericalError(point_->obstacle());
    gradient_ = problem_.gradient(*point_);
  }

 private:
  const RegressionProblem& problem_;
  RegressionHessian hessian_;
  DistributedMatrix h_;
  std::unique_ptr<Point> point_;
  Vector gradient_;
};

}  // namespace

OperationCount operations_of(RegressionKernel kernel, const RegressionCase& bench_case) {
  const auto n = static_cast<double>(bench_case.rows);
  const auto d = static_cast<double>(bench_case.width);
  OperationCount count;
  count.operations = n * d * (d + 1);
  if (kernel == RegressionKernel::dsyrk) return count;
  count.operations += 8 * n * d + d * d * d / 3;
  count.exponentials = n;
  return count;
}

Index memory_bytes_of(const RegressionCase& bench_case, int ranks) {
  const auto d = static_cast<double>(bench_case.width);
  const double rows = std::ceil(static_cast<double>(bench_case.rows) / ranks);
  constexpr double panels = 1 << 22;
  constexpr double most = 4e18;  // an Index holds no more
  return static_cast<Index>(std::min(most, sizeof(double) * (rows * (d + 6) + 2 * d * d + panels)));
}

RegressionBench::RegressionBench(const Communicator& comm, const RegressionCase& bench_case)
    : problem_(comm, random_data(comm, bench_case, planted_), RegressionOptions()) {}

Repetitions RegressionBench::measure(RegressionKernel kernel, const RepetitionRule& rule) const {
  return kernel == RegressionKernel::iteration ? measure_iterations(rule) : measure_dsyrk(rule);
}

Repetitions RegressionBench::measure_iterations(const RepetitionRule& rule) const {
  Iterations iterations(problem_, planted_);
  return repeat(problem_.comm(), rule, [&] { iterations.next(); });
}

Repetitions RegressionBench::measure_dsyrk(const RepetitionRule& rule) const {
  const Matrix& a = problem_.data().a.dense();
  const auto threads = oneapi::tbb::this_task_arena::max_concurrency();
  const RowPartition parts = even_row_partition(a.rows(), threads);
  std::vector<Matrix> grams(static_cast<std::size_t>(threads), Matrix::Zero(a.cols(), a.cols()));
  const auto measured = [&](Triangle triangle) {
    return repeat(problem_.comm(), rule, [&] {
      for_each_task(threads, [&](Index thread) {
        const Range rows = parts.range(static_cast<int>(thread));
        if (rows.empty()) return;
        symmetric_product(triangle, a.middleRows(rows.begin, rows.size()),
                          grams[static_cast<std::size_t>(thread)]);
      });
    });
  };
  const Repetitions lower = measured(Triangle::lower);
  const Repetitions upper = measured(Triangle::upper);
  return lower.median() <= upper.median() ? lower : upper;
}

}  // namespace attnewton
