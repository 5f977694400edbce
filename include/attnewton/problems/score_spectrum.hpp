// Extreme eigenvalues of the Hessian by scores, Bz, which is diagonal plus rank 2.
#pragma once

#include "attnewton/problems/normalisation.hpp"

namespace attnewton {

/// Smallest and largest eigenvalue of an n × n matrix whose rows are spread over ranks.
struct ScoreSpectrum {
  double smallest = 0;
  double largest = 0;
};

/// Both ends of the spectrum of Bz = diag(δ) + κ g̃g̃ᵀ − g̃sᵀ − s g̃ᵀ of all rows, by bisection on the inertia of
/// Bz − λ, which that of a 2 × 2 matrix gives (MATHEMATICS §2, "Diagonal plus rank 2"). They enclose the
/// spectrum and are wider than it by some 1e-14 ‖Bz‖. Collective: 56 passes over the local rows with one
/// reduction of ten numbers each. Not a number where an entry is not finite. Throws DataError if no rank has
/// a row.
ScoreSpectrum extreme_score_curvature(const Communicator& comm, const ScoreCurvature& curvature);

}  // namespace attnewton
