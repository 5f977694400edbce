#include "attnewton/problems/multi_softmax_tile.hpp"

#include <algorithm>

namespace attnewton {
namespace {

// Rows of the sums that the residual kernel makes.
enum Sum : Index { residual_squared, value_times_residual, value_squared, target_times_residual, kinds };

}  // namespace

MultiSoftmaxRows::MultiSoftmaxRows(Index rows, Normalisation normalisation)
    : log_sum(normalisation == Normalisation::softmax ? rows : 0),
      sum(normalisation == Normalisation::softmax ? 0 : rows),
      residual_squared(rows),
      projection(rows),
      kappa(rows) {}

MultiSoftmaxInputs::MultiSoftmaxInputs(const MultiSoftmaxData& data_of_rank,
                                       const AttentionOperands<double>& all_keys,
                                       const Vector& target_norms_squared, Normalisation kind,
                                       const Matrix& unscaled_x)
    : data(data_of_rank),
      keys(all_keys),
      target_squared(target_norms_squared),
      normalisation(kind),
      scaled_x(data.scale * unscaled_x),
      x(scaled_x) {}

MultiSoftmaxTile::MultiSoftmaxTile(const MultiSoftmaxInputs& inputs, const AttentionTile& tile)
    : in_(inputs),
      pass_(inputs.data.queries, inputs.keys, tile),
      kernels_(pass_.kernels()),
      queries_(pass_.queries_times(inputs.x)),
      ones_(pass_.per_row([](Index) { return 1; })),
      u_(pass_.array(keys_per_chunk)),
      b_(pass_.array(keys_per_chunk)),
      c_(pass_.array(keys_per_chunk)),
      mixed_(pass_.array(keys_per_chunk)),
      unused_(pass_.zeros(1)) {}

// ----------------------------------------------------------------------------------------- evaluation

void MultiSoftmaxTile::evaluate(MultiSoftmaxRows& rows) {
  if (pass_.scores() <= most_stored_scores) {
    stored_ = pass_.array(pass_.tile().keys.size());
    if (is_softmax()) stored_weights_ = pass_.array(chunks_of(pass_.tile().keys.size()));
  }
  add_up_exponentials(rows);
  add_up_residual(rows);
  read(rows);
}

void MultiSoftmaxTile::add_up_exponentials(MultiSoftmaxRows& rows) {
  const AttentionTile& tile = pass_.tile();
  const auto place = [&](const LaneChunk& chunk) {
    return stored_ ? stored_.of(*chunk.block, chunk.first) : u_.of(*chunk.block);
  };
  if (is_softmax()) {
    const auto softmax = pass_.start_softmax();
    pass_.for_each_chunk([&](const LaneChunk& chunk) {
      const LaneBlock& block = *chunk.block;
      pass_.add_to_softmax(chunk, queries_, place(chunk), softmax);
      if (stored_)
        std::copy_n(softmax.maximum.of(block), block.width, stored_weights_.of(block, chunk.index()));
    });
    pass_.finish_softmax(softmax, rows.log_sum, stored_weights_);
    return;
  }
  const std::vector<double> one(keys_per_chunk, 1.0);
  const Lanes sum = pass_.zeros(1);
  pass_.for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    double* u = place(chunk);
    pass_.dots(chunk, in_.keys.keys, queries_, u);
    kernels_.exponential(chunk.count * block.width, u, u);
    kernels_.mix(block.vectors, 1, chunk.count, one.data(), 1, {u, block.width}, {sum.of(block), block.width},
                 true);
  });
  for (const LaneBlock& block : pass_.blocks())
    std::copy_n(sum.of(block), block.rows, rows.sum.data() + tile.queries.begin + block.first_row);
}

void MultiSoftmaxTile::add_up_residual(MultiSoftmaxRows& rows) {
  rows.projection.segment(pass_.tile().queries.begin, pass_.tile().queries.size()).setZero();
  read(rows);
  const Lanes sums = pass_.zeros(kinds);
  pass_.for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    const bool is_scaled = !(stored_ && is_softmax());
    residual(chunk, is_scaled ? ones_.of(block) : stored_weights_.of(block, chunk.index()), weights(chunk),
             sums.of(block));
  });
  for (const LaneBlock& block : pass_.blocks()) {
    for (Index i = 0; i < block.rows; ++i) {
      const Index j = pass_.tile().queries.begin + block.first_row + i;
      const auto sum = [&](Sum kind) { return sums.of(block, kind)[i]; };
      rows.residual_squared[j] = sum(residual_squared);
      rows.projection[j] = 0;
      rows.kappa[j] = 0;
      if (in_.normalisation == Normalisation::none) continue;
      rows.projection[j] = sum(is_softmax() ? value_times_residual : target_times_residual);
      rows.kappa[j] = is_softmax() ? sum(value_squared) : in_.target_squared[j];
    }
  }
}

// ---------------------------------------------------------------------------------- chunk after chunk

void MultiSoftmaxTile::read(const MultiSoftmaxRows& rows) {
  const Index first_row = pass_.tile().queries.begin;
  if (is_softmax()) shift_ = pass_.per_row([&](Index j) { return rows.log_sum[first_row + j]; });
  share_ = in_.normalisation == Normalisation::rescaled
               ? pass_.per_row([&](Index j) { return rows.sum[first_row + j]; })
               : ones_;
  projection_ = pass_.per_row([&](Index j) { return rows.projection[first_row + j]; });
}

// u of a chunk.
double* MultiSoftmaxTile::weights(const LaneChunk& chunk) {
  const LaneBlock& block = *chunk.block;
  if (stored_) return stored_.of(block, chunk.first);
  double* u = u_.of(block);
  pass_.dots(chunk, in_.keys.keys, queries_, u);
  if (is_softmax()) {
    kernels_.shifted_exponential(block.vectors, chunk.count, chunk.mask, u, shift_.of(block));
  } else {
    kernels_.exponential(chunk.count * block.width, u, u);
  }
  return u;
}

// b of a chunk.
const double* MultiSoftmaxTile::targets(const LaneChunk& chunk) {
  const LaneBlock& block = *chunk.block;
  const Matrix& target = in_.data.target;
  kernels_.pack(block.vectors, block.rows, chunk.count,
                target.row(pass_.tile().queries.begin + block.first_row).data() + chunk.first, target.cols(),
                b_.of(block));
  return b_.of(block);
}

// c = u − share∘b of a chunk, u being multiplied by `weight` before; b stays in b_.
void MultiSoftmaxTile::residual(const LaneChunk& chunk, const double* weight, double* u, double* sums) {
  const LaneBlock& block = *chunk.block;
  kernels_.residual(block.vectors, chunk.count, weight, share_.of(block), targets(chunk), u, c_.of(block),
                    sums);
}

// gz = u∘(c − projection) of a chunk.
double* MultiSoftmaxTile::slopes(const LaneChunk& chunk, double* u) {
  const LaneBlock& block = *chunk.block;
  residual(chunk, ones_.of(block), u, nullptr);
  kernels_.backward(block.vectors, chunk.count, u, ones_.of(block), projection_.of(block), c_.of(block));
  return c_.of(block);
}

// As φ = φ′ = φ″ = u, δ = u² + gz, and with softmax s = δ; Gauss–Newton leaves gz out of both.
ChunkCurvature MultiSoftmaxTile::curvature(const LaneChunk& chunk, bool exact) {
  const LaneBlock& block = *chunk.block;
  double* u = weights(chunk);
  double* diagonal = c_.of(block);
  if (exact) {
    kernels_.add_square(block.vectors, chunk.count, u, slopes(chunk, u));
  } else {
    kernels_.weigh(block.vectors, chunk.count, u, u, diagonal, unused_.of(block));
  }
  if (in_.normalisation == Normalisation::none) return {diagonal, nullptr, nullptr};
  if (is_softmax()) return {diagonal, u, diagonal};
  const double* b = exact ? b_.of(block) : targets(chunk);
  kernels_.weigh(block.vectors, chunk.count, u, b, mixed_.of(block), unused_.of(block));
  return {diagonal, u, mixed_.of(block)};
}

// --------------------------------------------------------------------------------- sums over all keys

void MultiSoftmaxTile::pull_back(Matrix& pulled_back) {
  const Lanes sum = pass_.array(in_.keys.keys.columns());
  pass_.for_each_chunk([&](const LaneChunk& chunk) {
    pass_.add_mix(chunk, in_.keys.keys, slopes(chunk, weights(chunk)), sum);
  });
  pass_.unpack(sum, pulled_back);
}

void MultiSoftmaxTile::project(Matrix& direction, Matrix& mixed) {
  const Lanes direction_sum = pass_.array(in_.keys.keys.columns());
  const Lanes mixed_sum = pass_.array(in_.keys.keys.columns());
  pass_.for_each_chunk([&](const LaneChunk& chunk) {
    const ChunkCurvature at = curvature(chunk, true);
    pass_.add_mix(chunk, in_.keys.keys, at.direction, direction_sum);
    pass_.add_mix(chunk, in_.keys.keys, at.mixed, mixed_sum);
  });
  pass_.unpack(direction_sum, direction);
  pass_.unpack(mixed_sum, mixed);
}

void MultiSoftmaxTile::multiply_diagonal(const Matrix& directions, Matrix& out) {
  const Lanes along = pass_.packed(directions);
  const Lanes change = pass_.array(keys_per_chunk);
  const Lanes sum = pass_.array(in_.keys.keys.columns());
  pass_.for_each_chunk([&](const LaneChunk& chunk) {
    const LaneBlock& block = *chunk.block;
    const ChunkCurvature at = curvature(chunk, true);
    double* z = change.of(block);
    pass_.dots(chunk, in_.keys.keys, along, z);
    kernels_.weigh(block.vectors, chunk.count, at.diagonal, z, z, unused_.of(block));
    pass_.add_mix(chunk, in_.keys.keys, z, sum);
  });
  pass_.unpack(sum, out);
}

}  // namespace attnewton
