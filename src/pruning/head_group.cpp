#include "attnewton/pruning/head_group.hpp"

#include "attnewton/core/error.hpp"

namespace attnewton {

Index HeadGroup::parameters() const {
  Index count = key.size();
  for (const Matrix& p : query) count += p.size();
  return count;
}

std::vector<ParameterBlock> HeadGroup::blocks() const {
  std::vector<ParameterBlock> blocks;
  Index begin = 0;
  const auto add = [&](const Matrix& weights, bool is_key) {
    blocks.push_back({{begin, begin + weights.size()}, weights.rows(), weights.cols(), is_key});
    begin += weights.size();
  };
  for (const Matrix& p : query) add(p, false);
  if (!is_fused()) add(key, true);
  return blocks;
}

Vector HeadGroup::to_vector() const {
  Vector weights(parameters());
  Index begin = 0;
  const auto append = [&](const Matrix& block) {
    MatrixView(weights.data() + begin, block.rows(), block.cols()) = block;
    begin += block.size();
  };
  for (const Matrix& p : query) append(p);
  append(key);
  return weights;
}

void HeadGroup::set(const Vector& weights) {
  require(weights.size() == parameters(), "HeadGroup::set: as many weights as the group has");
  Index begin = 0;
  const auto take = [&](Matrix& block) {
    block = ConstMatrixView(weights.data() + begin, block.rows(), block.cols());
    begin += block.size();
  };
  for (Matrix& p : query) take(p);
  take(key);
}

}  // namespace attnewton
