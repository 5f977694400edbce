// Which weights of a group of heads stay: masks of all its matrices, and the support that they are.
#pragma once

#include <vector>

#include "attnewton/pruning/head_group.hpp"
#include "attnewton/pruning/mask.hpp"

namespace attnewton {

/// A mask for each matrix of a group, in the order of HeadGroup::blocks().
using GroupMask = std::vector<Mask>;

/// keep_largest() in each block for itself: `scores` has a number a weight, as HeadGroup::to_vector() has
/// them. Local, O(scores). Errors of keep_largest().
GroupMask keep_largest(const std::vector<ParameterBlock>& blocks, const Vector& scores,
                       const Pattern& pattern, double ratio);

/// The positions of weights that stay, rising. Local.
std::vector<Index> support_of(const std::vector<ParameterBlock>& blocks, const GroupMask& mask);

/// `values` where the mask keeps them, +0 elsewhere. Local.
Vector masked(const std::vector<ParameterBlock>& blocks, const Vector& values, const GroupMask& mask);

/// How many weights stay in one of two masks alone. Local.
Index differences(const GroupMask& a, const GroupMask& b);

}  // namespace attnewton
