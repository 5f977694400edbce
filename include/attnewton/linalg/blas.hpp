// Row-major dense products on BLAS-3, single calls and sums over many rows by TBB.
#pragma once

#include <utility>

#include <Eigen/Core>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Row-major blocks of matrices whose rows lie `outerStride` apart: no copy is made of a block of a Matrix.
using MatrixRef = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;
using ConstMatrixRef = Eigen::Ref<const Matrix, 0, Eigen::OuterStride<>>;

enum class Transpose : char { no = 'N', yes = 'T' };

/// C = alpha op(A) op(B) + beta C by dgemm. C is p × q, op(A) p × k, op(B) k × q. Local, 2pqk flops, callable
/// inside a TBB task. Throws InternalError if the shapes do not fit.
void gemm(Transpose transpose_a, Transpose transpose_b, double alpha, const ConstMatrixRef& a,
          const ConstMatrixRef& b, double beta, MatrixRef c);

/// C = A B and C = alpha A Bᵀ into a Matrix or a block of one: the two forms that the tile kernels use.
template <class Result>
void multiply(const ConstMatrixRef& a, const ConstMatrixRef& b, Result&& c) {
  gemm(Transpose::no, Transpose::no, 1, a, b, 0, std::forward<Result>(c));
}
template <class Result>
void multiply_by_transpose(double alpha, const ConstMatrixRef& a, const ConstMatrixRef& b, Result&& c) {
  gemm(Transpose::no, Transpose::yes, alpha, a, b, 0, std::forward<Result>(c));
}

/// C = A B of A (n × k) and B (k × q), with few or thin enough rows for one task: callable inside a TBB task.
/// Local, 2nkq flops.
void multiply_rows(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef c);

/// A B of A (n × k) and B (k × q), rows shared out to TBB's tasks. Local, 2nkq flops; the same bits for any
/// number of threads.
Matrix product_by_rows(const ConstMatrixRef& a, const ConstMatrixRef& b);

/// AᵀB (p × q) of A (n × p) and B (n × q), rows summed in fixed chunks: the same bits for any number of
/// threads. Local, 2npq flops on TBB's threads.
Matrix transpose_product(const ConstMatrixRef& a, const ConstMatrixRef& b);

/// C += AᵀB with C's columns and rows shared out to TBB tasks: for wide results (C much larger than a cache).
/// Local, 2npq flops; the same bits for any number of threads.
void add_transpose_product(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef c);

/// The triangle of a symmetric matrix that is made; the other one is left as it is.
enum class Triangle : char { lower = 'L', upper = 'U' };

/// A triangle of C = AᵀA (d × d) of A (n × d) by dsyrk. Local, n d (d + 1) flops, callable inside a TBB task.
/// Throws InternalError if the shapes do not fit.
void symmetric_product(Triangle triangle, const ConstMatrixRef& a, MatrixRef c);

/// B = L⁻¹ B of lower triangular L (p × p) and B (p × q) by dtrsm. Local, p²q flops, callable inside a TBB
/// task.
void solve_lower(const Matrix& lower, MatrixRef b);

/// Σ a_ij b_ij, in an order fixed by the shapes alone. Local.
double inner_product(const ConstMatrixRef& a, const ConstMatrixRef& b);

}  // namespace attnewton
