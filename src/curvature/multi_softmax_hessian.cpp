#include "attnewton/curvature/multi_softmax_hessian.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/linalg/panel_reducer.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "row_chunks.hpp"
#include "tile_blocks.hpp"

namespace attnewton {
namespace {

using Lanes = LaneArray<double>;

// What A₂ makes of a tile's score curvature, in lanes.
struct ProjectedCurvature {
  Lanes grams;      // vech(A₂ᵀ diag(δ_j) A₂)
  Lanes direction;  // A₂ᵀg̃_j
  Lanes mixed;      // A₂ᵀs_j
};

// Sums over all keys, a chunk of them at a time for all of the tile's rows.
ProjectedCurvature project(MultiSoftmaxTile& tile, const Operand<double>& keys, bool exact,
                           bool has_rank_two) {
  AttentionTilePass<double>& pass = tile.pass();
  const Index d2 = keys.columns();
  const ProjectedCurvature sums{pass.array(packed_size(d2)), pass.array(d2), pass.array(d2)};
  const Lanes diagonal = pass.array(keys_per_chunk);
  double* room = pass.numbers(keys_per_chunk * khatri_rao_columns);
  const KhatriRaoSum<double> gram{diagonal, sums.grams};
  std::vector<LaneChunk> chunks;
  for (Index first = 0; first < pass.tile().keys.size(); first += keys_per_chunk) {
    chunks.clear();
    for (const LaneBlock& block : pass.blocks()) {
      const LaneChunk chunk = pass.chunk_of(block, first);
      const ChunkCurvature at = tile.curvature(chunk, exact);
      std::copy_n(at.diagonal, chunk.count * block.width, diagonal.of(block));
      if (has_rank_two) {
        pass.add_mix(chunk, keys, at.direction, sums.direction);
        pass.add_mix(chunk, keys, at.mixed, sums.mixed);
      }
      chunks.push_back(chunk);
    }
    add_key_grams(pass, keys, chunks, std::span(&gram, 1), room);
  }
  return sums;
}

// M_j without scale², vech in lanes: κ g gᵀ − g mᵀ − m gᵀ = −h gᵀ − g hᵀ with g = A₂ᵀg̃_j, m = A₂ᵀs_j and
// h = m − ½κ g.
void add_rank_two(MultiSoftmaxTile& tile, const Vector& kappa, const ProjectedCurvature& sums) {
  AttentionTilePass<double>& pass = tile.pass();
  const Index first_row = pass.tile().queries.begin;
  const Index d2 = sums.direction.rows();
  const Lanes half_kappa = pass.per_row([&](Index j) { return 0.5 * kappa[first_row + j]; });
  for (const LaneBlock& block : pass.blocks()) {
    const double* g = sums.direction.of(block);
    double* h = sums.mixed.of(block);
    for (Index i = 0; i < d2 * block.width; ++i) h[i] -= half_kappa.of(block)[i % block.width] * g[i];
    pass.kernels().add_low_rank(block.vectors, d2, 0, g, h, g, sums.grams.of(block));
  }
}

// The sums over this rank's rows, and their way into H: block rows are on their way to their owners while the
// next ones are being added up.
void add_rows(const MultiSoftmaxProblem& problem, const MultiSoftmaxPoint& point, HessianForm form,
              DistributedMatrix& h) {
  const MultiSoftmaxData& data = problem.data();
  const MultiSoftmaxInputs inputs = problem.inputs_at(point.x);
  const Index d1 = data.queries.cols();
  const Index d2 = data.keys.cols();
  const Index limit = chunk_rows(static_cast<Index>(sizeof(double)) * packed_size(d2));
  const Operand<double> queries(data.queries);
  PanelMatrix<double> sums(packed_size(d1), packed_size(d2), panel_width<double>());
  PanelMatrix<double> blocks(std::min(limit, data.queries.rows()), packed_size(d2), panel_width<double>());
  if (problem.tiles().empty()) sums.set_zero();

  const MakeProducts<double> make_products = [&](auto chunk, auto& products) {
    const Index begin = chunk.front().queries.begin;
    for_each_task(static_cast<Index>(chunk.size()), [&](Index i) {
      const AttentionTile& rows = chunk[static_cast<std::size_t>(i)];
      MultiSoftmaxTile tile(inputs, rows);
      tile.read(point.rows);
      const ProjectedCurvature curvature =
          project(tile, inputs.keys.keys, form == HessianForm::exact, problem.is_normalised());
      if (problem.is_normalised()) add_rank_two(tile, point.rows.kappa, curvature);
      store_rows(tile.pass(), curvature.grams, rows.queries.begin - begin, blocks);
    });
    products.push_back({&sums, &blocks, chunk.back().queries.end - begin,
                        squared_rows(queries, data.scale, begin), [](Index a) { return packed_size(a); }});
  };

  PanelReducer into_h(h);
  const auto reduce = [&](Range rows) {
    const TimingScope timing("reduction");
    for (Index a = rows.begin; a < rows.end; ++a) into_h.add(a * d2, 0, symmetric_block_row(sums, d2, a));
  };
  add_up_in_chunks<double>(problem.tiles(), limit, d1, false, make_products, reduce);
  const TimingScope timing("reduction");
  into_h.finish();
}

// Adds U ⊗ V, which every rank holds. Local.
void add_kronecker_product(const Matrix& u, const Matrix& v, DistributedMatrix& h) {
  const Index d2 = v.rows();
  for_each_task(h.local().cols(), [&](Index j) {
    const Index column = h.global_column(j);
    for (Index i = 0; i < h.local().rows(); ++i) {
      const Index row = h.global_row(i);
      h.local()(i, j) += u(row / d2, column / d2) * v(row % d2, column % d2);
    }
  });
}

}  // namespace

void MultiSoftmaxHessian::assemble(const Point& base, const Progress& /*progress*/,
                                   DistributedMatrix& h) const {
  const auto& point = static_cast<const MultiSoftmaxPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "MultiSoftmaxHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  {
    const TimingScope timing("sums over rows");
    add_rows(problem_, point, form_, h);
  }
  if (problem_.query_gram().size() > 0) add_kronecker_product(problem_.query_gram(), problem_.key_gram(), h);
  h.add_to_diagonal(problem_.options().ridge, h.rows());
}

}  // namespace attnewton
