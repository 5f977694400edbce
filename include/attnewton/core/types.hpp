// The scalar, index and local dense types that every module shares.
#pragma once

#include <cstdint>

#include <Eigen/Core>

namespace attnewton {

/// Rows, columns, unknowns, bytes: 64 bits everywhere; only calls into BLAS and MPI narrow it, checked.
using Index = std::int64_t;

/// Dense local matrix, row-major: vec is row-major throughout (MATHEMATICS §0) and a query row is contiguous.
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

using MatrixView = Eigen::Map<Matrix>;
using ConstMatrixView = Eigen::Map<const Matrix>;

/// Half-open range of rows or columns.
struct Range {
  Index begin = 0;
  Index end = 0;

  Index size() const { return end - begin; }
  bool empty() const { return end <= begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

}  // namespace attnewton
