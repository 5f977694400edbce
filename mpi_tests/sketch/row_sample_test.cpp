#include "attnewton/sketch/row_sample.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

#include "support/shared_rows.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Some of each: zeros, small ones, ordinary ones and a few that a sample cannot do without.
Vector test_importances(Index rows) {
  const RandomStream stream(17, RandomPurpose::inputs);
  Vector importances(rows);
  for (Index i = 0; i < rows; ++i) {
    importances[i] = i % 5 == 0 ? 0 : stream.uniform(i);
    if (i % 97 == 1) importances[i] *= 1000;
    if (i % 11 == 2) importances[i] *= 1e-6;
  }
  return importances;
}

// Bisection for the c with Σ min(1, c·importance) = s.
Vector plain_probabilities(const Vector& importances, double expected_rows) {
  double low = 0;
  double high = 1e30;
  for (int step = 0; step < 2000; ++step) {
    const double c = low == 0 ? high * 1e-3 : std::sqrt(low * high);
    ((c * importances).array().min(1).sum() < expected_rows ? low : high) = c;
  }
  return (high * importances).array().min(1);
}

Vector probabilities_of_shares(const Vector& importances, double expected_rows) {
  const auto comm = Communicator::world();
  return whole_of(comm, inclusion_probabilities(comm, share_of(comm, importances), expected_rows),
                  importances.size());
}

TEST(RowSample, ProbabilitiesAddUpToTheExpectedRows) {
  const Vector importances = test_importances(1000);
  for (const double expected : {0.5, 3.0, 40.0, 333.3, 790.0}) {
    const Vector found = probabilities_of_shares(importances, expected);
    EXPECT_NEAR(found.sum(), expected, 1e-9 * expected);
    EXPECT_LE((found - plain_probabilities(importances, expected)).cwiseAbs().maxCoeff(), 1e-9);
    for (Index i = 0; i < 1000; i += 5) EXPECT_EQ(found[i], 0);
  }
}

TEST(RowSample, TakesEveryRowThatCountsIfTheyAreFewEnough) {
  const Vector importances = test_importances(1000);
  const Index counting = (importances.array() > 0).count();
  for (const double expected : {static_cast<double>(counting), 1e4}) {
    const Vector found = probabilities_of_shares(importances, expected);
    EXPECT_EQ(found, Vector((importances.array() > 0).cast<double>()));
  }
  EXPECT_EQ(probabilities_of_shares(Vector::Zero(7), 3).sum(), 0);
  EXPECT_EQ(probabilities_of_shares(importances, 0).sum(), 0);
  const auto comm = Communicator::world();
  EXPECT_EQ(draw_rows(comm, share_of(comm, Vector(Vector::Zero(7))), 0, {3}).rows.size(), 0U);
}

TEST(RowSample, StandsNumbersFarApart) {
  Vector importances(6);
  importances << 1e308, 1e308, 1e-300, 1e-300, 0, 5e-324;
  for (const double expected : {1.0, 2.0, 3.0}) {
    const Vector found = probabilities_of_shares(importances, expected);
    EXPECT_TRUE(found.allFinite());
    EXPECT_TRUE((found.array() >= 0).all() && (found.array() <= 1).all());
    EXPECT_NEAR(found.head(2).sum(), std::min(expected, 2.0), 1e-12);
  }
}

// Fixed seeds. Σ over the sample of f/p over 2000 draws: its mean lies within five standard errors of Σ f,
// and the mean number of rows within five of s; a correct sampler fails with odds below 2e-6.
TEST(RowSample, IsUnbiasedAndOfTheExpectedSize) {
  const auto comm = Communicator::world();
  const Index rows = 300;
  const Vector importances = test_importances(rows);
  Vector f(rows);
  for (Index i = 0; i < rows; ++i) f[i] = importances[i] > 0 ? std::cos(static_cast<double>(i)) : 0;
  const Vector p = plain_probabilities(importances, 60);
  const Vector f_local = share_of(comm, f);
  const Index first_row = rows_of_rank(rows, comm.size(), comm.rank()).begin;
  const Index draws = 2000;
  double sum = 0;
  double size = 0;
  for (Index draw = 0; draw < draws; ++draw) {
    const RowSample sample = draw_rows(comm, share_of(comm, importances), first_row, {60, 4, draw});
    for (std::size_t k = 0; k < sample.rows.size(); ++k)
      sum += f_local[sample.rows[k]] * sample.weights[static_cast<Index>(k)];
    size += static_cast<double>(sample.rows.size());
  }
  double variance = 0;
  double variance_of_size = 0;
  for (Index i = 0; i < rows; ++i) {
    if (p[i] == 0) continue;
    variance += f[i] * f[i] * (1 - p[i]) / p[i];
    variance_of_size += p[i] * (1 - p[i]);
  }
  const auto mean_of = [&](double total) { return comm.sum(total) / static_cast<double>(draws); };
  EXPECT_NEAR(mean_of(sum), f.sum(), 5 * std::sqrt(variance / static_cast<double>(draws)));
  EXPECT_NEAR(mean_of(size), 60, 5 * std::sqrt(variance_of_size / static_cast<double>(draws)));
}

TEST(RowSample, TakesTheSameRowsOnAnyNumberOfRanks) {
  const auto comm = Communicator::world();
  const Index rows = 500;
  const Vector importances = test_importances(rows);
  const Range range = rows_of_rank(rows, comm.size(), comm.rank());
  const auto drawn = [&](const RowSampleOptions& options) {
    const RowSample sample = draw_rows(comm, share_of(comm, importances), range.begin, options);
    Vector weights = Vector::Zero(range.size());
    for (std::size_t k = 0; k < sample.rows.size(); ++k)
      weights[sample.rows[k]] = sample.weights[static_cast<Index>(k)];
    return whole_of(comm, weights, rows);
  };
  const Vector here = drawn({50, 9, 2});
  const RowSample alone = draw_rows(Communicator::self(), importances, 0, {50, 9, 2});
  ASSERT_EQ((here.array() > 0).count(), static_cast<Index>(alone.rows.size()));
  for (std::size_t k = 0; k < alone.rows.size(); ++k)
    EXPECT_NEAR(here[alone.rows[k]], alone.weights[static_cast<Index>(k)], 1e-12 * here[alone.rows[k]]);
  EXPECT_NE(drawn({50, 9, 3}), here) << "another iteration";
  EXPECT_NE(drawn({50, 8, 2}), here) << "another seed";
}

TEST(RowSample, RefusesWhatIsNoImportanceOnAllRanks) {
  const auto comm = Communicator::world();
  for (const double bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    Vector importances = Vector::Ones(4);
    if (comm.rank() == comm.size() - 1) importances[2] = bad;
    EXPECT_THROW(inclusion_probabilities(comm, importances, 2), Error);
  }
}

}  // namespace
}  // namespace attnewton
