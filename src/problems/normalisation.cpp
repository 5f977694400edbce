#include "attnewton/problems/normalisation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

constexpr Index rows_per_term = 4096;

// |α| below this share of Σ|u| has lost half of its digits.
constexpr double smallest_share = 1e-8;

struct Sums {
  std::array<double, 3> values{};

  Sums& operator+=(const Sums& other) {
    for (std::size_t k = 0; k < values.size(); ++k) values[k] += other.values[k];
    return *this;
  }
};

// Σ over all ranks' rows of the three numbers that `term` gives a row, the same on every rank.
template <class Term>
Sums sums_over_rows(const Communicator& comm, Index rows, const Term& term) {
  Sums total = deterministic_sum((rows + rows_per_term - 1) / rows_per_term, Sums{}, [&](Index chunk) {
    Sums sums;
    const Index end = std::min(rows, (chunk + 1) * rows_per_term);
    for (Index i = chunk * rows_per_term; i < end; ++i) sums += Sums{term(i)};
    return sums;
  });
  comm.sum(std::span<double>(total.values));
  // Ranks on unlike processors may round unlike; what decides must be one number.
  comm.broadcast(std::span<double>(total.values));
  return total;
}

// |φ|, before what of it cancels within the link itself: φ″ of exp(z) + z is exp(z).
double magnitude(const LinkFunction& link, const LinkValues& values, Index i) {
  const double value = values.value[i];
  if (link.kind != Link::soft_residual) return std::abs(value);
  return values.curvature[i] + std::abs(value - values.curvature[i]);
}

}  // namespace

const char* to_string(Normalisation normalisation) {
  switch (normalisation) {
    case Normalisation::none:
      return "none";
    case Normalisation::rescaled:
      return "rescaled";
    case Normalisation::softmax:
      break;
  }
  return "softmax";
}

NormalisedResidual normalise(const Communicator& comm, Normalisation normalisation, const LinkFunction& link,
                             const LinkValues& values, const Vector& target) {
  const Vector& u = values.value;
  NormalisedResidual at;
  const Index rows = u.size();
  if (normalisation == Normalisation::none) {
    at.residual = u - target;
    const auto& r = at.residual;
    at.residual_squared = sums_over_rows(comm, rows, [&](Index i) {
                            return std::array{r[i] * r[i], 0.0, 0.0};
                          }).values[0];
    return at;
  }
  const Sums totals = sums_over_rows(comm, rows, [&](Index i) {
    return std::array{u[i], magnitude(link, values, i), 0.0};
  });
  at.alpha = totals.values[0];
  at.absolute_sum = totals.values[1];
  const bool is_softmax = normalisation == Normalisation::softmax;
  if (is_softmax) {
    at.residual = u / at.alpha - target;
  } else {
    at.residual = u - at.alpha * target;
  }
  const Sums sums = sums_over_rows(comm, rows, [&](Index i) {
    const double along = is_softmax ? u[i] / at.alpha : target[i];
    const double c = at.residual[i];
    return std::array{c * c, along * c, along * along};
  });
  at.residual_squared = sums.values[0];
  at.projection = sums.values[1];
  at.kappa = sums.values[2];
  return at;
}

bool is_cancelled(const NormalisedResidual& at) {
  return !(std::abs(at.alpha) > smallest_share * at.absolute_sum);
}

Vector slope_by_scores(Normalisation normalisation, const LinkValues& link, const NormalisedResidual& at) {
  const auto c = at.residual.array() - at.projection;
  if (normalisation == Normalisation::softmax) return link.slope.array() * c / at.alpha;
  return link.slope.array() * c;
}

ScoreCurvature curvature_by_scores(Normalisation normalisation, const LinkValues& link, const Vector& target,
                                   const NormalisedResidual& at) {
  ScoreCurvature result;
  const auto& v = link.slope.array();
  const auto q = at.residual.array() - at.projection;
  if (normalisation == Normalisation::softmax) {
    result.direction = v / at.alpha;
    result.diagonal = result.direction.array().square() + link.curvature.array() * q / at.alpha;
    result.mixed = result.direction.array() * (link.value.array() / at.alpha + q);
  } else {
    result.diagonal = v.square() + link.curvature.array() * q;
    if (normalisation == Normalisation::none) return result;
    result.direction = link.slope;
    result.mixed = v * target.array();
  }
  result.kappa = at.kappa;
  return result;
}

}  // namespace attnewton
