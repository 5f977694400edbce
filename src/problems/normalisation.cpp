#include "attnewton/problems/normalisation.hpp"

#include <array>
#include <cmath>

#include "attnewton/problems/row_sums.hpp"

namespace attnewton {
namespace {

// |α| below this share of Σ|u| has lost half of its digits.
constexpr double smallest_share = 1e-8;

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
    at.residual_squared = sums_over_rows<1>(comm, rows, [&](Index i) { return std::array{r[i] * r[i]}; })[0];
    return at;
  }
  const auto totals = sums_over_rows<2>(comm, rows, [&](Index i) {
    return std::array{u[i], magnitude(link, values, i)};
  });
  at.alpha = totals[0];
  at.absolute_sum = totals[1];
  const bool is_softmax = normalisation == Normalisation::softmax;
  if (is_softmax) {
    at.residual = u / at.alpha - target;
  } else {
    at.residual = u - at.alpha * target;
  }
  const auto sums = sums_over_rows<3>(comm, rows, [&](Index i) {
    const double along = is_softmax ? u[i] / at.alpha : target[i];
    const double c = at.residual[i];
    return std::array{c * c, along * c, along * along};
  });
  at.residual_squared = sums[0];
  at.projection = sums[1];
  at.kappa = sums[2];
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
