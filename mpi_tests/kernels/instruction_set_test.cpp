// Which kernels there are, and which are in use.
#include "attnewton/kernels/instruction_set.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "attnewton/kernels/tile_kernels.hpp"

namespace attnewton {
namespace {

TEST(InstructionSet, PortableIsAlwaysThereAndOrderIsBySpeed) {
  const auto sets = available_instruction_sets();
  ASSERT_FALSE(sets.empty());
  EXPECT_EQ(sets.front(), InstructionSet::portable);
  EXPECT_TRUE(std::is_sorted(sets.begin(), sets.end()));
}

TEST(InstructionSet, InUseIsTheOneAskedForOrTheFastest) {
  const char* wanted = std::getenv("ATTNEWTON_KERNELS");
  if (wanted == nullptr) {
    EXPECT_EQ(instruction_set(), available_instruction_sets().back());
  } else {
    EXPECT_EQ(name_of(instruction_set()), wanted);
  }
}

template <class Real>
void expect_a_complete_table(const TileKernels<Real>& kernels) {
  EXPECT_GE(kernels.lanes, 1);
  EXPECT_GE(kernels.most_vectors, 1);
  EXPECT_TRUE(kernels.exponential && kernels.dots && kernels.mix && kernels.softmax &&
              kernels.shifted_exponential && kernels.backward && kernels.weigh && kernels.backward_direction);
  EXPECT_TRUE(kernels.khatri_rao && kernels.khatri_rao_square && kernels.subtract_outer &&
              kernels.add_low_rank);
  EXPECT_TRUE(kernels.add && kernels.round_to && kernels.scale && kernels.pack && kernels.unpack &&
              kernels.unpack_real);
}

TEST(InstructionSet, EveryOneHasATableOfItsOwnWithTwiceTheLanesInFloat) {
  std::ptrdiff_t lanes_before = 0;
  for (const InstructionSet set : available_instruction_sets()) {
    SCOPED_TRACE(std::string(name_of(set)));
    const auto& kernels = tile_kernels<double>(set);
    expect_a_complete_table(kernels);
    expect_a_complete_table(tile_kernels<float>(set));
    EXPECT_GT(kernels.lanes, lanes_before);
    EXPECT_EQ(tile_kernels<float>(set).lanes, 2 * kernels.lanes);
    lanes_before = kernels.lanes;
  }
}

}  // namespace
}  // namespace attnewton
