// Where float carries the second derivatives of an attention problem.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "attnewton/problems/attention.hpp"

namespace attnewton {
namespace {

// Logits beyond this lose so much of their fraction in float that the softmax does not sum to 1 any more.
constexpr double largest_log_sum = 256;

// What float holds with room for sums of some thousand terms above, and for terms of a 10⁻⁸th below.
constexpr double largest_product = 1e30;
constexpr double smallest_product = 1e-28;

bool in_range(double product) {
  return product == 0 || (product >= smallest_product && product <= largest_product);
}

double largest_entry(const Matrix& a) {
  return a.size() > 0 ? a.cwiseAbs().maxCoeff() : 0;
}

}  // namespace

InputMagnitudes AttentionProblem::magnitudes_of_inputs() const {
  return {comm_.max(largest_entry(data_.queries)), comm_.max(largest_entry(data_.keys)),
          comm_.max(largest_entry(data_.values()))};
}

// Mixed precision where the factors that make H_xx and H_xy, and their products, fit float; double elsewhere.
// Every rank comes to the same answer.
void AttentionProblem::set_curvature(AttentionPoint& point, Precision wanted) const {
  if (wanted == Precision::full) return;
  const double log_sum = point.at.log_sum.size() > 0 ? point.at.log_sum.cwiseAbs().maxCoeff() : 0;
  const double residual = largest_entry(point.at.residual);
  const double queries = std::abs(data_.scale) * magnitudes_.queries;
  const double output = magnitudes_.values * largest_entry(point.y);
  const double m = magnitudes_.keys * magnitudes_.keys * output * std::max(output, residual);
  const double n = magnitudes_.keys * magnitudes_.values;
  const double k = magnitudes_.keys * output;
  const double with_mixed = queries * magnitudes_.values;
  const double with_residual = queries * residual;
  const double products[] = {m, n, k, queries * queries, queries * queries * m, with_mixed, with_mixed * k};
  const bool carries = log_sum <= largest_log_sum &&
                       std::all_of(std::begin(products), std::end(products), in_range) &&
                       with_residual <= largest_product && with_residual * n <= largest_product;
  if (comm_.min(Index{carries ? 1 : 0}) > 0) point.set_curvature(Precision::mixed);
}

}  // namespace attnewton
