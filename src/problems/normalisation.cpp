#include "attnewton/problems/normalisation.hpp"

#include <cmath>

namespace attnewton {
namespace {

// |α| below this share of Σ|u| has lost half of its digits.
constexpr double smallest_share = 1e-8;

// q = c − p = λu − μb − p.
auto q_of(const ScoreRows& rows, const ResidualScale& scale) {
  return scale.link * rows.link.value.array() - scale.target * rows.target.array() - scale.projection;
}

bool is_exact(HessianForm form) {
  return form == HessianForm::exact;
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

bool is_cancelled(const NormalisedResidual& at) {
  return !(std::abs(at.alpha) > smallest_share * at.absolute_sum);
}

LinkSums link_sums(const LinkFunction& link, const LinkValues& values) {
  const auto& u = values.value.array();
  if (link.kind != Link::soft_residual) return {u.sum(), u.abs().sum()};
  // |φ| before what of it cancels within the link itself: φ″ of exp(z) + z is exp(z).
  const auto& e = values.curvature.array();
  return {u.sum(), (e + (u - e).abs()).sum()};
}

ResidualSums& ResidualSums::operator+=(const ResidualSums& other) {
  squared += other.squared;
  along += other.along;
  along_squared += other.along_squared;
  return *this;
}

ResidualSums residual_sums(Normalisation normalisation, const ResidualScale& scale, const ScoreRows& rows) {
  const auto u = scale.link * rows.link.value.array();
  const auto c = u - scale.target * rows.target.array();
  switch (normalisation) {
    case Normalisation::none:
      break;
    case Normalisation::rescaled:
      return {c.square().sum(), (rows.target.array() * c).sum(), rows.target.squaredNorm()};
    case Normalisation::softmax:
      return {c.square().sum(), (u * c).sum(), u.square().sum()};
  }
  return {c.square().sum(), 0, 0};
}

// The table of MATHEMATICS §2, with λ = 1/α (softmax) or 1, μ = α (rescaled) or 1:
//
//              c = λu − μb   q = c − p    gz = λv∘q   g̃ = λv   s             δ = λ²v² + λφ″∘q
//   none       u − b         c            v∘q         0        0             v² + φ″∘q
//   rescaled   u − αb        c − ⟨b,c⟩    v∘q         v        v∘b           v² + φ″∘q
//   softmax    u/α − b       c − ⟨f,c⟩    v∘q/α       v/α      v∘(f + q)/α   v²/α² + φ″∘q/α
//
// and κ = 0, ‖b‖², ‖f‖². The Gauss–Newton form leaves out φ″ and, with softmax, q in s.

ResidualScale scale_for(Normalisation normalisation, double alpha) {
  ResidualScale scale;
  if (normalisation == Normalisation::softmax) scale.link = 1 / alpha;
  if (normalisation == Normalisation::rescaled) scale.target = alpha;
  return scale;
}

Vector diagonal_by_scores(HessianForm form, const ScoreRows& rows, const ResidualScale& scale) {
  const auto squares = (scale.link * rows.link.slope.array()).square();
  if (!is_exact(form)) return squares;
  return squares + scale.link * rows.link.curvature.array() * q_of(rows, scale);
}

ScoreCurvature curvature_by_scores(Normalisation normalisation, HessianForm form, const ScoreRows& rows,
                                   const NormalisedResidual& at) {
  ScoreCurvature result;
  result.diagonal = diagonal_by_scores(form, rows, at.scale);
  if (normalisation == Normalisation::none) return result;
  const auto& v = rows.link.slope.array();
  result.direction = at.scale.link * v;
  if (normalisation == Normalisation::rescaled) {
    result.mixed = v * rows.target.array();
  } else {
    result.mixed = result.direction.array() * at.scale.link * rows.link.value.array();
    if (is_exact(form)) result.mixed.array() += result.direction.array() * q_of(rows, at.scale);
  }
  result.kappa = at.kappa;
  return result;
}

Index slope_terms(Normalisation normalisation) {
  return normalisation == Normalisation::none ? 1 : 3;
}

void fill_slope_terms(Normalisation normalisation, const ScoreRows& rows, const ResidualScale& scale,
                      TermRows terms) {
  const auto v = scale.link * rows.link.slope.array();
  terms.col(0) = v * q_of(rows, scale);
  if (normalisation == Normalisation::none) return;
  terms.col(1) = v;
  if (normalisation == Normalisation::softmax) {
    terms.col(2) = v * (scale.link * rows.link.value.array());
  } else {
    terms.col(2) = v * rows.target.array();
  }
}

// λv∘q is linear in what changes with the scale. With λ′ for the nearby λ and Δ for differences to it,
//   λv∘q = λ/λ′ (λ′v∘q′ + λ′v∘(Δλ u − Δμ b) − Δp λ′v), where softmax has Δμ = 0 and rescaled Δλ = 0.
SlopeSums combine_slopes(Normalisation normalisation, const Eigen::Ref<const Matrix>& sums,
                         const ResidualScale& nearby, const ResidualScale& scale) {
  SlopeSums result;
  if (normalisation == Normalisation::none) {
    result.gradient = sums.row(0);
    return result;
  }
  const bool is_softmax = normalisation == Normalisation::softmax;
  const double ratio = scale.link / nearby.link;
  const double change = is_softmax ? ratio - 1 : nearby.target - scale.target;
  const Vector moving = ratio * sums.row(2);
  result.direction = ratio * sums.row(1);
  result.mixed = is_softmax ? Vector(ratio * moving) : moving;
  const Vector by_projection = (scale.projection - nearby.projection) * result.direction;
  result.gradient = ratio * sums.row(0).transpose() + change * moving - by_projection;
  result.correction = std::abs(change) * moving.norm() + by_projection.norm();
  result.term = (is_softmax ? 1 : std::abs(scale.target)) * result.mixed.norm();
  return result;
}

Vector mixed_of(Normalisation normalisation, HessianForm form, const SlopeSums& sums) {
  if (normalisation != Normalisation::softmax || !is_exact(form)) return sums.mixed;
  return sums.mixed + sums.gradient;
}

}  // namespace attnewton
