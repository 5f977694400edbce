#include "regression_rows.hpp"

#include <algorithm>
#include <vector>

#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/problems/row_pass.hpp"

namespace attnewton {
namespace {

// Largest |φ|, |φ′| and |φ″| of a point in the domain: sums and squares of them must be numbers, and with
// softmax, where only quotients are squared, sums alone.
constexpr double largest_squared = 1e140;
constexpr double largest_summed = 1e290;

// Rows whose numbers stay in the first-level cache, and blocks of them that make a task.
constexpr Index rows_of_block = 512;
constexpr Index rows_of_task = 8 * rows_of_block;

Index ceiling(Index total, Index part) {
  return (total + part - 1) / part;
}

// Calls work(rows) for the blocks of a task, in order.
template <class Work>
void for_each_block_of(Index task, Index rows, const Work& work) {
  const Index end = std::min(rows, (task + 1) * rows_of_task);
  for (Index row = task * rows_of_task; row < end; row += rows_of_block)
    work(Range{row, std::min(row + rows_of_block, end)});
}

}  // namespace

ScoreSums& ScoreSums::operator+=(const ScoreSums& other) {
  link.value += other.link.value;
  link.absolute += other.link.absolute;
  weighted_squared += other.weighted_squared;
  if (!outside || (other.outside && *other.outside < *outside)) outside = other.outside;
  return *this;
}

ScoreRows RegressionRows::rows_at(Range rows, const Eigen::Ref<const Vector>& z, double shift,
                                  Buffer& buffer) const {
  buffer.shifted = z.array() - shift;
  evaluate_link(options_.link, buffer.shifted, buffer.link);
  return {buffer.link, data_.target.segment(rows.begin, rows.size())};
}

ScoreSums RegressionRows::sums_of(Range rows, const Eigen::Ref<const Vector>& z,
                                  const LinkValues& link) const {
  const bool is_softmax = options_.normalisation == Normalisation::softmax;
  ScoreSums sums;
  sums.link = link_sums(options_.link, link);
  if (has_weights_) {
    sums.weighted_squared =
        (weights_squared_.segment(rows.begin, rows.size()).array() * z.array().square()).sum();
  }
  sums.outside = first_outside_domain(z, link, is_softmax ? largest_summed : largest_squared);
  if (sums.outside) *sums.outside += rows.begin;
  return sums;
}

Index RegressionRows::terms() const {
  return slope_terms(options_.normalisation) + (has_weights_ ? 1 : 0);
}

void RegressionRows::fill_terms(Range rows, const Eigen::Ref<const Vector>& z, const ScoreRows& at,
                                const ResidualScale& scale, double* terms) const {
  const Index own = slope_terms(options_.normalisation);
  MatrixView all(terms, rows.size(), this->terms());
  fill_slope_terms(options_.normalisation, at, scale, all.leftCols(own));
  if (all.cols() > own) all.col(own) = weights_squared_.segment(rows.begin, rows.size()).array() * z.array();
}

ScorePass RegressionRows::pass(const Vector& theta, const NearbyScale& nearby) const {
  const RowPass rows_of_a(data_.a);
  const auto chunks = static_cast<std::size_t>(rows_of_a.chunks());
  std::vector<Buffer> buffers(chunks);
  std::vector<ScoreSums> sums(chunks);
  ScorePass result{Vector(data_.a.rows()), {}, {}};
  result.slopes = rows_of_a.transpose_product(terms(), [&](Index i, Range rows, double* terms) {
    const auto chunk = static_cast<std::size_t>(i);
    auto z = result.scores.segment(rows.begin, rows.size());
    rows_of_a.times(rows, theta, z.data());
    const ScoreRows at = rows_at(rows, z, nearby.shift, buffers[chunk]);
    sums[chunk] += sums_of(rows, z, at.link);
    fill_terms(rows, z, at, nearby.scale, terms);
  });
  for (const ScoreSums& part : sums) result.sums += part;
  return result;
}

Matrix RegressionRows::slopes(const Vector& z, const NearbyScale& at) const {
  const RowPass rows_of_a(data_.a);
  std::vector<Buffer> buffers(static_cast<std::size_t>(rows_of_a.chunks()));
  return rows_of_a.transpose_product(terms(), [&](Index chunk, Range rows, double* terms) {
    const auto part = z.segment(rows.begin, rows.size());
    Buffer& buffer = buffers[static_cast<std::size_t>(chunk)];
    fill_terms(rows, part, rows_at(rows, part, at.shift, buffer), at.scale, terms);
  });
}

ScoreSums RegressionRows::score_sums(const Vector& z, double shift) const {
  return deterministic_sum(ceiling(z.size(), rows_of_task), ScoreSums{}, [&](Index task) {
    Buffer buffer;
    ScoreSums sums;
    for_each_block_of(task, z.size(), [&](Range rows) {
      const auto part = z.segment(rows.begin, rows.size());
      sums += sums_of(rows, part, rows_at(rows, part, shift, buffer).link);
    });
    return sums;
  });
}

ResidualSums RegressionRows::residual_sums(const Vector& z, const NearbyScale& at) const {
  return deterministic_sum(ceiling(z.size(), rows_of_task), ResidualSums{}, [&](Index task) {
    Buffer buffer;
    ResidualSums sums;
    for_each_block_of(task, z.size(), [&](Range rows) {
      const auto part = z.segment(rows.begin, rows.size());
      sums +=
          attnewton::residual_sums(options_.normalisation, at.scale, rows_at(rows, part, at.shift, buffer));
    });
    return sums;
  });
}

template <class Work>
void RegressionRows::for_each_block(const RegressionPoint& point, const Work& work) const {
  const Vector& z = point.scores;
  for_each_task(ceiling(z.size(), rows_of_task), [&](Index task) {
    Buffer buffer;
    for_each_block_of(task, z.size(), [&](Range rows) {
      work(rows, rows_at(rows, z.segment(rows.begin, rows.size()), point.shift, buffer));
    });
  });
}

Vector RegressionRows::residual(const RegressionPoint& point) const {
  Vector residual(point.scores.size());
  const ResidualScale& scale = point.at.scale;
  for_each_block(point, [&](Range rows, const ScoreRows& at) {
    residual.segment(rows.begin, rows.size()) = scale.link * at.link.value - scale.target * at.target;
  });
  return residual;
}

Vector RegressionRows::diagonal(const RegressionPoint& point, HessianForm form) const {
  Vector diagonal(point.scores.size());
  for_each_block(point, [&](Range rows, const ScoreRows& at) {
    diagonal.segment(rows.begin, rows.size()) = diagonal_by_scores(form, at, point.at.scale);
  });
  if (has_weights_) diagonal += weights_squared_;
  return diagonal;
}

ScoreCurvature RegressionRows::curvature(const RegressionPoint& point, HessianForm form) const {
  const Index rows = point.scores.size();
  const bool has_rank_two = options_.normalisation != Normalisation::none;
  const Index rank_two_rows = has_rank_two ? rows : 0;
  ScoreCurvature all{Vector(rows), Vector(rank_two_rows), Vector(rank_two_rows), point.at.kappa};
  for_each_block(point, [&](Range part, const ScoreRows& at) {
    const ScoreCurvature block = curvature_by_scores(options_.normalisation, form, at, point.at);
    all.diagonal.segment(part.begin, part.size()) = block.diagonal;
    if (!has_rank_two) return;
    all.direction.segment(part.begin, part.size()) = block.direction;
    all.mixed.segment(part.begin, part.size()) = block.mixed;
  });
  if (has_weights_) all.diagonal += weights_squared_;
  return all;
}

Vector RegressionRows::diagonal_product(const RegressionPoint& point, const Vector& v) const {
  const RowPass rows_of_a(data_.a);
  std::vector<Buffer> buffers(static_cast<std::size_t>(rows_of_a.chunks()));
  const Matrix product = rows_of_a.transpose_product(1, [&](Index chunk, Range rows, double* y) {
    Eigen::Map<Vector> change(y, rows.size());
    rows_of_a.times(rows, v, y);
    const auto z = point.scores.segment(rows.begin, rows.size());
    Buffer& buffer = buffers[static_cast<std::size_t>(chunk)];
    Vector diagonal =
        diagonal_by_scores(HessianForm::exact, rows_at(rows, z, point.shift, buffer), point.at.scale);
    if (has_weights_) diagonal += weights_squared_.segment(rows.begin, rows.size());
    change.array() *= diagonal.array();
  });
  return product.row(0);
}

}  // namespace attnewton
