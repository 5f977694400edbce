#include "support/whole_two_layer.hpp"

#include "attnewton/random/stream.hpp"

namespace attnewton::testing_support {
namespace {

using Numbers = std::vector<HyperDual>;

Numbers times(const Matrix& a, const Numbers& x) {
  Numbers product;
  for (Index i = 0; i < a.rows(); ++i) {
    HyperDual sum(0);
    for (Index j = 0; j < a.cols(); ++j) sum += HyperDual(a(i, j)) * x[static_cast<std::size_t>(j)];
    product.push_back(sum);
  }
  return product;
}

HyperDual plain_activation(Activation activation, const HyperDual& y) {
  const HyperDual one(1);
  HyperDual above = one;
  HyperDual below = one;
  switch (activation) {
    case Activation::relu:
      return y.v > 0 ? y : HyperDual(0);
    case Activation::tanh:
      above = exp(y) * exp(y);
      below += above;
      above -= one;
      return above / below;
    case Activation::sigmoid:
      below += one / exp(y);
      return one / below;
    case Activation::identity:
      break;
  }
  return y;
}

// All that L is half the sum of squares of.
Numbers squared_terms(const WholeTwoLayer& whole, const Numbers& x) {
  const Numbers z = times(whole.a1, x);
  Numbers f;
  HyperDual sum(0);
  for (const HyperDual& score : z) {
    f.push_back(exp(score));
    sum += f.back();
  }
  for (HyperDual& entry : f) entry = entry / sum;
  Numbers terms;
  for (const HyperDual& output : times(whole.a2, f)) {
    terms.push_back(plain_activation(whole.activation, output));
    terms.back() -= HyperDual(whole.b[static_cast<Index>(terms.size()) - 1]);
  }
  for (Index i = 0; i < whole.weights.size(); ++i)
    terms.push_back(HyperDual(whole.weights[i]) * z[static_cast<std::size_t>(i)]);
  for (const HyperDual& entry : x) terms.push_back(HyperDual(std::sqrt(whole.ridge)) * entry);
  return terms;
}

HyperDual plain_loss(const WholeTwoLayer& whole, const Numbers& x) {
  HyperDual twice(0);
  for (const HyperDual& term : squared_terms(whole, x)) twice += term * term;
  return HyperDual(0.5) * twice;
}

}  // namespace

std::string WholeTwoLayer::name() const {
  return std::string(to_string(activation)) + ", n = " + std::to_string(a1.rows()) +
         ", m = " + std::to_string(a2.rows()) + (weights.size() > 0 ? ", weights" : "") +
         (ridge > 0 ? ", ridge" : "");
}

WholeTwoLayer random_two_layer(Activation activation, Index n, Index d, Index m, std::uint64_t seed) {
  const RandomStream inputs(seed, RandomPurpose::inputs);
  const RandomStream others(seed, RandomPurpose::noise);
  WholeTwoLayer whole{inputs.normal_rows({0, n}, d),
                      RandomStream(seed, RandomPurpose::planted_y).normal_rows({0, m}, n),
                      others.normal_rows({0, m}, 1).col(0)};
  whole.activation = activation;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 1; j < d; ++j) {
      if (others.uniform(i, j) < 0.5) whole.a1(i, j) = 0;
    }
  }
  return whole;
}

std::vector<WholeTwoLayer> test_two_layers() {
  std::vector<WholeTwoLayer> problems;
  std::uint64_t seed = 60;
  for (const auto activation :
       {Activation::relu, Activation::identity, Activation::tanh, Activation::sigmoid}) {
    for (const Index n : {Index{23}, Index{2}}) {
      for (const bool has_weights : {false, true}) {
        for (const bool has_ridge : {false, true}) {
          WholeTwoLayer whole = random_two_layer(activation, n, 5, has_weights == has_ridge ? 7 : 31, ++seed);
          whole.a2 *= 2;
          if (has_weights) {
            const RandomStream stream(seed, RandomPurpose::planted_x);
            whole.weights = Vector(n);
            for (Index i = 0; i < n; ++i) whole.weights[i] = 0.1 + stream.uniform(i);
          }
          if (has_ridge) whole.ridge = 0.05;
          problems.push_back(whole);
        }
      }
    }
  }
  return problems;
}

Vector moderate_point(Index unknowns, std::uint64_t seed) {
  return 0.5 * RandomStream(seed, RandomPurpose::start).normal_rows({0, unknowns}, 1).col(0);
}

TwoLayerData two_layer_data(const Communicator& comm, const WholeTwoLayer& whole, Storage storage) {
  const Range rows = rows_of_rank(whole.a1.rows(), comm.size(), comm.rank());
  Matrix a1 = whole.a1.middleRows(rows.begin, rows.size());
  Matrix a2 = whole.a2.middleCols(rows.begin, rows.size());
  if (storage == Storage::sparse) return {compress(a1), std::move(a2), whole.b, rows.begin};
  return {std::move(a1), std::move(a2), whole.b, rows.begin};
}

TwoLayerOptions two_layer_options(const Communicator& comm, const WholeTwoLayer& whole) {
  const Range rows = rows_of_rank(whole.a1.rows(), comm.size(), comm.rank());
  TwoLayerOptions options{whole.activation, {}, whole.ridge};
  if (whole.weights.size() > 0) options.weights = whole.weights.segment(rows.begin, rows.size());
  return options;
}

TwoLayerProblem two_layer_problem(const Communicator& comm, const WholeTwoLayer& whole, Storage storage) {
  return {comm, two_layer_data(comm, whole, storage), two_layer_options(comm, whole)};
}

SecondOrder two_layer_oracle(const WholeTwoLayer& whole, const Vector& x) {
  return differentiate([&](const Numbers& point) { return plain_loss(whole, point); }, x);
}

Matrix gauss_newton_oracle(const WholeTwoLayer& whole, const Vector& x) {
  Matrix h(x.size(), x.size());
  Numbers point;
  for (const double entry : x) point.emplace_back(entry);
  for (Index i = 0; i < x.size(); ++i) {
    for (Index j = 0; j < x.size(); ++j) {
      point[static_cast<std::size_t>(i)].a = 1;
      point[static_cast<std::size_t>(j)].b = 1;
      h(i, j) = 0;
      for (const HyperDual& term : squared_terms(whole, point)) h(i, j) += term.a * term.b;
      point[static_cast<std::size_t>(i)].a = 0;
      point[static_cast<std::size_t>(j)].b = 0;
    }
  }
  return h;
}

}  // namespace attnewton::testing_support
