#include "attnewton/bench/operation_count.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

// Scores of the sequences, one by one.
double counted_scores(Index rows, Index sequence_length, bool causal) {
  double scores = 0;
  for (Index query = 0; query < rows; ++query) {
    for (Index key = 0; key < rows; ++key) {
      const bool together = query / sequence_length == key / sequence_length;
      if (together && (!causal || key <= query)) scores += 1;
    }
  }
  return scores;
}

// Multiply–adds of a product of a `rows` × `inner` with an `inner` × `columns` matrix, one by one; of the
// first only the entries that `visible` leaves.
struct Loops {
  Index n = 7;
  Index length = 3;
  bool causal = true;
  double over_scores(Index width) const {
    double count = 0;
    for (Index k = 0; k < width; ++k) count += counted_scores(n, length, causal);
    return count;
  }
};

AttentionSize size_of(const Loops& loops, Index d1, Index d2, Index d3, Index e) {
  AttentionSize size;
  size.queries = size.keys = static_cast<double>(loops.n);
  size.visible = counted_scores(loops.n, loops.length, loops.causal);
  size.d1 = static_cast<double>(d1);
  size.d2 = static_cast<double>(d2);
  size.d3 = static_cast<double>(d3);
  size.e = static_cast<double>(e);
  return size;
}

TEST(OperationCount, VisibleScoresAreThoseOfTheMask) {
  for (const Index rows : {1, 2, 7, 12}) {
    for (Index length = 1; length <= rows; ++length) {
      for (const bool causal : {false, true})
        EXPECT_EQ(visible_scores(rows, length, causal), counted_scores(rows, length, causal))
            << rows << " " << length << " " << causal;
    }
  }
  EXPECT_EQ(visible_scores(Index{1} << 40, Index{1} << 40, false), 0x1p80);  // beyond 64 bits
}

TEST(OperationCount, GradientAddsUpItsProducts) {
  constexpr Index n = 7;
  constexpr Index d1 = 2;
  constexpr Index d2 = 3;
  constexpr Index d3 = 4;
  constexpr Index e = 5;
  const Loops loops;
  const AttentionSize size = size_of(loops, d1, d2, d3, e);
  // S, T, G (through Y, as its output is wider than the values), P A₂.
  const double scores = loops.over_scores(d2) + loops.over_scores(d3) + loops.over_scores(std::min(d3, e)) +
                        loops.over_scores(d2);
  const double thin = n * d1 * d2 + n * d3 * e + n * d3 * e + n * d1 * d2 + n * d3 * e;
  const OperationCount joint = gradient_operations(size, AttentionVariables::joint);
  EXPECT_EQ(joint.score_operations, 2 * scores);
  EXPECT_EQ(joint.operations, 2 * (scores + thin));
  EXPECT_EQ(joint.exponentials, size.visible);

  // S once more; the lower half of TᵀT.
  double gram = 0;
  for (Index row = 0; row < d3; ++row) gram += static_cast<double>((row + 1) * n);
  const OperationCount projected = gradient_operations(size, AttentionVariables::projected);
  EXPECT_EQ(projected.score_operations, joint.score_operations + 2 * loops.over_scores(d2));
  EXPECT_EQ(projected.operations, joint.operations + 2 * (loops.over_scores(d2) + gram));
  EXPECT_EQ(projected.exponentials, 2 * size.visible);
}

TEST(OperationCount, GradientIsEightProductsAtEqualWidths) {
  AttentionSize size;
  size.queries = size.keys = 4096;
  size.visible = 4096.0 * 4096;
  size.d1 = size.d2 = size.d3 = size.e = 64;
  EXPECT_EQ(gradient_operations(size, AttentionVariables::joint).score_operations, 8.0 * 4096 * 4096 * 64);
}

TEST(OperationCount, HessianVectorAddsUpItsProducts) {
  constexpr Index n = 7;
  constexpr Index d1 = 2;
  constexpr Index d2 = 3;
  constexpr Index d3 = 4;
  constexpr Index e = 5;
  const Loops loops;
  const AttentionSize size = size_of(loops, d1, d2, d3, e);
  // S, Z′, dT; G and dG through Y; dP A₂.
  const double scores =
      2 * loops.over_scores(d2) + loops.over_scores(d3) + 2 * loops.over_scores(d3) + loops.over_scores(d2);
  const double thin = 3 * n * d1 * d2 + n * d3 * e + 2 * n * d3 * e + 2 * n * d3 * e + 2 * n * d3 * e;
  const OperationCount joint = hessian_vector_operations(size, AttentionVariables::joint);
  EXPECT_EQ(joint.score_operations, 2 * scores);
  EXPECT_EQ(joint.operations, 2 * (scores + thin));
  const OperationCount projected = hessian_vector_operations(size, AttentionVariables::projected);
  EXPECT_EQ(projected.operations, joint.operations + 2 * 2 * loops.over_scores(d2));
  EXPECT_EQ(projected.exponentials, 2 * size.visible);
}

TEST(OperationCount, HessianVectorOfANarrowOutputKeepsY) {
  constexpr Index n = 7;
  constexpr Index d = 9;
  constexpr Index e = 4;
  const Loops loops;
  // S, Z′, dT; G and the two of dG; dP A₂.
  const double scores = 4 * loops.over_scores(d) + 3 * loops.over_scores(e);
  const double thin = 3 * n * d * d + 2 * n * d * e + 4 * n * d * e;
  const OperationCount joint =
      hessian_vector_operations(size_of(loops, d, d, d, e), AttentionVariables::joint);
  EXPECT_EQ(joint.score_operations, 2 * scores);
  EXPECT_EQ(joint.operations, 2 * (scores + thin));
}

TEST(OperationCount, AssemblyIsTheStructuresCountAtEqualWidths) {
  const double n = 100;
  const double d = 6;
  AttentionSize size;
  size.queries = size.keys = n;
  size.visible = n * n;
  size.d1 = size.d2 = size.d3 = size.e = d;
  const OperationCount exact = assembly_operations(size, HessianForm::exact);
  EXPECT_DOUBLE_EQ(exact.operations, 2 * (n * n * d * d + 2.25 * n * d * d * d * d));
  EXPECT_DOUBLE_EQ(exact.score_operations, 2 * n * n * d * d);
  const OperationCount gauss_newton = assembly_operations(size, HessianForm::gauss_newton);
  EXPECT_DOUBLE_EQ(gauss_newton.operations, 2 * (n * n * d * d / 2 + 1.25 * n * d * d * d * d));
}

TEST(OperationCount, AssemblyOfOtherWidthsAndValues) {
  AttentionSize size;
  size.queries = 10;
  size.keys = 20;
  size.visible = 200;
  size.d1 = 2;
  size.d2 = 3;
  size.d3 = 5;
  size.e = 4;
  size.values_are_keys = false;
  const double m_gram = 200 * 3 * 3 / 2.0;
  const double r = 200 * 3 * 5;
  const double xx = 10 * (2 * 2) * (3 * 3) / 4.0;
  const double xy_t = 10 * (2 * 5) * (3 * 4);  // Y applied first: e < d₃
  const double xy_c = 10 * (2 * 4) * (3 * 5);
  EXPECT_DOUBLE_EQ(assembly_operations(size, HessianForm::exact).operations,
                   2 * (m_gram + r + xx + xy_t + xy_c));
  EXPECT_DOUBLE_EQ(assembly_operations(size, HessianForm::gauss_newton).operations, 2 * (r + xx + xy_t));
}

}  // namespace
}  // namespace attnewton
