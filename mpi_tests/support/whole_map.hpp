// Small attention maps held whole by every rank, for tests: their shares as the product takes them, and their
// probabilities written out plainly for any scalar type, sharing no code with the product.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "attnewton/pruning/attention_map_problem.hpp"

#include "support/hyper_dual.hpp"

namespace attnewton::testing_support {

struct WholeMap {
  std::string name;
  Matrix x;
  std::vector<Index> offsets;
  bool causal = false;
  double scale = 1;
  HeadGroup heads;
};

struct WholeMapShape {
  std::string name;
  std::vector<Index> lengths;
  Index d = 3;
  Index r = 0;  ///< 0: fused
  Index heads = 1;
  bool causal = false;
  bool biased = false;
  double scale = 1;
};

WholeMap make_whole_map(const WholeMapShape& shape, std::uint64_t seed);

/// Fused weights and factors, one head and two, causal or not, with biases and without, sequences of unequal
/// lengths and of length 1.
std::vector<WholeMap> test_maps();

/// Keeps all probabilities, and none.
inline constexpr MapStorage keeps_all{};
inline constexpr MapStorage keeps_none{.per_input = 0, .always = 0};

/// The map with inputs that are correlated, as those of real layers are: X times a normal d × d matrix / √d.
/// With isotropic ones no weight can stand in for another.
WholeMap correlated(WholeMap whole, std::uint64_t seed);

/// Rows shared out evenly, wherever in a sequence that cuts.
std::shared_ptr<const MapInputs> map_inputs(const Communicator& comm, const WholeMap& whole);
std::shared_ptr<const AttentionMap> attention_map(const Communicator& comm, const WholeMap& whole,
                                                  const MapStorage& storage = {});

/// Normal numbers times `size`, the same on every rank.
Vector normal_numbers(Index count, double size, std::uint64_t seed);

inline std::vector<double> numbers_of(const Vector& v) {
  return {v.begin(), v.end()};
}

/// Rows of X P + 1 bᵀ or of X K: `weights` from `first` on are the factor, `columns` wide.
template <class S>
std::vector<std::vector<S>> plain_rows(const Matrix& x, const std::vector<S>& weights, Index first,
                                       Index columns, const Vector& bias) {
  std::vector<std::vector<S>> rows;
  for (Index j = 0; j < x.rows(); ++j) {
    rows.emplace_back();
    for (Index c = 0; c < columns; ++c) {
      S sum(bias.size() > 0 ? bias[c] : 0.0);
      for (Index a = 0; a < x.cols(); ++a)
        sum += S(x(j, a)) * weights[static_cast<std::size_t>(first + a * columns + c)];
      rows.back().push_back(sum);
    }
  }
  return rows;
}

/// The probabilities of a head, row by row; as long as the row sees keys.
template <class S>
std::vector<std::vector<S>> plain_probabilities(const WholeMap& whole, const std::vector<S>& w, Index head) {
  using std::exp;
  const Index d = whole.x.cols();
  const Index r = whole.heads.query.front().cols();
  const bool fused = whole.heads.key.size() == 0;
  const Vector bias = whole.heads.bias.empty() ? Vector() : whole.heads.bias[static_cast<std::size_t>(head)];
  const auto q = plain_rows(whole.x, w, head * d * r, r, bias);
  std::vector<std::vector<S>> k;
  if (fused) {
    for (Index j = 0; j < whole.x.rows(); ++j) {
      k.emplace_back();
      for (Index a = 0; a < d; ++a) k.back().push_back(S(whole.x(j, a)));
    }
  } else {
    k = plain_rows(whole.x, w, static_cast<Index>(whole.heads.query.size()) * d * r, r, {});
  }
  std::vector<std::vector<S>> f;
  for (std::size_t s = 0; s + 1 < whole.offsets.size(); ++s) {
    for (Index j = whole.offsets[s]; j < whole.offsets[s + 1]; ++j) {
      const Index end = whole.causal ? j + 1 : whole.offsets[s + 1];
      f.emplace_back();
      S total(0.0);
      for (Index i = whole.offsets[s]; i < end; ++i) {
        S logit(0.0);
        for (std::size_t c = 0; c < static_cast<std::size_t>(r); ++c)
          logit += q[static_cast<std::size_t>(j)][c] * k[static_cast<std::size_t>(i)][c];
        f.back().push_back(exp(S(whole.scale) * logit));
        total += f.back().back();
      }
      for (S& entry : f.back()) entry = entry / total;
    }
  }
  return f;
}

/// F − E of all heads, entry by entry.
template <class S>
std::vector<S> plain_map_residual(const WholeMap& whole, const std::vector<S>& w) {
  const Vector dense = whole.heads.to_vector();
  const std::vector<double> reference(dense.begin(), dense.end());
  std::vector<S> residual;
  for (Index h = 0; h < static_cast<Index>(whole.heads.query.size()); ++h) {
    const auto f = plain_probabilities(whole, w, h);
    const auto e = plain_probabilities(whole, reference, h);
    for (std::size_t j = 0; j < f.size(); ++j) {
      for (std::size_t i = 0; i < f[j].size(); ++i) {
        residual.push_back(f[j][i]);
        residual.back() -= S(e[j][i]);
      }
    }
  }
  return residual;
}

/// L of an AttentionMapProblem with these options, its gradient and Hessian, from the definition of L alone.
SecondOrder map_oracle(const WholeMap& whole, const AttentionMapOptions& options, const Vector& theta);
/// JᵀJ of the residual, and the pulls.
Matrix map_gauss_newton_oracle(const WholeMap& whole, const AttentionMapOptions& options,
                               const Vector& theta);

}  // namespace attnewton::testing_support
