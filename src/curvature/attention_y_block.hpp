// The block of Y in an attention problem's joint Hessian. Internal to this module.
#pragma once

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// Adds H_yy = K_y ⊗ I_e, of which every rank holds K_y (d₃ × d₃), from row and column `x_unknowns` of `h`
/// on: its lower triangle. Local.
void add_y_block(const Matrix& gram_y, Index output_width, Index x_unknowns, DistributedMatrix& h);

}  // namespace attnewton
