#include "attnewton/linalg/symmetric_spectrum.hpp"

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/threads.hpp"

#include "scalapack.hpp"
#include "scalapack_threads.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): Fortran's name
extern "C" void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
                       double* work, const int* lwork, int* info);

namespace attnewton {
namespace {

[[noreturn]] void throw_not_converged(const char* routine) {
  throw NumericalError(std::string("the eigenvalues of the Hessian did not converge (") + routine + ")");
}

void agree_on(const Communicator& comm, Vector& eigenvalues) {
  comm.broadcast(std::span<double>(eigenvalues.data(), static_cast<std::size_t>(eigenvalues.size())));
}

// dsyev of the lower triangle of `symmetric`, which it destroys. Returns its info: not 0 if it failed.
int take_eigenvalues(Matrix& symmetric, Vector& eigenvalues) {
  const int n = static_cast<int>(symmetric.rows());
  int info = 0;
  const auto call = [&](double* work, int length) {
    // The lower triangle of a row-major matrix is the upper one of Fortran's.
    dsyev_("N", "U", &n, symmetric.data(), &n, eigenvalues.data(), work, &length, &info);
  };
  double wanted = 0;
  call(&wanted, -1);
  std::vector<double> work(static_cast<std::size_t>(wanted));
  call(work.data(), static_cast<int>(work.size()));
  return info;
}

// All eigenvalues, rising, the same on every rank; computed by rank 0.
Vector eigenvalues_of_gathered(const DistributedMatrix& h) {
  const Communicator& comm = h.grid()->comm();
  Matrix whole = Matrix::Zero(h.rows(), h.rows());
  for (Index j = 0; j < h.local().cols(); ++j) {
    for (Index i = 0; i < h.local().rows(); ++i) whole(h.global_row(i), h.global_column(j)) = h.local()(i, j);
  }
  comm.sum(whole);
  Vector eigenvalues(h.rows());
  Index failed = 0;
  if (comm.is_root()) {
    const BlasThreads threads(scalapack_threads(h));
    failed = take_eigenvalues(whole, eigenvalues);
  }
  if (comm.max(failed) > 0) throw_not_converged("LAPACK dsyev");
  agree_on(comm, eigenvalues);
  return eigenvalues;
}

// The same, computed by all ranks.
Vector eigenvalues_of_distributed(const DistributedMatrix& h) {
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
  if (comm.max(Index{info}) > 0) throw_not_converged("ScaLAPACK pdsyev");
  agree_on(comm, eigenvalues);
  return eigenvalues;
}

}  // namespace

Vector all_eigenvalues(Matrix symmetric) {
  require(symmetric.rows() == symmetric.cols() && symmetric.rows() > 0, "all_eigenvalues: square");
  if (!symmetric.allFinite())
    throw NumericalError("an entry of the matrix is not finite: it has no eigenvalues");
  Vector eigenvalues(symmetric.rows());
  if (take_eigenvalues(symmetric, eigenvalues) != 0) throw_not_converged("LAPACK dsyev");
  return eigenvalues;
}

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
  const Vector eigenvalues =
      h.rows() <= options.largest_gathered ? eigenvalues_of_gathered(h) : eigenvalues_of_distributed(h);
  ExtremeEigenvalues extremes{eigenvalues[0], eigenvalues[eigenvalues.size() - 1]};
  const double rounding =
      static_cast<double>(h.rows()) * std::numeric_limits<double>::epsilon() * extremes.norm();
  extremes.smallest_error = rounding;
  extremes.largest_error = rounding;
  extremes.is_direct = true;
  return extremes;
}

}  // namespace attnewton
