#include "attnewton/problems/standardisation.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "attnewton/random/stream.hpp"

#include "support/whole_regression.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

TEST(Standardisation, ColumnsHaveMeanZeroAndDeviationOneOverAllRanks) {
  const Communicator comm = Communicator::world();
  Matrix whole = RandomStream(3, RandomPurpose::inputs).normal_rows({0, 501}, 4);
  whole.col(1) = 1e3 * whole.col(1).array() - 7e5;
  whole.col(2).setConstant(0.1);
  whole.col(3).setConstant(-1e9);
  const Range rows = rows_of_rank(whole.rows(), comm.size(), comm.rank());
  Matrix a = whole.middleRows(rows.begin, rows.size());
  const Standardisation standardisation = standardise(comm, a);

  // By the definition, on all rows at once.
  for (Index j = 0; j < 2; ++j) {
    const double mean = whole.col(j).mean();
    const double deviation = std::sqrt((whole.col(j).array() - mean).square().mean());
    EXPECT_NEAR(standardisation.mean[j], mean, 1e-13 * (1 + std::abs(mean)));
    EXPECT_NEAR(standardisation.deviation[j], deviation, 1e-12 * deviation);
    for (Index i = 0; i < rows.size(); ++i)
      EXPECT_NEAR(a(i, j), (whole(rows.begin + i, j) - mean) / deviation, 1e-9);
  }
}

TEST(Standardisation, ConstantColumnsBecomeZeroRatherThanTheirRounding) {
  const Communicator comm = Communicator::world();
  Matrix a(3, 2);
  a.col(0).setConstant(0.1);
  a.col(1).setConstant(0);
  const Standardisation standardisation = standardise(comm, a);
  EXPECT_EQ(a.norm(), 0);
  EXPECT_EQ(standardisation.deviation, Vector::Ones(2));
  EXPECT_NEAR(standardisation.mean[0], 0.1, 1e-16);
}

}  // namespace
}  // namespace attnewton
