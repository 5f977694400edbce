#include "attnewton/linalg/distributed_qr.hpp"

#include <cmath>
#include <span>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"

#include "scalapack.hpp"
#include "scalapack_threads.hpp"

namespace attnewton {
namespace {

void factor_in_place(DistributedMatrix& m) {
  const BlasThreads threads(scalapack_threads(m));
  const int rows = static_cast<int>(m.rows());
  const int columns = static_cast<int>(m.columns());
  const int one = 1;
  const int query = -1;
  int info = 0;
  std::vector<double> tau(static_cast<std::size_t>(m.local().cols()) + 1);
  double wanted = 0;
  pdgeqrf_(&rows, &columns, m.local().data(), &one, &one, m.descriptor().data(), tau.data(), &wanted, &query,
           &info);
  require(info == 0, "pdgeqrf tells its workspace");
  std::vector<double> work(static_cast<std::size_t>(wanted) + 1);
  const int length = static_cast<int>(work.size());
  pdgeqrf_(&rows, &columns, m.local().data(), &one, &one, m.descriptor().data(), tau.data(), work.data(),
           &length, &info);
  require(info == 0, "pdgeqrf accepts its arguments");
}

Vector signs_of_diagonal(const DistributedMatrix& r) {
  Vector signs = Vector::Zero(r.columns());
  for (Index j = 0; j < r.local().cols(); ++j) {
    const Index global = r.global_column(j);
    const CyclicDimension& rows = r.layout().rows;
    if (rows.owner(global) == r.grid()->row())
      signs[global] = std::signbit(r.local()(rows.local(global), j)) ? -1 : 1;
  }
  r.grid()->comm().sum(std::span<double>(signs.data(), static_cast<std::size_t>(signs.size())));
  return signs;
}

}  // namespace

DistributedQr::DistributedQr(DistributedMatrix m) : factor_(std::move(m)) {
  require(factor_.rows() >= factor_.columns() && factor_.columns() > 0,
          "QR: at least as many rows as columns");
  factor_in_place(factor_);
  signs_ = signs_of_diagonal(factor_);
}

Matrix DistributedQr::solve_r(const Matrix& b) const {
  require(b.rows() == factor_.columns() && b.cols() > 0, "QR solve: a right-hand side of R's order");
  DistributedMatrix solution(factor_.grid(), b.rows(), b.cols(), factor_.layout().rows.block());
  for (Index j = 0; j < solution.local().cols(); ++j) {
    for (Index i = 0; i < solution.local().rows(); ++i) {
      const Index row = solution.global_row(i);
      solution.local()(i, j) = signs_[row] * b(row, solution.global_column(j));
    }
  }
  const BlasThreads threads(scalapack_threads(factor_));
  const int order = static_cast<int>(b.rows());
  const int columns = static_cast<int>(b.cols());
  const int one = 1;
  const double plus = 1;
  pdtrsm_("L", "U", "N", "N", &order, &columns, &plus, factor_.local().data(), &one, &one,
          factor_.descriptor().data(), solution.local().data(), &one, &one, solution.descriptor().data());

  Matrix whole = Matrix::Zero(b.rows(), b.cols());
  for (Index j = 0; j < solution.local().cols(); ++j) {
    for (Index i = 0; i < solution.local().rows(); ++i)
      whole(solution.global_row(i), solution.global_column(j)) = solution.local()(i, j);
  }
  factor_.grid()->comm().sum(whole);
  return whole;
}

}  // namespace attnewton
