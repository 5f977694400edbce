// Sketches written out as dense matrices from their definitions, sharing no code with the product but the
// draws.
#pragma once

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/sketch/tensor_sparse.hpp"
#include "attnewton/sketch/tensor_srht.hpp"

#include "support/dense_kronecker.hpp"

namespace attnewton::testing_support {

/// Hadamard's matrix of order 2^k by Sylvester's construction.
inline Matrix hadamard(Index order) {
  Matrix h = Matrix::Ones(1, 1);
  while (h.rows() < order) {
    Matrix next(2 * h.rows(), 2 * h.rows());
    next << h, h, h, -h;
    h = next;
  }
  return h;
}

/// P H D, without a factor.
inline Matrix explicit_rows(const SampledHadamard& sampled) {
  Index order = 1;
  while (order < sampled.columns()) order *= 2;
  const Matrix h = hadamard(order);
  Matrix s(sampled.rows(), sampled.columns());
  for (Index r = 0; r < s.rows(); ++r) {
    for (Index c = 0; c < s.cols(); ++c) s(r, c) = h(sampled.sampled_row(r), c) * sampled.sign(c);
  }
  return s;
}

inline Matrix explicit_sketch(const Srht& sketch) {
  return explicit_rows(sketch) / std::sqrt(static_cast<double>(sketch.rows()));
}

inline Matrix explicit_sketch(const TensorSrht& sketch) {
  const Matrix left = explicit_rows(sketch.left());
  const Matrix right = explicit_rows(sketch.right());
  Matrix s(sketch.rows(), left.cols() * right.cols());
  for (Index r = 0; r < s.rows(); ++r) s.row(r) = kronecker(left.row(r), right.row(r));
  return s / std::sqrt(static_cast<double>(sketch.rows()));
}

inline Matrix explicit_sketch(const CountSketch& sketch, Index columns) {
  Matrix s = Matrix::Zero(sketch.rows(), columns);
  for (Index column = 0; column < columns; ++column) {
    for (Index block = 0; block < sketch.blocks(); ++block) {
      const CountSketch::Entry entry = sketch.entry(column, block);
      s(block * sketch.block_rows() + entry.row, column) = entry.value;
    }
  }
  return s;
}

inline Matrix explicit_sketch(const TensorSparse& sketch, Index left_columns, Index right_columns) {
  Matrix s = Matrix::Zero(sketch.rows(), left_columns * right_columns);
  const auto sign = [](double value) { return value > 0 ? 1.0 : -1.0; };
  for (Index i = 0; i < left_columns; ++i) {
    for (Index j = 0; j < right_columns; ++j) {
      for (Index k = 0; k < sketch.blocks(); ++k) {
        const CountSketch::Entry first = sketch.left().entry(i, k);
        const CountSketch::Entry second = sketch.right().entry(j, k);
        const Index row = k * sketch.block_rows() + (first.row + second.row) % sketch.block_rows();
        s(row, i * right_columns + j) +=
            sign(first.value) * sign(second.value) / std::sqrt(static_cast<double>(sketch.blocks()));
      }
    }
  }
  return s;
}

/// The mean of SᵀS over `draws` sketches S = make(seed) is I, entry by entry within five standard errors and
/// 1e-12: of some hundred entries a correct sketch fails with odds below 1e-4.
template <class Make>
void expect_unbiased(Index draws, Make&& make) {
  Matrix sum;
  Matrix squares;
  for (Index seed = 0; seed < draws; ++seed) {
    const Matrix s = make(static_cast<std::uint64_t>(seed));
    const Matrix error = s.transpose() * s - Matrix::Identity(s.cols(), s.cols());
    if (seed == 0) sum = squares = Matrix::Zero(s.cols(), s.cols());
    sum += error;
    squares += error.cwiseAbs2();
  }
  const auto count = static_cast<double>(draws);
  const Matrix variance = squares / count - (sum / count).cwiseAbs2();
  const Matrix allowed = 5 * (variance / count).cwiseMax(0).cwiseSqrt();
  for (Index i = 0; i < sum.rows(); ++i) {
    for (Index j = 0; j <= i; ++j)
      EXPECT_LE(std::abs(sum(i, j) / count), allowed(i, j) + 1e-12) << i << ", " << j;
  }
}

}  // namespace attnewton::testing_support
