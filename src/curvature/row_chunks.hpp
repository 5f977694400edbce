// Sums of outer products over all of a rank's query rows, chunk by chunk. Internal to this module.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "attnewton/kernels/operand.hpp"
#include "attnewton/problems/attention_data.hpp"

#include "row_product.hpp"

namespace attnewton {

/// Rows whose matrices stand in memory at once: as many as fit a budget, within bounds that keep the products
/// that add them up fast.
Index chunk_rows(Index bytes_a_row);

/// `products` receives the products of the rows of `chunk`, whose right factors it fills.
template <class Real>
using MakeProducts =
    std::function<void(std::span<const AttentionTile> chunk, std::vector<RowProduct<Real>>& products)>;

/// Adds up the products of all `tiles`, at most `most_rows` rows at once (but a tile at least). As soon as
/// block rows [a, a + …) of `block_rows` are final, calls `rows_done` with that range, in order, while the
/// rest is still to come. The sums are overwritten unless `accumulate`; without tiles they stay as they are.
template <class Real>
void add_up_in_chunks(std::span<const AttentionTile> tiles, Index most_rows, Index block_rows,
                      bool accumulate, const MakeProducts<Real>& make_products,
                      const std::function<void(Range)>& rows_done);

/// Left factor scale² vech(a_j a_jᵀ) of the rows of `queries` from `begin` on, which must outlive it.
template <class Real>
typename RowProduct<Real>::Left squared_rows(const Operand<Real>& queries, Real scale, Index begin);

/// Block row a of the lower triangle of Σ_j (a_j a_jᵀ) ⊗ M_j, d₂ × (a + 1)d₂, from `sums`, whose row
/// packed_index(a, a′) is vech of a d₂ × d₂ block. Local, on TBB's threads.
Matrix symmetric_block_row(const PanelMatrix<double>& sums, Index d2, Index a);

}  // namespace attnewton
