// The Jacobian of the two-layer regression's outputs, its rows shared out over ranks.
#pragma once

#include "attnewton/problems/two_layer.hpp"

namespace attnewton {

/// This rank's rows of Q = ∂y/∂x = A₂ J A₁ = A₂ diag(f) A₁ − y gᵀ (m × d) with g = A₁ᵀf, whole on every rank.
/// Rows are dealt to the ranks in turn; dealt_entries() gives what stands beside them. Each rank multiplies
/// its columns of A₂ by its rows of A₁, some MiB of Q at a time, which go to their owners while the next are
/// being computed. Cost 2 m·entries flops, entries those of A₁; volume m d numbers a rank; memory besides the
/// m d / P numbers that are returned some such pieces, and d numbers times 8 to 64 a thread for sparse rows.
/// Collective; the same bits for any number of threads.
Matrix output_jacobian(const TwoLayerProblem& problem, const TwoLayerPoint& point, const Vector& g);

}  // namespace attnewton
