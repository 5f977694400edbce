// What becomes of u = φ(z) in the residual of a regression on one vector, with the derivatives by z
// (MATHEMATICS §2).
#pragma once

#include "attnewton/problems/link.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

/// r = u − b, r = u − α b, r = u/α − b, with α = ⟨u, 1⟩ over all rows.
enum class Normalisation { none, rescaled, softmax };

/// "none", "rescaled", "softmax".
const char* to_string(Normalisation normalisation);

/// What a row's residual and its derivatives need of all rows together: c = λu − μb and q = c − p.
struct ResidualScale {
  double link = 1;        ///< λ: 1/α (softmax), else 1
  double target = 1;      ///< μ: α (rescaled), else 1
  double projection = 0;  ///< p: ⟨b, c⟩ (rescaled), ⟨f, c⟩ with f = u/α (softmax), 0 (none)
};

/// The residual's sums over all rows.
struct NormalisedResidual {
  double alpha = 1;             ///< Σ u; 1 without normalisation
  double absolute_sum = 1;      ///< Σ |u|, of exp(z) + z that of |exp(z)| + |z|; likewise
  double residual_squared = 0;  ///< ‖r‖²
  double kappa = 0;             ///< ‖b‖² (rescaled), ‖f‖² (softmax), 0 (none)
  ResidualScale scale;
};

/// Whether u/α has lost half of its digits to cancellation in α = Σ u, or all where α = 0.
bool is_cancelled(const NormalisedResidual& at);

/// λ and μ for α = Σ u, with p = 0 as yet.
ResidualScale scale_for(Normalisation normalisation, double alpha);

/// Some rows: their φ, φ′, φ″ and b.
struct ScoreRows {
  const LinkValues& link;
  Eigen::Ref<const Vector> target;
};

/// Sums over some rows; those of all rows and ranks make a NormalisedResidual.
struct LinkSums {
  double value = 0;     ///< Σ u
  double absolute = 0;  ///< Σ |u|, as absolute_sum above
};
struct ResidualSums {
  double squared = 0;        ///< ‖c‖²
  double along = 0;          ///< ⟨b, c⟩ (rescaled), ⟨f, c⟩ (softmax)
  double along_squared = 0;  ///< ‖b‖², ‖f‖²

  ResidualSums& operator+=(const ResidualSums& other);
};
LinkSums link_sums(const LinkFunction& link, const LinkValues& values);
ResidualSums residual_sums(Normalisation normalisation, const ResidualScale& scale, const ScoreRows& rows);

/// ∇_z² ½‖r‖² = diag(δ) + κ g̃g̃ᵀ − g̃sᵀ − s g̃ᵀ, some rows of each vector; of the Gauss–Newton form, the part
/// without derivatives of second order.
struct ScoreCurvature {
  Vector diagonal;   ///< δ
  Vector direction;  ///< g̃; empty with Normalisation::none, as is s: it has no rank-2 part
  Vector mixed;      ///< s
  double kappa = 0;  ///< κ
};

/// Columns g̃, s, κ and δ of §2's table, and δ alone, for some rows. Local, O(rows).
ScoreCurvature curvature_by_scores(Normalisation normalisation, HessianForm form, const ScoreRows& rows,
                                   const NormalisedResidual& at);
Vector diagonal_by_scores(HessianForm form, const ScoreRows& rows, const ResidualScale& scale);

/// Rows of a matrix that are combined into others'.
using TermRows = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;

/// Columns of which Aᵀgz, Aᵀg̃ and Aᵀs are made: λv∘q, and with a normalisation λv and λv∘λu (softmax) or v∘b
/// (rescaled). One pass over the rows can sum them before λ, μ and p are known: it takes those of a point
/// nearby, and combine_slopes() adds what the small difference makes.
Index slope_terms(Normalisation normalisation);
/// Writes these columns for some rows.
void fill_slope_terms(Normalisation normalisation, const ScoreRows& rows, const ResidualScale& scale,
                      TermRows terms);

/// Aᵀ times the vectors that gradient and rank-2 part consist of.
struct SlopeSums {
  Vector gradient;   ///< Aᵀ gz
  Vector direction;  ///< Aᵀ g̃; empty without normalisation, as is the next
  Vector mixed;      ///< Aᵀ s of the Gauss–Newton form
  /// Norms: of what came to the gradient by the change of scale, and of a term of it before any cancels.
  double correction = 0;
  double term = 0;
};

/// From the sums (slope_terms() × d) of the columns at scale `nearby`: the vectors at `scale`. O(d).
SlopeSums combine_slopes(Normalisation normalisation, const Eigen::Ref<const Matrix>& sums,
                         const ResidualScale& nearby, const ResidualScale& scale);

/// Aᵀ s of §2's table.
Vector mixed_of(Normalisation normalisation, HessianForm form, const SlopeSums& sums);

}  // namespace attnewton
