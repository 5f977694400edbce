// Products of row-major matrices of which at least one is thin, on the tile kernels: BLAS packs its operands,
// which at widths of 16 to 128 costs as much as the product.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// A row-major block: row i starts at data + i·stride.
struct ConstBlock {
  const double* data;
  Index rows;
  Index columns;
  Index stride;
};
struct Block {
  double* data;
  Index rows;
  Index columns;
  Index stride;
};

/// C = A B of A (n × k) and B (k × q); fast while B fits the first-level cache (k·q up to a few thousand).
/// Local, one thread, callable in a TBB task; nkq multiply–adds. Throws InternalError if shapes do not fit.
void thin_product(const ConstBlock& a, const ConstBlock& b, const Block& c);

/// C = AᵀB of A (n × p) and B (n × q), for p and q of some hundreds at most. Likewise.
void thin_transpose_product(const ConstBlock& a, const ConstBlock& b, const Block& c);

}  // namespace attnewton
