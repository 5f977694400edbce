// What becomes of u = φ(z) in the residual of a regression on one vector, with the derivatives by z
// (MATHEMATICS §2).
#pragma once

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/link.hpp"

namespace attnewton {

/// r = u − b, r = u − α b, r = u/α − b, with α = ⟨u, 1⟩ over all rows.
enum class Normalisation { none, rescaled, softmax };

/// "none", "rescaled", "softmax".
const char* to_string(Normalisation normalisation);

/// The residual of this rank's rows and the sums over all rows that its derivatives need.
struct NormalisedResidual {
  Vector residual;              ///< r = c
  double alpha = 1;             ///< Σ u; 1 without normalisation
  double absolute_sum = 1;      ///< Σ |u|, of exp(z) + z that of |exp(z)| + |z|; likewise
  double residual_squared = 0;  ///< ‖r‖²
  double projection = 0;        ///< ⟨b, c⟩ (rescaled), ⟨f, c⟩ with f = u/α (softmax), 0 (none)
  double kappa = 0;             ///< ‖b‖² (rescaled), ‖f‖² (softmax), 0 (none)
};

/// The residual from this rank's φ(z) and b. Collective: one reduction without normalisation, two with one;
/// the sums are the same numbers on every rank. Cost O(n_local). Not finite, but no error, where α is 0 or
/// sums overflow.
NormalisedResidual normalise(const Communicator& comm, Normalisation normalisation, const LinkFunction& link,
                             const LinkValues& values, const Vector& target);

/// Whether u/α has lost half of its digits to cancellation in α = Σ u, or all where α = 0. Local.
bool is_cancelled(const NormalisedResidual& at);

/// gz = ∇_z ½‖r‖² of the local rows (column gz of §2's table). Local, O(n).
Vector slope_by_scores(Normalisation normalisation, const LinkValues& link, const NormalisedResidual& at);

/// ∇_z² ½‖r‖² = diag(δ) + κ g̃g̃ᵀ − g̃sᵀ − s g̃ᵀ, the local rows of each vector.
struct ScoreCurvature {
  Vector diagonal;   ///< δ
  Vector direction;  ///< g̃; empty with Normalisation::none, as is s: it has no rank-2 part
  Vector mixed;      ///< s
  double kappa = 0;  ///< κ
};

/// Columns g̃, s, κ and δ of §2's table. Local, O(n).
ScoreCurvature curvature_by_scores(Normalisation normalisation, const LinkValues& link, const Vector& target,
                                   const NormalisedResidual& at);

}  // namespace attnewton
