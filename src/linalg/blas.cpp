#include "attnewton/linalg/blas.hpp"

#include <algorithm>
#include <limits>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/thin_product.hpp"
#include "attnewton/parallel/deterministic.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): Fortran's name
extern "C" void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                       const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
                       const double* beta, double* c, const int* ldc);

// NOLINTNEXTLINE(readability-identifier-naming): Fortran's name
extern "C" void dsyrk_(const char* uplo, const char* trans, const int* n, const int* k, const double* alpha,
                       const double* a, const int* lda, const double* beta, double* c, const int* ldc);

// NOLINTNEXTLINE(readability-identifier-naming): Fortran's name
extern "C" void dtrsm_(const char* side, const char* uplo, const char* trans, const char* diag, const int* m,
                       const int* n, const double* alpha, const double* a, const int* lda, double* b,
                       const int* ldb);

namespace attnewton {
namespace {

// Rows a task of a sum takes: long enough for dgemm's speed, short enough that a few thousand rows feed all
// cores.
constexpr Index rows_per_term = 512;
// Side of the blocks of a wide result that a task owns.
constexpr Index block_of_result = 768;

int blas_int(Index value) {
  require(value <= std::numeric_limits<int>::max(), "a dimension given to BLAS fits an int");
  return static_cast<int>(value);
}

int leading_dimension(const ConstMatrixRef& a) {
  return blas_int(std::max<Index>({1, a.outerStride(), a.cols()}));
}

// Widths up to which thin products beat BLAS: their second operand stays in the first-level cache.
constexpr Index widest_thin = 160;

bool is_thin(Index width, Index other) {
  return width <= widest_thin && other <= widest_thin;
}

ConstBlock block_of(const ConstMatrixRef& a) {
  return {a.data(), a.rows(), a.cols(), a.outerStride()};
}

Index blocks_of(Index total, Index block) {
  return (total + block - 1) / block;
}

}  // namespace

void gemm(Transpose transpose_a, Transpose transpose_b, double alpha, const ConstMatrixRef& a,
          const ConstMatrixRef& b, double beta, MatrixRef c) {
  const bool plain_a = transpose_a == Transpose::no;
  const bool plain_b = transpose_b == Transpose::no;
  const Index inner = plain_a ? a.cols() : a.rows();
  require(c.rows() == (plain_a ? a.rows() : a.cols()) && c.cols() == (plain_b ? b.cols() : b.rows()) &&
              inner == (plain_b ? b.rows() : b.cols()),
          "gemm: shapes fit");
  if (c.size() == 0) return;
  // Row-major C = op(A) op(B) is column-major Cᵀ = op(B)ᵀ op(A)ᵀ on the same memory.
  const char flag_a = static_cast<char>(transpose_a);
  const char flag_b = static_cast<char>(transpose_b);
  const int m = blas_int(c.cols());
  const int n = blas_int(c.rows());
  const int k = blas_int(inner);
  const int ld_a = leading_dimension(a);
  const int ld_b = leading_dimension(b);
  const int ld_c = leading_dimension(c);
  dgemm_(&flag_b, &flag_a, &m, &n, &k, &alpha, b.data(), &ld_b, a.data(), &ld_a, &beta, c.data(), &ld_c);
}

void symmetric_product(Triangle triangle, const ConstMatrixRef& a, MatrixRef c) {
  require(c.rows() == a.cols() && c.cols() == a.cols(), "symmetric_product: C is as wide as A");
  // BLAS sees the transposes: its other triangle, and A times its transpose.
  const char uplo = triangle == Triangle::lower ? 'U' : 'L';
  const int width = blas_int(a.cols());
  const int rows = blas_int(a.rows());
  const int stride_a = leading_dimension(a);
  const int stride_c = leading_dimension(c);
  constexpr double one = 1;
  constexpr double zero = 0;
  dsyrk_(&uplo, "N", &width, &rows, &one, a.data(), &stride_a, &zero, c.data(), &stride_c);
}

void multiply_rows(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef c) {
  if (is_thin(b.rows(), b.cols())) {
    thin_product(block_of(a), block_of(b), {c.data(), c.rows(), c.cols(), c.outerStride()});
  } else {
    multiply(a, b, c);
  }
}

Matrix product_by_rows(const ConstMatrixRef& a, const ConstMatrixRef& b) {
  Matrix c(a.rows(), b.cols());
  for_each_task(blocks_of(a.rows(), rows_per_term), [&](Index chunk) {
    const Index first = chunk * rows_per_term;
    const Index count = std::min(rows_per_term, a.rows() - first);
    multiply_rows(a.middleRows(first, count), b, c.middleRows(first, count));
  });
  return c;
}

Matrix transpose_product(const ConstMatrixRef& a, const ConstMatrixRef& b) {
  require(a.rows() == b.rows(), "transpose_product: equal numbers of rows");
  const Index rows = a.rows();
  const Matrix zero = Matrix::Zero(a.cols(), b.cols());
  return deterministic_sum(blocks_of(rows, rows_per_term), zero, [&](Index chunk) {
    const Index first = chunk * rows_per_term;
    const Index count = std::min(rows_per_term, rows - first);
    Matrix term(a.cols(), b.cols());
    if (is_thin(a.cols(), b.cols())) {
      thin_transpose_product(block_of(a.middleRows(first, count)), block_of(b.middleRows(first, count)),
                             {term.data(), term.rows(), term.cols(), term.outerStride()});
    } else {
      gemm(Transpose::yes, Transpose::no, 1, a.middleRows(first, count), b.middleRows(first, count), 0, term);
    }
    return term;
  });
}

void add_transpose_product(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef c) {
  const Index block_rows = blocks_of(c.rows(), block_of_result);
  const Index block_columns = blocks_of(c.cols(), block_of_result);
  for_each_task(block_rows * block_columns, [&](Index task) {
    const Index row = task / block_columns * block_of_result;
    const Index column = task % block_columns * block_of_result;
    const Index rows = std::min(block_of_result, c.rows() - row);
    const Index columns = std::min(block_of_result, c.cols() - column);
    gemm(Transpose::yes, Transpose::no, 1, a.middleCols(row, rows), b.middleCols(column, columns), 1,
         c.block(row, column, rows, columns));
  });
}

void solve_lower(const Matrix& lower, MatrixRef b) {
  require(lower.rows() == lower.cols() && lower.rows() == b.rows(), "solve_lower: shapes fit");
  if (b.size() == 0) return;
  // On the same memory, column-major: Bᵀ = Bᵀ (Lᵀ)⁻¹ with Lᵀ upper triangular.
  const int m = blas_int(b.cols());
  const int n = blas_int(b.rows());
  const int ld_lower = leading_dimension(lower);
  const int ld_b = leading_dimension(b);
  const double one = 1;
  dtrsm_("R", "U", "N", "N", &m, &n, &one, lower.data(), &ld_lower, b.data(), &ld_b);
}

double inner_product(const ConstMatrixRef& a, const ConstMatrixRef& b) {
  require(a.rows() == b.rows() && a.cols() == b.cols(), "inner_product: equal shapes");
  const Index rows = a.rows();
  return deterministic_sum(blocks_of(rows, rows_per_term), 0.0, [&](Index chunk) {
    const Index first = chunk * rows_per_term;
    const Index count = std::min(rows_per_term, rows - first);
    return a.middleRows(first, count).cwiseProduct(b.middleRows(first, count)).sum();
  });
}

}  // namespace attnewton
