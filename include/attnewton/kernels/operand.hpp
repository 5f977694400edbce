// A row-major matrix as the kernels read it: in their own scalar type.
#pragma once

#include <type_traits>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// A view of a Matrix for kernels in double, a rounded copy for kernels in float. The viewed matrix must
/// outlive it.
template <class Real>
class Operand {
 public:
  Operand() = default;
  explicit Operand(const Matrix& a) : stride_(a.cols()) {
    if constexpr (std::is_same_v<Real, double>) {
      data_ = a.data();
    } else {
      copy_ = a.cast<Real>();
      data_ = copy_.data();
    }
  }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  Operand(Operand&&) noexcept = default;
  Operand& operator=(Operand&&) noexcept = default;

  const Real* row(Index i) const { return data_ + i * stride_; }
  Index columns() const { return stride_; }

 private:
  const Real* data_ = nullptr;
  Index stride_ = 0;
  Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> copy_;
};

}  // namespace attnewton
