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

// Rows below and above a number, and the three sums of S; for two numbers.
constexpr std::size_t sums_a_number = 5;

struct Sums {
  std::array<double, 2 * sums_a_number> values{};

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

  /// Counts about two numbers, in one pass over the rows. By Haynsworth's formula for
  /// [diag(δ) − λ, U; Uᵀ, −C⁻¹], whose Schur complements are the matrix − λ and S = −C⁻¹ − Uᵀ(diag(δ) −
  /// λ)⁻¹U; −C⁻¹ has an eigenvalue of each sign. Collective.
  std::array<Counts, 2> counts_about(const std::array<double, 2>& lambdas) const {
    const Index rows = curvature_.diagonal.size();
    Sums total = deterministic_sum((rows + rows_per_term - 1) / rows_per_term, Sums{}, [&](Index chunk) {
      Sums sums;
      for (Index i = chunk * rows_per_term; i < std::min(rows, (chunk + 1) * rows_per_term); ++i)
        add_row(i, lambdas, sums);
      return sums;
    });
    comm_.sum(std::span<double>(total.values));
    return {counts_from(&total.values[0]), counts_from(&total.values[sums_a_number])};
  }

 private:
  void add_row(Index i, const std::array<double, 2>& lambdas, Sums& sums) const {
    const double direction = curvature_.direction[i];
    const double mixed = curvature_.mixed[i];
    double* sum = sums.values.data();
    for (const double lambda : lambdas) {
      const double exact = curvature_.diagonal[i] - lambda;
      const double t = std::copysign(std::max(std::abs(exact), floor_), exact);
      *sum++ += t < 0 ? 1 : 0;
      *sum++ += t > 0 ? 1 : 0;
      *sum++ += direction * direction / t;
      *sum++ += direction * mixed / t;
      *sum++ += mixed * mixed / t;
    }
  }

  Counts counts_from(const double* sums) const {
    const double scale = direction_squared_;
    const Counts signs = signs_of(-sums[2] / scale, 1 - sums[3], (curvature_.kappa - sums[4]) * scale);
    return {static_cast<Index>(sums[0]) + signs.below - 1, static_cast<Index>(sums[1]) + signs.above - 1};
  }

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
  double above_smallest = high;
  double below_largest = low;
  for (int k = 0; k < bisections; ++k) {
    const double near_smallest = 0.5 * (spectrum.smallest + above_smallest);
    const double near_largest = 0.5 * (spectrum.largest + below_largest);
    const auto counts = matrix.counts_about({near_smallest, near_largest});
    (counts[0].below == 0 ? spectrum.smallest : above_smallest) = near_smallest;
    (counts[1].above == 0 ? spectrum.largest : below_largest) = near_largest;
  }
  std::array agreed{spectrum.smallest, spectrum.largest};
  comm.broadcast(std::span<double>(agreed));
  return {agreed[0], agreed[1]};
}

}  // namespace attnewton
