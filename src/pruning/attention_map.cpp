#include "attnewton/pruning/attention_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "map_products.hpp"
#include "map_rows.hpp"
#include "map_tiles.hpp"

namespace attnewton {
namespace {

// Before a number of no row.
constexpr Index nowhere = std::numeric_limits<Index>::max();

void check_numbers(const Matrix& numbers, const std::string& what) {
  for (Index i = 0; i < numbers.rows(); ++i) {
    for (Index j = 0; j < numbers.cols(); ++j) {
      if (!std::isfinite(numbers(i, j)))
        throw DataError(
            fmt::format("{}: {} at row {}, column {} (counted from 0)", what, numbers(i, j), i, j));
    }
  }
}

void check_shapes(const HeadGroup& group) {
  if (group.query.empty()) throw UsageError("a group of heads has no head");
  if (group.width() < 1 || group.inner_width() < 1) throw UsageError("a query factor has no entries");
  for (const Matrix& p : group.query) {
    if (p.rows() != group.width() || p.cols() != group.inner_width())
      throw UsageError(fmt::format("query factors of a group differ in shape: {} × {} and {} × {}",
                                   group.width(), group.inner_width(), p.rows(), p.cols()));
  }
  if (group.is_fused() && group.inner_width() != group.width())
    throw UsageError(fmt::format("fused weights are square, not {} × {}; factors need a key factor",
                                 group.width(), group.inner_width()));
  if (!group.is_fused() && (group.key.rows() != group.width() || group.key.cols() != group.inner_width()))
    throw UsageError(fmt::format("the key factor is {} × {} but the query factors are {} × {}",
                                 group.key.rows(), group.key.cols(), group.width(), group.inner_width()));
  if (!group.bias.empty() && group.bias.size() != group.query.size())
    throw UsageError(fmt::format("{} heads have {} biases: give none, or one for each", group.query.size(),
                                 group.bias.size()));
  for (const Vector& b : group.bias) {
    if (b.size() != group.inner_width())
      throw UsageError(fmt::format("a bias has {} numbers, but the query factors have {} columns", b.size(),
                                   group.inner_width()));
  }
}

void check_weights(const HeadGroup& group) {
  for (std::size_t h = 0; h < group.query.size(); ++h)
    check_numbers(group.query[h], fmt::format("the query weights of head {}", h));
  check_numbers(group.key, "the key weights");
  for (std::size_t h = 0; h < group.bias.size(); ++h)
    check_numbers(group.bias[h], fmt::format("the query bias of head {}", h));
}

// Where in the inputs the first local query lies.
Index first_query_input(const MapInputs& inputs) {
  if (inputs.sequences.empty()) return 0;
  const LocalSequence& first = inputs.sequences.front();
  return first.keys.begin + first.first_position - first.queries.begin;
}

void check_sequences(const MapInputs& inputs) {
  const Index first = first_query_input(inputs);
  Index next = 0;
  for (const LocalSequence& s : inputs.sequences) {
    const bool is_inside = s.keys.begin >= 0 && s.keys.end <= inputs.inputs.rows() && s.first_position >= 0 &&
                           s.first_position + s.queries.size() <= s.keys.size();
    const bool follows =
        s.queries.begin == next && s.keys.begin + s.first_position == first + s.queries.begin;
    if (!is_inside || !follows || s.queries.end < s.queries.begin)
      throw UsageError(
          fmt::format("the query rows [{}, {}) of a sequence are not the inputs' rows from {} on, "
                      "or do not follow those of the sequence before",
                      s.queries.begin, s.queries.end, first + s.queries.begin));
    next = s.queries.end;
  }
}

}  // namespace

AttentionMap::AttentionMap(const Communicator& comm, std::shared_ptr<const MapInputs> inputs,
                           HeadGroup reference, const MapStorage& storage)
    : comm_(comm), inputs_(std::move(inputs)), reference_(std::move(reference)) {
  agree_on_errors(comm_, [&] { check(); });
  blocks_ = reference_.blocks();
  tiling_ = std::make_unique<const MapTiling>(
      make_map_tiling(inputs_->sequences, inputs_->causal, !reference_.is_fused()));
  first_input_ = first_query_input(*inputs_);
  const std::vector<Index> rows_of_ranks = comm_.all_gather(inputs_->queries());
  for (int rank = 0; rank < comm_.size(); ++rank) {
    if (rank < comm_.rank()) first_row_ += rows_of_ranks[static_cast<std::size_t>(rank)];
    rows_ += rows_of_ranks[static_cast<std::size_t>(rank)];
  }
  if (rows_ == 0) throw DataError("the inputs of the attention map have no rows");
  stores_ =
      storage.holds(tiling_->probabilities * reference_.heads(), inputs_->queries() * reference_.width());
  if (reference_.is_fused()) thin_inputs_ = thin_keys(inputs_->inputs, inputs_->scale);
  take_reference();
}

AttentionMap::~AttentionMap() = default;

void AttentionMap::check() const {
  require(inputs_ != nullptr, "AttentionMap: inputs");
  check_shapes(reference_);
  if (inputs_->inputs.cols() != reference_.width() && inputs_->inputs.rows() > 0)
    throw UsageError(fmt::format("the inputs have {} columns, but the weights {} rows: heads read X P",
                                 inputs_->inputs.cols(), reference_.width()));
  if (!std::isfinite(inputs_->scale))
    throw UsageError(fmt::format("the scale must be a finite number, not {}", inputs_->scale));
  check_sequences(*inputs_);
  check_numbers(inputs_->inputs, "the inputs of the attention map");
  check_weights(reference_);
}

void AttentionMap::take_reference() {
  at_reference_ = rows_at(reference_.to_vector());
  const Index heads = reference_.heads();
  if (stores_) at_reference_.stored.resize(heads * tiling_->probabilities);
  Matrix squares = Matrix::Zero(heads, inputs_->queries());
  sum_over_tiles(0, [&](const MapTile& tile, const MatrixRef&) {
    ScratchFrame frame;
    auto* const scratch = frame.take<double>(tile.size());
    for (Index h = 0; h < heads; ++h) {
      double* const f = stores_ ? stored_place(at_reference_, h, tile) : scratch;
      softmax_tile(at_reference_, h, tile, f);
      for (Index row = 0; row < tile.rows(); ++row)
        squares(h, tile.queries.begin + row) =
            Eigen::Map<const Vector>(f + row * tile.columns(), tile.columns()).squaredNorm();
    }
  });
  const std::string obstacle = obstacle_in(at_reference_);
  if (!obstacle.empty()) throw DataError("attention of the dense weights, " + obstacle);
  squared_norms_ = squares.rowwise().sum();
  comm_.sum(squared_norms_);
}

ConstMatrixRef AttentionMap::query_inputs() const {
  return inputs_->inputs.middleRows(first_input_, inputs_->queries());
}

// X K of all local inputs.
Matrix AttentionMap::keys_of(const Vector& weights) const {
  if (reference_.is_fused()) return {};
  const ParameterBlock& block = blocks_.back();
  return product_by_rows(inputs_->inputs,
                         ConstMatrixView(weights.data() + block.range.begin, block.rows, block.columns));
}

// X P_h of the local query rows, without biases.
Matrix AttentionMap::queries_of(const Vector& weights, Index head) const {
  const ParameterBlock& block = blocks_[static_cast<std::size_t>(head)];
  return product_by_rows(query_inputs(),
                         ConstMatrixView(weights.data() + block.range.begin, block.rows, block.columns));
}

// Query and key rows at `weights`; the rest is yet to be made.
MapForward AttentionMap::rows_at(const Vector& weights) const {
  require(weights.size() == parameters(), "AttentionMap: as many weights as the group has");
  MapForward at;
  for (Index h = 0; h < reference_.heads(); ++h) {
    at.queries.push_back(queries_of(weights, h));
    if (!reference_.bias.empty())
      at.queries.back().rowwise() += reference_.bias[static_cast<std::size_t>(h)].transpose();
    at.log_sum.emplace_back(inputs_->queries());
  }
  at.keys = keys_of(weights);
  if (!reference_.is_fused()) at.thin_keys = thin_keys(at.keys, inputs_->scale);
  return at;
}

double* AttentionMap::stored_place(MapForward& at, Index head, const MapTile& tile) const {
  return at.stored.data() + head * tiling_->probabilities + tile.stored;
}

// Names the first query row of all ranks with a logit that is not finite; empty if there is none. Collective.
std::string AttentionMap::obstacle_in(const MapForward& at) const {
  Index first = nowhere;  // row·heads + head
  const Index heads = reference_.heads();
  for (Index h = 0; h < heads; ++h) {
    const Vector& log_sum = at.log_sum[static_cast<std::size_t>(h)];
    for (Index row = 0; row < log_sum.size(); ++row) {
      if (!std::isfinite(log_sum[row])) first = std::min(first, (first_row_ + row) * heads + h);
    }
  }
  first = comm_.min(first);
  if (first == nowhere) return {};
  return fmt::format(
      "head {}, query row {} (counted from 0): a logit scale·(x P + b)ᵀ(X K)ᵀ is not finite; the weights are "
      "too large for these inputs",
      first % heads, first / heads);
}

std::vector<double> AttentionMap::relative_errors(const Vector& weights) const {
  const MapForward at = evaluate(weights, MapPass::errors);
  std::vector<double> errors;
  for (Index h = 0; h < reference_.heads(); ++h)
    errors.push_back(at.obstacle.empty() ? at.squared_errors[h] / squared_norms_[h]
                                         : std::numeric_limits<double>::infinity());
  return errors;
}

}  // namespace attnewton
