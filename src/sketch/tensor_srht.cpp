#include "attnewton/sketch/tensor_srht.hpp"

#include <cmath>

namespace attnewton {

// A row of H ⊗ H is a pair of rows of H, each drawn by itself.
TensorSrht::TensorSrht(Index rows, Index left_columns, Index right_columns, const SketchDraws& draws)
    : left_(rows, left_columns, RowChoice::independent, 1 / std::sqrt(static_cast<double>(rows)), draws, 0),
      right_(rows, right_columns, RowChoice::independent, 1, draws, 1) {}

}  // namespace attnewton
