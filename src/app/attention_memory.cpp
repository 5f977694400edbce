#include "attention_memory.hpp"

namespace attnewton {

Index attention_memory_bytes(const AttentionProblem& problem) {
  const AttentionData& data = problem.data();
  const auto d1 = static_cast<double>(data.query_width());
  const auto d2 = static_cast<double>(data.key_width());
  const auto d3 = static_cast<double>(data.value_width());
  const auto e = static_cast<double>(data.output_width());
  const auto rows = static_cast<double>(data.queries.rows());
  const auto unknowns = static_cast<double>(problem.unknowns());

  const auto inputs = static_cast<double>(data.queries.size() + data.keys.size() +
                                          data.separate_values.size() + data.target.size());
  const double points = 2 * rows * (d3 + e);
  const double hessian_and_factor = 2 * unknowns * unknowns / problem.comm().size();
  const double sums = d1 * d1 * d2 * d2 / 4 + 2 * d1 * d2 * d3 * e;
  return static_cast<Index>(sizeof(double) * (inputs + points + hessian_and_factor + sums));
}

}  // namespace attnewton
