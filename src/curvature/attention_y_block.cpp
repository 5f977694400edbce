#include "attention_y_block.hpp"

namespace attnewton {

void add_y_block(const Matrix& gram_y, Index output_width, Index x_unknowns, DistributedMatrix& h) {
  const Index e = output_width;
  for (Index j = 0; j < h.local().cols(); ++j) {
    const Index column = h.global_column(j) - x_unknowns;
    if (column < 0) continue;
    for (Index row = column; row < gram_y.rows() * e; row += e) {
      if (h.layout().rows.owner(x_unknowns + row) == h.grid()->row())
        h.local()(h.layout().rows.local(x_unknowns + row), j) += gram_y(row / e, column / e);
    }
  }
}

}  // namespace attnewton
