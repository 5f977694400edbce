#include "attnewton/linalg/generalised_eigenvalues.hpp"

#include <span>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/parallel/threads.hpp"

#include "scalapack.hpp"
#include "scalapack_threads.hpp"

namespace attnewton {
namespace {

// Eigenvalues of the symmetric matrix of which `a` holds the lower triangle; `a` is used up.
Vector eigenvalues(DistributedMatrix& a) {
  const int n = static_cast<int>(a.rows());
  const int one = 1;
  const int query = -1;
  int info = 0;
  Vector values(a.rows());
  double none = 0;  // no eigenvectors are asked for
  double wanted = 0;
  pdsyev_("N", "L", &n, a.local().data(), &one, &one, a.descriptor().data(), values.data(), &none, &one, &one,
          a.descriptor().data(), &wanted, &query, &info);
  require(info == 0, "pdsyev tells its workspace");
  std::vector<double> work(static_cast<std::size_t>(wanted) + 1);
  const int length = static_cast<int>(work.size());
  pdsyev_("N", "L", &n, a.local().data(), &one, &one, a.descriptor().data(), values.data(), &none, &one, &one,
          a.descriptor().data(), work.data(), &length, &info);
  require(info >= 0, "pdsyev accepts its arguments");
  if (info > 0) throw NumericalError("the eigenvalues of a symmetric matrix did not converge (pdsyev)");
  return values;
}

}  // namespace

std::optional<Vector> generalised_eigenvalues(const DistributedMatrix& a, const DistributedMatrix& b) {
  require(a.rows() == a.columns() && b.rows() == a.rows() && b.columns() == a.rows(),
          "generalised_eigenvalues: square matrices of one order");
  require(a.grid() == b.grid() && a.layout().rows.block() == b.layout().rows.block(),
          "generalised_eigenvalues: same grid and block");
  const Communicator& comm = a.grid()->comm();
  if (comm.min(Index{a.local().allFinite() ? 1 : 0}) == 0) return std::nullopt;
  const auto factor = DistributedCholesky::factor(b, 0, 0);
  if (!factor) return std::nullopt;

  DistributedMatrix reduced = a;  // L⁻¹ A L⁻ᵀ in the end
  const DistributedMatrix& lower = factor->lower();
  const BlasThreads threads(scalapack_threads(reduced));
  const int n = static_cast<int>(a.rows());
  const int one = 1;
  double scale = 1;
  int info = 0;
  pdsygst_(&one, "L", &n, reduced.local().data(), &one, &one, reduced.descriptor().data(),
           lower.local().data(), &one, &one, lower.descriptor().data(), &scale, &info);
  require(info == 0, "pdsygst accepts its arguments");
  Vector values = scale * eigenvalues(reduced);
  comm.broadcast(std::span<double>(values.data(), static_cast<std::size_t>(values.size())));
  return values;
}

}  // namespace attnewton
