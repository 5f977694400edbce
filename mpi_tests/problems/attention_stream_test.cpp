// The streamed passes against plain rows in long double, against one another, and against themselves under
// other cuts into tiles.
#include "attnewton/problems/attention_stream.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "attnewton/parallel/threads.hpp"
#include "attnewton/random/stream.hpp"

#include "plain_stream.hpp"
#include "support/whole_attention.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Entries such that logits are of size 1 or some, outputs as well.
XY variables(const AttentionData& data, std::uint64_t seed) {
  const auto matrix = [&](std::uint64_t offset, Index rows, Index columns, double size) -> Matrix {
    return size * RandomStream(seed + offset, RandomPurpose::start).normal_rows({0, rows}, columns);
  };
  const Index d1 = data.query_width();
  const Index d2 = data.key_width();
  return {matrix(0, d1, d2, 1.5 / std::sqrt(static_cast<double>(d1 * d2))),
          matrix(1, data.value_width(), data.output_width(),
                 1 / std::sqrt(static_cast<double>(data.value_width())))};
}

AttentionData whole_data(const WholeShape& shape, std::uint64_t seed = 3) {
  return make_data(make_whole(shape, seed), 1, 0);
}

// All passes at a point and in a direction.
template <class Real>
struct Passes {
  Passes(const AttentionData& data, const XY& point, const XY& direction)
      : stream(data),
        at(stream.forward_and_back(point.x, point.y)),
        along(stream.direction_and_back(point.x, point.y, at, direction.x, direction.y)) {}

  AttentionStream<Real> stream;
  AttentionForward at;
  AttentionDirection along;
};

// The largest difference, relative to the largest entry.
template <class A>
double difference(const A& a, const ExactMatrix& expected) {
  const long double size = expected.cwiseAbs().maxCoeff();
  const long double error = (a.template cast<long double>() - expected).cwiseAbs().maxCoeff();
  return static_cast<double>(size > 0 ? error / size : error);
}

template <class A>
bool same_bits(const A& a, const A& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && (a.array() == b.array()).all();
}

// Sanitizers break up multiply-adds here and there, and so blocks of some widths round otherwise than others.
#ifdef __SANITIZE_ADDRESS__
constexpr bool widths_round_alike = false;
#else
constexpr bool widths_round_alike = true;
#endif

// The same bits where the compiler rounds blocks of all widths alike, else what `Real` gives.
template <class Real, class A>
bool same_rows(const A& a, const A& b) {
  constexpr double tolerance = 1e3 * std::numeric_limits<Real>::epsilon();
  return widths_round_alike ? same_bits(a, b) : difference(a, b.template cast<long double>()) <= tolerance;
}

void expect_near(const AttentionForward& at, const AttentionDirection& along, const PlainStream& plain,
                 double tolerance) {
  EXPECT_LE(difference(at.mixed, plain.mixed), tolerance);
  EXPECT_LE(difference(at.log_sum, plain.log_sum), tolerance);
  EXPECT_LE(difference(at.residual, plain.residual), tolerance);
  EXPECT_LE(difference(at.pulled_back, plain.pulled_back), tolerance);
  EXPECT_LE(difference(along.mixed, plain.d_mixed), tolerance);
  EXPECT_LE(difference(along.logit_mean, plain.logit_mean), tolerance);
  EXPECT_LE(difference(along.residual, plain.d_residual), tolerance);
  EXPECT_LE(difference(along.pulled_back, plain.d_pulled_back), tolerance);
}

void expect_plain(const WholeShape& shape) {
  SCOPED_TRACE(shape.name);
  const AttentionData data = whole_data(shape);
  const XY point = variables(data, 20);
  const XY direction = variables(data, 30);
  const PlainStream plain = plain_stream(data, point, direction);
  const Passes<double> in_double(data, point, direction);
  expect_near(in_double.at, in_double.along, plain, 1e-13);
  const Matrix some_values = data.values().leftCols(std::min<Index>(32, data.value_width()));
  const ExactMatrix some_mixed = plain.mixed.leftCols(some_values.cols());
  EXPECT_LE(difference(in_double.stream.averages(point.x, in_double.at, some_values), some_mixed), 1e-13);
  SCOPED_TRACE("float");
  const Passes<float> in_float(data, point, direction);
  expect_near(in_float.at, in_float.along, plain, 1e-5);
  EXPECT_LE(difference(in_float.stream.averages(point.x, in_float.at, some_values), some_mixed), 1e-5);
}

const std::vector<Index>& lengths() {
  static const std::vector<Index> all{1, 7, 16, 17, 33, 64, 65, 100, 130, 300};
  return all;
}

// Float keeps seven digits of scores and exponentials, and all digits of sums over them.
TEST(AttentionStream, AgreesWithPlainRowsInDoubleAndToSomeDigitsInFloat) {
  for (const Index width : {1, 5, 16, 65}) {
    for (const bool causal : {false, true}) {
      const std::string name = "width " + std::to_string(width) + (causal ? ", causal" : "");
      for (const Index length : lengths()) {
        expect_plain({.name = name + ", " + std::to_string(length) + " rows",
                      .query_lengths = {length},
                      .d1 = width,
                      .d2 = width,
                      .e = width == 65 ? 3 : width,
                      .causal = causal});
      }
      expect_plain({.name = name + ", all lengths in one, separate values",
                    .query_lengths = {1, 7, 16, 17, 33, 64, 65, 100},
                    .d1 = width,
                    .d2 = width,
                    .d3 = 9,
                    .e = 17,
                    .separate_values = true,
                    .causal = causal,
                    .scale = 0.7});
    }
  }
}

// Regimes of memory: a tile that keeps F and Z′; F alone; nothing.
std::vector<WholeShape> regimes() {
  const auto cross = [](const std::string& name, Index queries, Index keys) {
    return WholeShape{.name = name,
                      .query_lengths = {queries},
                      .key_lengths = {keys},
                      .d1 = 2,
                      .d2 = 3,
                      .d3 = 2,
                      .self_attention = false,
                      .separate_values = true};
  };
  return {cross("keeps F and Z'", 70, 3000), cross("keeps F", 70, 12000), cross("keeps nothing", 70, 20000)};
}

TEST(AttentionStream, AgreesWithPlainRowsWhetherItKeepsExponentialsOrNot) {
  for (const WholeShape& shape : regimes()) expect_plain(shape);
}

bool keeps(const AttentionTile& tile, Index arrays) {
  return arrays * tile.queries.size() * tile.keys.size() <= most_stored_scores;
}

TEST(AttentionStream, RegimesAreThoseThatTheTestsMean) {
  const auto first_tile = [](const WholeShape& shape) {
    const AttentionData data = whole_data(shape);
    return AttentionStream<double>(data).tiles().front();
  };
  const auto shapes = regimes();
  EXPECT_TRUE(keeps(first_tile(shapes[0]), 2));
  EXPECT_TRUE(keeps(first_tile(shapes[1]), 1));
  EXPECT_FALSE(keeps(first_tile(shapes[1]), 2));
  EXPECT_FALSE(keeps(first_tile(shapes[2]), 1));
}

// The same arithmetic and so the same bits, but for P A₂ of a tile that keeps its exponentials: their
// products with a weight differ from exponentials taken anew in the last digits.
template <class Real>
void expect_one_pass_is_two(const AttentionData& data, double tolerance) {
  const XY point = variables(data, 40);
  const AttentionStream<Real> stream(data);
  const AttentionForward one = stream.forward_and_back(point.x, point.y);
  AttentionForward two = stream.forward(point.x);
  EXPECT_TRUE(same_bits(one.mixed, two.mixed));
  EXPECT_TRUE(same_bits(one.log_sum, two.log_sum));
  two.residual = two.mixed * point.y - data.target;
  EXPECT_LE(difference(one.residual, two.residual.template cast<long double>()), 1e-14);
  const Matrix back = stream.back(point.x, point.y, one);
  EXPECT_LE(difference(one.pulled_back, back.template cast<long double>()), tolerance);
  for (const AttentionTile& tile : stream.tiles()) {
    if (keeps(tile, 1)) continue;
    const auto rows = [&](const Matrix& a) -> Matrix {
      return a.middleRows(tile.queries.begin, tile.queries.size());
    };
    EXPECT_TRUE(same_bits(rows(one.pulled_back), rows(back))) << tile.queries.begin;
  }
}

// direction_and_back() keeps what direction() and direction_back() compute twice: the same bits.
template <class Real>
void expect_one_direction_is_two(const AttentionData& data) {
  const XY point = variables(data, 50);
  XY direction = variables(data, 60);
  for (const bool changes_y : {true, false}) {
    SCOPED_TRACE(changes_y ? "Y changes" : "Y stays");
    if (!changes_y) direction.y.setZero();
    const Passes<Real> one(data, point, direction);
    AttentionDirection two = one.stream.direction(point.x, point.y, one.at, direction.x, direction.y);
    two.pulled_back.setZero();
    one.stream.direction_back(point.x, point.y, one.at, direction.x, direction.y, two);
    EXPECT_TRUE(same_bits(one.along.mixed, two.mixed));
    EXPECT_TRUE(same_bits(one.along.logit_mean, two.logit_mean));
    EXPECT_TRUE(same_bits(one.along.residual, two.residual));
    EXPECT_TRUE(same_bits(one.along.pulled_back, two.pulled_back));
  }
}

std::vector<WholeShape> shapes_of_passes() {
  std::vector<WholeShape> shapes = regimes();
  shapes.push_back({.name = "causal", .query_lengths = {300, 1, 17}, .d1 = 5, .d2 = 5, .causal = true});
  shapes.push_back({.name = "full", .query_lengths = {65, 130}, .d1 = 16, .d2 = 16, .e = 20});
  return shapes;
}

TEST(AttentionStream, OnePassIsTwo) {
  for (const WholeShape& shape : shapes_of_passes()) {
    SCOPED_TRACE(shape.name);
    const AttentionData data = whole_data(shape);
    expect_one_pass_is_two<double>(data, 1e-13);
    expect_one_direction_is_two<double>(data);
    SCOPED_TRACE("float");
    expect_one_pass_is_two<float>(data, 1e-5);
    expect_one_direction_is_two<float>(data);
  }
}

// Whoever holds a row, and with which others in its tile: the same bits, for widths up to 160. Beyond that,
// BLAS multiplies by Y and A₃, whose bits depend on the number of rows.
template <class Real>
void expect_rows_as_in_the_whole(const WholeAttention& whole, int ranks) {
  const AttentionData all = make_data(whole, 1, 0);
  const XY point = variables(all, 70);
  const XY direction = variables(all, 80);
  const Passes<Real> expected(all, point, direction);
  for (int rank = 0; rank < ranks; ++rank) {
    const Range rows = queries_of_rank(whole, ranks, rank);
    if (rows.empty()) continue;
    const AttentionData share = make_data(whole, ranks, rank);
    const Passes<Real> got(share, point, direction);
    const auto same = [&](const auto& part, const auto& in_whole) {
      return same_rows<Real>(part,
                             std::decay_t<decltype(part)>(in_whole.middleRows(rows.begin, rows.size())));
    };
    EXPECT_TRUE(same(got.at.mixed, expected.at.mixed)) << rank;
    EXPECT_TRUE(same(got.at.log_sum, expected.at.log_sum)) << rank;
    EXPECT_TRUE(same(got.at.residual, expected.at.residual)) << rank;
    EXPECT_TRUE(same(got.at.pulled_back, expected.at.pulled_back)) << rank;
    EXPECT_TRUE(same(got.along.mixed, expected.along.mixed)) << rank;
    EXPECT_TRUE(same(got.along.logit_mean, expected.along.logit_mean)) << rank;
    EXPECT_TRUE(same(got.along.residual, expected.along.residual)) << rank;
    EXPECT_TRUE(same(got.along.pulled_back, expected.along.pulled_back)) << rank;
  }
}

TEST(AttentionStream, RowsDoNotDependOnTheTileOrTheRankThatHoldsThem) {
  for (const Index width : {3, 16, 65}) {
    for (const bool causal : {false, true}) {
      const WholeAttention whole = make_whole({.name = "",
                                               .query_lengths = {300, 1, 33, 130},
                                               .d1 = width,
                                               .d2 = width,
                                               .d3 = 2 * width + 1,
                                               .e = 2 * width,
                                               .separate_values = true,
                                               .causal = causal},
                                              9);
      for (const int ranks : {2, 3, 7, 40}) {
        SCOPED_TRACE(testing::Message()
                     << "width " << width << (causal ? ", causal, " : ", ") << ranks << " ranks");
        expect_rows_as_in_the_whole<double>(whole, ranks);
        expect_rows_as_in_the_whole<float>(whole, ranks);
      }
    }
  }
}

TEST(AttentionStream, HasTheSameBitsOnOneThreadAndOnTwo) {
  const AttentionData data = whole_data({.name = "", .query_lengths = {300, 64, 1000}, .causal = true});
  const XY point = variables(data, 90);
  const XY direction = variables(data, 91);
  const Passes<double> two(data, point, direction);
  const ThreadLimit limit(1);
  const Passes<double> one(data, point, direction);
  EXPECT_TRUE(same_bits(one.at.pulled_back, two.at.pulled_back));
  EXPECT_TRUE(same_bits(one.along.pulled_back, two.along.pulled_back));
}

// Logits of ±10⁴ and rows whose maxima come late: no overflow, and the exponentials that count are kept.
TEST(AttentionStream, TakesLargeLogits) {
  AttentionData data = whole_data({.name = "", .query_lengths = {300}, .causal = true});
  data.scale = 2000;
  const XY point = variables(data, 100);
  const XY direction = variables(data, 101);
  const PlainStream plain = plain_stream(data, point, direction);
  const Passes<double> passes(data, point, direction);
  expect_near(passes.at, passes.along, plain, 1e-10);
}

}  // namespace
}  // namespace attnewton
