#include "attnewton/problems/score_spectrum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

constexpr Index rows_per_term = 4096;
// Halvings that take the first interval, a few times ‖Bz‖ wide, below rounding.
constexpr int bisections = 56;

struct Sums {
  std::array<double, 5> values{};

  Sums& operator+=(const Sums& other) {
    for (std::size_t k = 0; k < values.size(); ++k) values[k] += other.values[k];
    return *this;
  }
};

// How many eigenvalues lie on either side of a number.
struct Counts {
  Index below = 0;
  Index above = 0;
};

// Counts of the eigenvalues of a symmetric 2 × 2 matrix about 0.
Counts signs_of(double s11, double s12, double s22) {
  const double determinant = s11 * s22 - s12 * s12;
  if (determinant < 0) return {1, 1};
  if (determinant == 0) return {s11 + s22 < 0 ? 1 : 0, s11 + s22 > 0 ? 1 : 0};
  return s11 + s22 > 0 ? Counts{0, 2} : Counts{2, 0};
}

// diag(δ) + U C Uᵀ with U = [g̃ s], C = [κ −1; −1 0], g̃ scaled to unit length.
class DiagonalPlusRankTwo {
 public:
  DiagonalPlusRankTwo(const Communicator& comm, const ScoreCurvature& curvature)
      : comm_(comm), curvature_(curvature) {
    const Vector& delta = curvature.diagonal;
    const double infinity = std::numeric_limits<double>::infinity();
    least_ = comm.min(delta.size() > 0 ? delta.minCoeff() : infinity);
    most_ = comm.max(delta.size() > 0 ? delta.maxCoeff() : -infinity);
    std::array squares{curvature.direction.squaredNorm(), curvature.mixed.squaredNorm()};
    comm.sum(std::span<double>(squares));
    std::array agreed{least_, most_, squares[0], squares[1]};
    comm.broadcast(std::span<double>(agreed));
    least_ = agreed[0];
    most_ = agreed[1];
    direction_squared_ = agreed[2];
    reach_ = curvature.kappa * agreed[2] + 2 * std::sqrt(agreed[2]) * std::sqrt(agreed[3]);
    floor_ = std::numeric_limits<double>::epsilon() * std::max({std::abs(least_), std::abs(most_), reach_});
  }

  double least() const { return least_; }
  double most() const { return most_; }
  double reach() const { return reach_; }  ///< ‖U C Uᵀ‖ or more

  /// By Haynsworth's formula for [diag(δ) − λ, U; Uᵀ, −C⁻¹], whose Schur complements are the matrix − λ and
  /// S = −C⁻¹ − Uᵀ(diag(δ) − λ)⁻¹U; −C⁻¹ has an eigenvalue of each sign. Collective.
  Counts counts_about(double lambda) const {
    const auto& [delta, direction, mixed, kappa] = curvature_;
    const Index rows = delta.size();
    Sums total = deterministic_sum((rows + rows_per_term - 1) / rows_per_term, Sums{}, [&](Index chunk) {
      Sums sums;
      for (Index i = chunk * rows_per_term; i < std::min(rows, (chunk + 1) * rows_per_term); ++i) {
        const double exact = delta[i] - lambda;
        const double t = std::copysign(std::max(std::abs(exact), floor_), exact);
        const double g = direction[i] / t;
        sums += Sums{
            {t < 0 ? 1.0 : 0.0, t > 0 ? 1.0 : 0.0, direction[i] * g, mixed[i] * g, mixed[i] * mixed[i] / t}};
      }
      return sums;
    });
    comm_.sum(std::span<double>(total.values));
    comm_.broadcast(std::span<double>(total.values));
    const auto& [below, above, gg, gs, ss] = total.values;
    const double scale = direction_squared_;
    const Counts signs = signs_of(-gg / scale, 1 - gs, kappa * scale - ss * scale);
    return {static_cast<Index>(below) + signs.below - 1, static_cast<Index>(above) + signs.above - 1};
  }

 private:
  const Communicator& comm_;
  const ScoreCurvature& curvature_;
  double least_ = 0;
  double most_ = 0;
  double direction_squared_ = 0;
  double reach_ = 0;
  double floor_ = 0;
};

}  // namespace

ScoreSpectrum extreme_score_curvature(const Communicator& comm, const ScoreCurvature& curvature) {
  if (comm.sum(Index{curvature.diagonal.size()}) == 0)
    throw DataError("A has no rows: Bz has no eigenvalues");
  const bool has_rank_two = comm.max(Index{curvature.direction.size()}) > 0;
  ScoreCurvature whole = curvature;
  if (!has_rank_two) {
    whole.direction = Vector::Zero(curvature.diagonal.size());
    whole.mixed = whole.direction;
  }
  const DiagonalPlusRankTwo matrix(comm, whole);
  if (!(matrix.reach() > 0)) return {matrix.least(), matrix.most()};

  const double low = matrix.least() - matrix.reach();
  const double high = matrix.most() + matrix.reach();
  ScoreSpectrum spectrum{low, high};
  double inner = high;
  for (int k = 0; k < bisections; ++k) {
    const double middle = 0.5 * (spectrum.smallest + inner);
    (matrix.counts_about(middle).below == 0 ? spectrum.smallest : inner) = middle;
  }
  inner = low;
  for (int k = 0; k < bisections; ++k) {
    const double middle = 0.5 * (spectrum.largest + inner);
    (matrix.counts_about(middle).above == 0 ? spectrum.largest : inner) = middle;
  }
  return spectrum;
}

}  // namespace attnewton
