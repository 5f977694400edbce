#include "attnewton/curvature/kronecker_weights.hpp"

#include <algorithm>
#include <numeric>

#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

using Pass = AttentionTilePass<double>;

// Outputs h of the keys, and ‖h‖². Each sequence's are taken relative to their mean: v does not change, and
// Σ f‖h‖² − ‖o‖² loses no digits to a common part.
struct CentredOutputs {
  explicit CentredOutputs(const AttentionProblem& problem, const AttentionPoint& point)
      : keys(product_by_rows(problem.data().values(), point.y)),
        queries(product_by_rows(point.at.mixed, point.y)) {
    for (const LocalSequence& sequence : problem.data().sequences) {
      auto of_keys = keys.middleRows(sequence.keys.begin, sequence.keys.size());
      const Eigen::RowVectorXd mean = of_keys.colwise().mean();
      of_keys.rowwise() -= mean;
      queries.middleRows(sequence.queries.begin, sequence.queries.size()).rowwise() -= mean;
    }
    squares = keys.rowwise().squaredNorm();
  }

  Matrix keys;     // m_local × e
  Matrix queries;  // o, n_local × e
  Matrix squares;  // m_local × 1
};

// What the passes over all tiles read, and where rows' sums go.
struct Inputs {
  Inputs(const AttentionProblem& problem, const AttentionPoint& at_point)
      : data(problem.data()),
        operands(problem.stream<double>().operands()),
        point(at_point),
        scaled_x(data.scale * point.x),
        x(scaled_x),
        outputs(problem, point),
        squares(outputs.squares) {}
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  const AttentionData& data;
  const AttentionOperands<double>& operands;
  const AttentionPoint& point;
  Matrix scaled_x;
  Operand<double> x;
  CentredOutputs outputs;
  Operand<double> squares;
};

// One tile's F, chunk by chunk: kept where they are few enough, or computed twice.
class TileWeights {
 public:
  TileWeights(Pass& pass, const Inputs& in)
      : pass_(pass),
        in_(in),
        queries_(pass.queries_times(in.x)),
        shift_(pass.per_row([&](Index j) { return in.point.at.log_sum[pass.tile().queries.begin + j]; })),
        stores_(pass.scores() <= most_stored_scores),
        f_(pass.array(stores_ ? pass.tile().keys.size() : keys_per_chunk)) {}

  // v of the tile's rows.
  void add_up_rows(Vector& spread, Matrix& mean_squares) {
    const auto sum = pass_.array(1);
    pass_.for_each_chunk(
        [&](const LaneChunk& chunk) { pass_.add_mix(chunk, in_.squares, compute(chunk), sum); });
    pass_.unpack(sum, mean_squares);
    const Range rows = pass_.tile().queries;
    for (Index j = rows.begin; j < rows.end; ++j)
      spread[j] = std::max(0.0, mean_squares(j, 0) - in_.outputs.queries.row(j).squaredNorm());
  }

  // Adds Σ_j f_jk v_j to the first entries of `sums`.
  void add_to_columns(const Vector& spread, Vector& sums) {
    const Range rows = pass_.tile().queries;
    const auto weights = pass_.per_row([&](Index j) { return spread[rows.begin + j]; });
    double* products = pass_.numbers(keys_per_chunk);
    pass_.for_each_chunk([&](const LaneChunk& chunk) {
      const LaneBlock& block = *chunk.block;
      const double* f = stores_ ? f_.of(block, chunk.first) : compute(chunk);
      pass_.kernels().row_dots(chunk.count, block.width, f, block.width, weights.of(block), products);
      sums.segment(chunk.first, chunk.count) += Eigen::Map<const Vector>(products, chunk.count);
    });
  }

 private:
  const double* compute(const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    double* f = f_.of(block, stores_ ? chunk.first : 0);
    pass_.dots(chunk, in_.operands.keys, queries_, f);
    pass_.kernels().shifted_exponential(block.vectors, chunk.count, chunk.mask, f, shift_.of(block));
    return f;
  }

  Pass& pass_;
  const Inputs& in_;
  LaneArray<double> queries_;
  LaneArray<double> shift_;
  bool stores_;
  LaneArray<double> f_;
};

// Row sums v and this rank's part of the column sums Σ_j f_jk v_j.
KroneckerWeights local_sums(const AttentionProblem& problem, const AttentionPoint& point) {
  const Inputs in(problem, point);
  const AttentionData& data = in.data;
  const std::vector<AttentionTile>& tiles = problem.tiles();
  KroneckerWeights sums{Vector(data.queries.rows()), Vector::Zero(data.keys.rows())};
  Matrix mean_squares(data.queries.rows(), 1);
  for_each_task(static_cast<Index>(data.sequences.size()), [&](Index s) {
    const LocalSequence& sequence = data.sequences[static_cast<std::size_t>(s)];
    const auto starts_before = [](const AttentionTile& tile, Index row) { return tile.queries.begin < row; };
    const auto first = std::lower_bound(tiles.begin(), tiles.end(), sequence.queries.begin, starts_before);
    const auto last = std::lower_bound(first, tiles.end(), sequence.queries.end, starts_before);
    const Vector zero = Vector::Zero(sequence.keys.size());
    sums.keys.segment(sequence.keys.begin, sequence.keys.size()) =
        deterministic_sum(last - first, zero, [&](Index t) {
          Pass pass(data.queries, in.operands, first[t]);
          TileWeights tile(pass, in);
          tile.add_up_rows(sums.queries, mean_squares);
          Vector columns = zero;
          tile.add_to_columns(sums.queries, columns);
          return columns;
        });
  });
  return sums;
}

// Where this rank's keys begin in the order of all ranks' sequences. A rank whose first sequence began on
// another one has no keys of its own before the sequence's end.
Index first_key_of_all(const Communicator& comm, const AttentionData& data) {
  Index owned = 0;
  for (const LocalSequence& sequence : data.sequences) owned += sequence.owns_keys ? sequence.keys.size() : 0;
  const std::vector<Index> all = comm.all_gather(owned);
  const Index before = std::accumulate(all.begin(), all.begin() + comm.rank(), Index{0});
  const bool continues = !data.sequences.empty() && !data.sequences.front().owns_keys;
  return before - (continues ? data.sequences.front().keys.size() : 0);
}

// Adds up the parts of keys' sums that lie on different ranks.
void sum_shared_keys(const Communicator& comm, const AttentionData& data, Vector& keys) {
  Index owned = 0;
  for (const LocalSequence& sequence : data.sequences) owned += sequence.owns_keys ? sequence.keys.size() : 0;
  const Index first = first_key_of_all(comm, data);
  Vector all = Vector::Zero(comm.sum(owned));
  all.segment(first, keys.size()) = keys;
  comm.sum(all);
  keys = all.segment(first, keys.size());
}

}  // namespace

KroneckerWeights kronecker_weights(const AttentionProblem& problem, const AttentionPoint& point) {
  const TimingScope timing("kronecker weights");
  KroneckerWeights weights = local_sums(problem, point);
  sum_shared_keys(problem.comm(), problem.data(), weights.keys);
  for (const LocalSequence& sequence : problem.data().sequences) {
    auto keys = weights.keys.segment(sequence.keys.begin, sequence.keys.size());
    const double total = keys.sum();  // v's sum over the sequence as well, since f's rows sum to 1
    if (total > 0) keys /= total;
  }
  return weights;
}

}  // namespace attnewton
