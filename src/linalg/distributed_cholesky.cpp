#include "attnewton/linalg/distributed_cholesky.hpp"

#include <cmath>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"

#include "scalapack.hpp"
#include "scalapack_threads.hpp"

namespace attnewton {

std::optional<DistributedCholesky> DistributedCholesky::factor(const DistributedMatrix& h, double shift,
                                                               Index shifted) {
  require(h.rows() == h.columns() && h.rows() > 0, "Cholesky: a square matrix");
  const Communicator& comm = h.grid()->comm();
  // ScaLAPACK is not guaranteed to come back from NaN with info > 0.
  const bool finite = h.local().allFinite() && std::isfinite(shift);
  if (comm.min(Index{finite ? 1 : 0}) == 0) return std::nullopt;

  DistributedMatrix factor = h;
  factor.add_to_diagonal(shift, shifted);
  const BlasThreads threads(scalapack_threads(factor));
  const int n = static_cast<int>(h.rows());
  const int one = 1;
  int info = 0;
  pdpotrf_("L", &n, factor.local().data(), &one, &one, factor.descriptor().data(), &info);
  // Only the process rows and columns that met the bad pivot are sure to know of it.
  const Index worst = comm.max(Index{info});
  require(comm.min(Index{info}) >= 0, "pdpotrf accepts its arguments");
  if (worst > 0) return std::nullopt;
  return DistributedCholesky(std::move(factor));
}

Vector DistributedCholesky::solve(const Vector& rhs) const {
  require(rhs.size() == factor_.rows(), "Cholesky solve: right-hand side of the matrix' order");
  DistributedMatrix b(factor_.grid(), rhs.size(), 1, factor_.layout().rows.block());
  for (Index j = 0; j < b.local().cols(); ++j) {
    for (Index i = 0; i < b.local().rows(); ++i) b.local()(i, j) = rhs[b.global_row(i)];
  }
  const BlasThreads threads(scalapack_threads(factor_));
  const int n = static_cast<int>(rhs.size());
  const int one = 1;
  int info = 0;
  pdpotrs_("L", &n, &one, factor_.local().data(), &one, &one, factor_.descriptor().data(), b.local().data(),
           &one, &one, b.descriptor().data(), &info);
  require(info == 0, "pdpotrs accepts its arguments");

  Vector solution = Vector::Zero(rhs.size());
  for (Index j = 0; j < b.local().cols(); ++j) {
    for (Index i = 0; i < b.local().rows(); ++i) solution[b.global_row(i)] = b.local()(i, j);
  }
  factor_.grid()->comm().sum(std::span<double>(solution.data(), static_cast<std::size_t>(solution.size())));
  return solution;
}

}  // namespace attnewton
