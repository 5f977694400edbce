#include "attnewton/linalg/inverse_cholesky.hpp"

#include <limits>

#include "attnewton/core/error.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): Fortran's name
extern "C" void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);

// NOLINTNEXTLINE(readability-identifier-naming): Fortran's name
extern "C" void dtrtri_(const char* uplo, const char* diag, const int* n, double* a, const int* lda,
                        int* info);

namespace attnewton {

std::optional<Matrix> inverse_cholesky_factor(const Matrix& h) {
  const Index d = h.rows();
  require(h.cols() == d, "inverse_cholesky_factor: the matrix is square");
  require(d <= std::numeric_limits<int>::max(), "inverse_cholesky_factor: the order fits LAPACK's int");
  if (d == 0) return Matrix(0, 0);
  // Reversed, the upper triangle of H is the lower one of JHJ, which is Fortran's upper one.
  Matrix reversed = Matrix::Zero(d, d);
  for (Index i = 0; i < d; ++i) {
    for (Index j = i; j < d; ++j) {
      const double entry = h(i, j);
      if (!(entry - entry == 0)) return std::nullopt;  // NaN or infinite: dpotrf need not notice
      reversed(d - 1 - i, d - 1 - j) = entry;
    }
  }
  const int n = static_cast<int>(d);
  int info = 0;
  dpotrf_("U", &n, reversed.data(), &n, &info);
  require(info >= 0, "dpotrf accepts its arguments");
  if (info > 0) return std::nullopt;
  dtrtri_("U", "N", &n, reversed.data(), &n, &info);
  require(info >= 0, "dtrtri accepts its arguments");
  if (info > 0) return std::nullopt;
  return reversed.reverse();
}

}  // namespace attnewton
