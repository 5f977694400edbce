#include "attnewton/linalg/symmetric_spectrum.hpp"

#include <limits>
#include <span>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"

#include "scalapack.hpp"
#include "scalapack_threads.hpp"

namespace attnewton {
namespace {

// All eigenvalues, rising, the same on every rank.
Vector eigenvalues_of(const DistributedMatrix& h) {
  DistributedMatrix destroyed = h;
  const BlasThreads threads(scalapack_threads(destroyed));
  const int n = static_cast<int>(h.rows());
  const int one = 1;
  int info = 0;
  Vector eigenvalues(h.rows());
  double unused = 0;  // the eigenvectors
  const auto call = [&](double* work, int length) {
    pdsyev_("N", "L", &n, destroyed.local().data(), &one, &one, destroyed.descriptor().data(),
            eigenvalues.data(), &unused, &one, &one, destroyed.descriptor().data(), work, &length, &info);
  };
  double wanted = 0;
  call(&wanted, -1);
  require(info == 0, "pdsyev accepts its arguments");
  std::vector<double> work(static_cast<std::size_t>(wanted));
  call(work.data(), static_cast<int>(work.size()));
  const Communicator& comm = h.grid()->comm();
  require(comm.min(Index{info}) >= 0, "pdsyev accepts its arguments");
  if (comm.max(Index{info}) > 0)
    throw NumericalError("the eigenvalues of the Hessian did not converge (ScaLAPACK pdsyev)");
  comm.broadcast(std::span<double>(eigenvalues.data(), static_cast<std::size_t>(eigenvalues.size())));
  return eigenvalues;
}

}  // namespace

ExtremeEigenvalues extreme_eigenvalues(const DistributedMatrix& h, const Vector& start,
                                       const SpectrumOptions& options) {
  require(h.rows() == h.columns() && h.rows() > 0, "extreme_eigenvalues: a square matrix");
  const Communicator& comm = h.grid()->comm();
  // ScaLAPACK is not guaranteed to come back from NaN.
  if (comm.min(Index{h.local().allFinite() ? 1 : 0}) == 0)
    throw NumericalError("an entry of the matrix is not finite: it has no eigenvalues");
  if (h.rows() > options.largest_direct) {
    const auto times = [&h](const Vector& v) { return symmetric_multiply(h, v); };
    return extreme_eigenvalues_by_lanczos(comm, times, start, options.lanczos);
  }
  const Vector eigenvalues = eigenvalues_of(h);
  ExtremeEigenvalues extremes{eigenvalues[0], eigenvalues[eigenvalues.size() - 1]};
  const double rounding =
      static_cast<double>(h.rows()) * std::numeric_limits<double>::epsilon() * extremes.norm();
  extremes.smallest_error = rounding;
  extremes.largest_error = rounding;
  extremes.is_direct = true;
  return extremes;
}

}  // namespace attnewton
