#include "support/whole_map.hpp"

#include "attnewton/random/stream.hpp"

namespace attnewton::testing_support {
namespace {

using Numbers = std::vector<HyperDual>;

// w of θ.
Numbers plain_weights(const WholeMap& whole, const AttentionMapOptions& options, const Numbers& theta) {
  Numbers w(static_cast<std::size_t>(whole.heads.to_vector().size()), HyperDual(0));
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const auto at = options.support.empty() ? i : static_cast<std::size_t>(options.support[i]);
    const double unit = options.unit.size() == 0 ? 1 : options.unit[static_cast<Index>(i)];
    w[at] = HyperDual(unit) * theta[i];
  }
  return w;
}

// ½κ Σ_b δ_bᵀ (A_b ⊗ C_b) δ_b, δ = w − W, entry by entry.
HyperDual plain_prior(const WholeMap& whole, const AttentionMapOptions& options, const Numbers& theta) {
  HyperDual sum(0);
  if (options.prior_weight == 0) return sum;
  Numbers moved = plain_weights(whole, options, theta);
  const Vector dense = whole.heads.to_vector();
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= HyperDual(dense[static_cast<Index>(i)]);
  std::size_t first = 0;
  for (const KroneckerBlock& block : *options.prior) {
    const Index rows = block.input.rows();
    const Index columns = block.output.rows();
    for (Index i = 0; i < rows * columns; ++i) {
      for (Index j = 0; j < rows * columns; ++j) {
        const double entry = block.input(i / columns, j / columns) * block.output(i % columns, j % columns);
        sum += HyperDual(0.5 * options.prior_weight * entry) * moved[first + static_cast<std::size_t>(i)] *
               moved[first + static_cast<std::size_t>(j)];
      }
    }
    first += static_cast<std::size_t>(rows * columns);
  }
  return sum;
}

HyperDual plain_penalty(const WholeMap& whole, const AttentionMapOptions& options, const Numbers& theta) {
  HyperDual sum = plain_prior(whole, options, theta);
  for (Index i = 0; i < options.pull.size(); ++i) {
    HyperDual difference = theta[static_cast<std::size_t>(i)];
    if (options.centre.size() > 0) difference -= HyperDual(options.centre[i]);
    sum += HyperDual(0.5 * options.pull[i]) * difference * difference;
  }
  return sum;
}

}  // namespace

WholeMap make_whole_map(const WholeMapShape& shape, std::uint64_t seed) {
  WholeMap whole;
  whole.name = shape.name;
  whole.offsets.assign(1, 0);
  for (const Index length : shape.lengths) whole.offsets.push_back(whole.offsets.back() + length);
  whole.causal = shape.causal;
  whole.scale = shape.scale;
  whole.x = RandomStream(seed, RandomPurpose::inputs).normal_rows({0, whole.offsets.back()}, shape.d);
  const Index columns = shape.r == 0 ? shape.d : shape.r;
  const auto weights = [&](std::uint64_t which) {
    return RandomStream(seed, RandomPurpose::planted_x, which).normal_rows({0, shape.d}, columns);
  };
  for (Index h = 0; h < shape.heads; ++h) {
    const auto which = static_cast<std::uint64_t>(h);
    whole.heads.query.emplace_back(0.7 * weights(which));
    if (shape.biased)
      whole.heads.bias.emplace_back(
          RandomStream(seed, RandomPurpose::noise, which).normal_rows({0, columns}, 1).col(0));
  }
  if (shape.r > 0) whole.heads.key = 0.7 * weights(99);
  return whole;
}

std::vector<WholeMap> test_maps() {
  const std::vector<WholeMapShape> shapes = {
      {.name = "fused", .lengths = {7}},
      {.name = "fused, causal, bias, unequal",
       .lengths = {5, 1, 6},
       .causal = true,
       .biased = true,
       .scale = 0.6},
      {.name = "fused, two heads", .lengths = {4, 3}, .d = 2, .heads = 2, .biased = true},
      {.name = "factors", .lengths = {8, 3}, .d = 4, .r = 2, .scale = 0.7},
      {.name = "factors, two heads, causal, bias",
       .lengths = {1, 9, 2},
       .d = 3,
       .r = 2,
       .heads = 2,
       .causal = true,
       .biased = true,
       .scale = 1.3},
      {.name = "one row, one column", .lengths = {1}, .d = 1, .r = 1},
  };
  std::vector<WholeMap> maps;
  for (std::size_t i = 0; i < shapes.size(); ++i) maps.push_back(make_whole_map(shapes[i], 40 + i));
  return maps;
}

WholeMap correlated(WholeMap whole, std::uint64_t seed) {
  const Index d = whole.x.cols();
  const Matrix mixing = RandomStream(seed, RandomPurpose::planted_k).normal_rows({0, d}, d);
  whole.x = Matrix(whole.x * mixing / std::sqrt(static_cast<double>(d)));
  return whole;
}

std::shared_ptr<const MapInputs> map_inputs(const Communicator& comm, const WholeMap& whole) {
  const auto sequences = sequences_from_offsets(whole.offsets, whole.offsets);
  AttentionShare share =
      share_of_rank(sequences, even_row_partition(whole.x.rows(), comm.size()), comm.rank());
  MapInputs inputs{whole.x.middleRows(share.keys.begin, share.keys.size()), std::move(share.sequences),
                   whole.causal, whole.scale};
  return std::make_shared<const MapInputs>(std::move(inputs));
}

std::shared_ptr<const AttentionMap> attention_map(const Communicator& comm, const WholeMap& whole,
                                                  const MapStorage& storage) {
  return std::make_shared<const AttentionMap>(comm, map_inputs(comm, whole), whole.heads, storage);
}

Vector normal_numbers(Index count, double size, std::uint64_t seed) {
  return size * RandomStream(seed, RandomPurpose::start).normal_rows({0, count}, 1).col(0);
}

SecondOrder map_oracle(const WholeMap& whole, const AttentionMapOptions& options, const Vector& theta) {
  return differentiate(
      [&](const Numbers& at) {
        HyperDual loss = plain_penalty(whole, options, at);
        for (const HyperDual& c : plain_map_residual(whole, plain_weights(whole, options, at)))
          loss += HyperDual(0.5) * c * c;
        return loss;
      },
      theta);
}

Matrix map_gauss_newton_oracle(const WholeMap& whole, const AttentionMapOptions& options,
                               const Vector& theta) {
  Numbers at;
  for (const double value : theta) at.emplace_back(value);
  Matrix jacobian;
  for (Index i = 0; i < theta.size(); ++i) {
    at[static_cast<std::size_t>(i)].a = 1;
    const Numbers residual = plain_map_residual(whole, plain_weights(whole, options, at));
    at[static_cast<std::size_t>(i)].a = 0;
    jacobian.conservativeResize(static_cast<Index>(residual.size()), theta.size());
    for (std::size_t r = 0; r < residual.size(); ++r) jacobian(static_cast<Index>(r), i) = residual[r].a;
  }
  const Matrix penalty =
      differentiate([&](const Numbers& point) { return plain_penalty(whole, options, point); }, theta)
          .hessian;
  return jacobian.transpose() * jacobian + penalty;
}

}  // namespace attnewton::testing_support
