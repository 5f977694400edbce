#include "attnewton/bench/operation_count.hpp"

#include <algorithm>

namespace attnewton {
namespace {

OperationCount counted(double score_multiply_adds, double other_multiply_adds, double exponentials) {
  return {2 * (score_multiply_adds + other_multiply_adds), 2 * score_multiply_adds, exponentials};
}

double visible_in_sequence(double length, bool causal) {
  return causal ? length * (length + 1) / 2 : length * length;
}

}  // namespace

double visible_scores(Index rows, Index sequence_length, bool causal) {
  const Index whole = rows / sequence_length;
  const Index last = rows % sequence_length;
  return static_cast<double>(whole) * visible_in_sequence(static_cast<double>(sequence_length), causal) +
         visible_in_sequence(static_cast<double>(last), causal);
}

OperationCount gradient_operations(const AttentionSize& size, AttentionVariables variables) {
  const auto& [n, m, v, d1, d2, d3, e, values_are_keys] = size;
  const double scores = v * (2 * d2 + d3 + std::min(d3, e));
  const double thin = 2 * n * d1 * d2 + m * d3 * e + n * d3 * e;
  if (variables == AttentionVariables::joint) return counted(scores, thin + n * d3 * e, v);
  return counted(scores + v * d2, thin + n * d3 * (d3 + 1) / 2 + n * d3 * e, 2 * v);
}

OperationCount hessian_vector_operations(const AttentionSize& size, AttentionVariables variables) {
  const auto& [n, m, v, d1, d2, d3, e, values_are_keys] = size;
  const bool through_values = d3 < 2 * e;
  const double scores = v * (3 * d2 + d3 + std::min(d3, e) + std::min(d3, 2 * e));
  const double thin = 3 * n * d1 * d2 + m * d3 * e + 4 * n * d3 * e + (through_values ? 2 * n : m) * d3 * e;
  if (variables == AttentionVariables::joint) return counted(scores, thin, v);
  return counted(scores + 2 * v * d2, thin, 2 * v);
}

OperationCount assembly_operations(const AttentionSize& size, HessianForm form) {
  const auto& [n, m, v, d1, d2, d3, e, values_are_keys] = size;
  const double r = values_are_keys ? v * d2 * d3 / 2 : v * d2 * d3;
  const double xx = n * d1 * d1 * d2 * d2 / 4;
  const double xy_t = n * d1 * d2 * d3 * std::min(d3, e);
  if (form == HessianForm::gauss_newton) return counted(r, xx + xy_t, v);
  return counted(r + v * d2 * d2 / 2, xx + xy_t + n * d1 * d2 * d3 * e, v);
}

}  // namespace attnewton
