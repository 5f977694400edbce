// Small attention problems pair by pair of query and key, n × m matrices written out from the definitions:
// for tests, sharing no code with the product.
#pragma once

#include "support/whole_attention.hpp"

namespace attnewton::testing_support {

/// F, n × m over all sequences; 0 for pairs of two sequences and masked ones.
inline Matrix pair_attention(const WholeAttention& whole, const Matrix& x) {
  const Matrix logits = whole.scale * whole.a1 * x * whole.a2.transpose();
  Matrix f = Matrix::Zero(whole.a1.rows(), whole.a2.rows());
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    const Index first = whole.key_offsets[s];
    for (Index j = whole.query_offsets[s]; j < whole.query_offsets[s + 1]; ++j) {
      const Index count = whole.causal ? j - whole.query_offsets[s] + 1 : whole.key_offsets[s + 1] - first;
      const Eigen::RowVectorXd row = logits.row(j).segment(first, count);
      const Eigen::RowVectorXd exponentials = (row.array() - row.maxCoeff()).exp();
      f.row(j).segment(first, count) = exponentials / exponentials.sum();
    }
  }
  return f;
}

/// v_j = Σ_k f_jk ‖h_k − o_j‖², h = A₃Y.
inline Vector output_spread(const WholeAttention& whole, const Matrix& f, const Matrix& y) {
  const Matrix outputs = whole.values() * y;
  Vector spread = Vector::Zero(f.rows());
  for (Index j = 0; j < f.rows(); ++j) {
    const Eigen::RowVectorXd mean = f.row(j) * outputs;
    for (Index k = 0; k < f.cols(); ++k) spread[j] += f(j, k) * (outputs.row(k) - mean).squaredNorm();
  }
  return spread;
}

/// D_jk = f_jk v_j.
inline Matrix pair_weights(const WholeAttention& whole, const Matrix& x, const Matrix& y) {
  const Matrix f = pair_attention(whole, x);
  return output_spread(whole, f, y).asDiagonal() * f;
}

}  // namespace attnewton::testing_support
