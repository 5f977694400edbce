#include "attnewton/pruning/group_mask.hpp"

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

ConstMatrixView block_of(const Vector& values, const ParameterBlock& block) {
  return {values.data() + block.range.begin, block.rows, block.columns};
}

// Calls f(position, keeps) for every weight, in order.
template <class F>
void for_each_weight(const std::vector<ParameterBlock>& blocks, const GroupMask& mask, F&& f) {
  require(blocks.size() == mask.size(), "a mask for each block");
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const Mask& keeps = mask[b];
    require(keeps.rows() == blocks[b].rows && keeps.cols() == blocks[b].columns,
            "a mask has its block's shape");
    for (Index i = 0; i < keeps.size(); ++i) f(blocks[b].range.begin + i, keeps.data()[i]);
  }
}

}  // namespace

GroupMask keep_largest(const std::vector<ParameterBlock>& blocks, const Vector& scores,
                       const Pattern& pattern, double ratio) {
  GroupMask mask;
  mask.reserve(blocks.size());
  for (const ParameterBlock& block : blocks)
    mask.push_back(keep_largest(Matrix(block_of(scores, block)), pattern, ratio));
  return mask;
}

std::vector<Index> support_of(const std::vector<ParameterBlock>& blocks, const GroupMask& mask) {
  std::vector<Index> support;
  for_each_weight(blocks, mask, [&](Index position, bool keeps) {
    if (keeps) support.push_back(position);
  });
  return support;
}

Vector masked(const std::vector<ParameterBlock>& blocks, const Vector& values, const GroupMask& mask) {
  Vector kept = Vector::Zero(values.size());
  for_each_weight(blocks, mask, [&](Index position, bool keeps) {
    if (keeps) kept[position] = values[position];
  });
  return kept;
}

Index differences(const GroupMask& a, const GroupMask& b) {
  require(a.size() == b.size(), "differences: masks of one group");
  Index count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += (a[i].array() != b[i].array()).count();
  return count;
}

}  // namespace attnewton
