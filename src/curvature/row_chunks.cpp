#include "row_chunks.hpp"

#include <algorithm>

#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/tile_kernels.hpp"
#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

constexpr Index chunk_bytes = Index{96} << 20;
constexpr Index fewest_chunk_rows = 64;
constexpr Index most_chunk_rows = 512;

// Block rows that become final together: few, so that reductions begin early and hold little memory.
constexpr Index final_rows = 4;

// The tiles from the first one on that make a chunk.
std::span<const AttentionTile> next_chunk(std::span<const AttentionTile> tiles, Index most_rows) {
  std::size_t count = 1;
  while (count < tiles.size() && tiles[count].queries.end - tiles.front().queries.begin <= most_rows) ++count;
  return tiles.first(count);
}

}  // namespace

Index chunk_rows(Index bytes_a_row) {
  return std::clamp(chunk_bytes / bytes_a_row, fewest_chunk_rows, most_chunk_rows);
}

template <class Real>
void add_up_in_chunks(std::span<const AttentionTile> tiles, Index most_rows, Index block_rows,
                      bool accumulate, const MakeProducts<Real>& make_products,
                      const std::function<void(Range)>& rows_done) {
  std::vector<RowProduct<Real>> products;
  while (!tiles.empty()) {
    const auto chunk = next_chunk(tiles, most_rows);
    tiles = tiles.subspan(chunk.size());
    products.clear();
    make_products(chunk, products);
    if (tiles.empty()) break;
    add_products(products, {0, block_rows}, accumulate);
    accumulate = true;
  }
  for (Index a = 0; a < block_rows; a += final_rows) {
    const Range rows{a, std::min(block_rows, a + final_rows)};
    if (!products.empty()) add_products(products, rows, accumulate);
    rows_done(rows);
  }
}

template <class Real>
typename RowProduct<Real>::Left squared_rows(const Operand<Real>& queries, Real scale, Index begin) {
  const auto* kernels = &tile_kernels<Real>(instruction_set());
  return [kernels, &queries, scale, begin](Index row, Index rows, Index first, Index count, Index stride,
                                           Real* out) {
    kernels->khatri_rao_square(rows, scale * scale, queries.row(begin + row), queries.columns(), first, count,
                               out, stride);
  };
}

Matrix symmetric_block_row(const PanelMatrix<double>& sums, Index d2, Index a) {
  Matrix row(d2, (a + 1) * d2);
  for_each_task(a + 1, [&](Index a_prime) {
    Vector packed(packed_size(d2));
    sums.copy_row(packed_index(a, a_prime), 0, packed.size(), packed.data());
    unpack_symmetric(packed.data(), row.middleCols(a_prime * d2, d2));
  });
  return row;
}

template void add_up_in_chunks(std::span<const AttentionTile>, Index, Index, bool,
                               const MakeProducts<double>&, const std::function<void(Range)>&);
template void add_up_in_chunks(std::span<const AttentionTile>, Index, Index, bool, const MakeProducts<float>&,
                               const std::function<void(Range)>&);
template RowProduct<double>::Left squared_rows(const Operand<double>&, double, Index);
template RowProduct<float>::Left squared_rows(const Operand<float>&, float, Index);

}  // namespace attnewton
