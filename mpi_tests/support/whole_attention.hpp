// Small attention problems held whole by every rank, for tests: their shares as the product takes them, and
// their objective written out plainly for any scalar type (double or hyper-dual), sharing no code with the
// product.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "attnewton/problems/attention.hpp"

namespace attnewton::testing_support {

/// A problem with all its rows.
struct WholeAttention {
  std::string name;
  Matrix a1, a2, a3, b;
  bool separate_values = false;  ///< else A₃ = A₂ and a3 is not read
  std::vector<Index> query_offsets, key_offsets;
  bool causal = false;
  double scale = 1;
  double ridge = 0;
  Vector query_weights, key_weights;  ///< empty: no weighted regulariser

  const Matrix& values() const { return separate_values ? a3 : a2; }
};

/// Sizes of a random problem; one length a sequence.
struct WholeShape {
  std::string name = {};
  std::vector<Index> query_lengths = {};
  std::vector<Index> key_lengths = {};
  Index d1 = 3, d2 = 3, d3 = 3, e = 2;
  bool self_attention = true;  ///< A₂ = A₁ (then key_lengths is query_lengths and d₂ = d₁)
  bool separate_values = false;
  bool causal = false;
  bool weighted = false;
  double scale = 1;
  double ridge = 1e-2;
};

WholeAttention make_whole(const WholeShape& shape, std::uint64_t seed);

/// The shapes that derivative and Hessian tests go through: sizes 1, primes, several sequences,
/// cross-attention, separate values, masks, weights, scales.
std::vector<WholeShape> test_shapes();

/// The query rows that `rank` of `ranks` ranks holds, and its share. Local.
Range queries_of_rank(const WholeAttention& whole, int ranks, int rank);
AttentionData make_data(const WholeAttention& whole, int ranks, int rank);

/// The product's problem of this rank's share.
AttentionProblem make_problem(const Communicator& comm, const WholeAttention& whole,
                              AttentionVariables variables, Precision precision = Precision::full);

/// A θ of moderate size, the same on every rank.
Vector test_point(const AttentionProblem& problem, std::uint64_t seed);

/// Rows of T = F A₃ at X, all of them.
template <class S>
std::vector<std::vector<S>> plain_mixed(const WholeAttention& whole, const std::vector<S>& x) {
  using std::exp;
  const Index d1 = whole.a1.cols(), d2 = whole.a2.cols(), d3 = whole.values().cols();
  std::vector<std::vector<S>> mixed;
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    const Index key_begin = whole.key_offsets[s];
    for (Index j = whole.query_offsets[s]; j < whole.query_offsets[s + 1]; ++j) {
      const Index keys =
          whole.causal ? j - whole.query_offsets[s] + 1 : whole.key_offsets[s + 1] - whole.key_offsets[s];
      S total(0);
      std::vector<S> row(static_cast<std::size_t>(d3), S(0));
      for (Index k = key_begin; k < key_begin + keys; ++k) {
        S logit(0);
        for (Index a = 0; a < d1; ++a) {
          for (Index c = 0; c < d2; ++c) {
            logit +=
                x[static_cast<std::size_t>(a * d2 + c)] * S(whole.scale * whole.a1(j, a) * whole.a2(k, c));
          }
        }
        const S weight = exp(logit);
        total += weight;
        for (Index c = 0; c < d3; ++c) row[static_cast<std::size_t>(c)] += weight * S(whole.values()(k, c));
      }
      for (S& entry : row) entry = entry / total;
      mixed.push_back(row);
    }
  }
  return mixed;
}

/// The residual C, row by row.
template <class S>
std::vector<S> plain_residual(const WholeAttention& whole, const std::vector<S>& x, const std::vector<S>& y) {
  const Index e = whole.b.cols();
  std::vector<S> residual;
  const auto mixed = plain_mixed(whole, x);
  for (std::size_t j = 0; j < mixed.size(); ++j) {
    for (Index i = 0; i < e; ++i) {
      S sum(-whole.b(static_cast<Index>(j), i));
      for (std::size_t k = 0; k < mixed[j].size(); ++k) {
        sum += mixed[j][k] * y[k * static_cast<std::size_t>(e) + static_cast<std::size_t>(i)];
      }
      residual.push_back(sum);
    }
  }
  return residual;
}

/// ½λ‖X‖² + ½λ‖Y‖² + ½ Σ over sequences of ‖W A₁XA₂ᵀ‖² + ½‖W A₃Y‖², entry by entry.
template <class S>
S plain_regulariser(const WholeAttention& whole, const std::vector<S>& x, const std::vector<S>& y) {
  S sum(0);
  for (const S& entry : x) sum += S(0.5 * whole.ridge) * entry * entry;
  for (const S& entry : y) sum += S(0.5 * whole.ridge) * entry * entry;
  if (whole.query_weights.size() == 0) return sum;
  const Index d1 = whole.a1.cols(), d2 = whole.a2.cols(), d3 = whole.values().cols(), e = whole.b.cols();
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    for (Index k = whole.key_offsets[s]; k < whole.key_offsets[s + 1]; ++k) {
      for (Index j = whole.query_offsets[s]; j < whole.query_offsets[s + 1]; ++j) {
        S logit(0);
        for (Index a = 0; a < d1; ++a) {
          for (Index c = 0; c < d2; ++c) {
            logit += x[static_cast<std::size_t>(a * d2 + c)] * S(whole.a1(j, a) * whole.a2(k, c));
          }
        }
        sum += S(0.5 * whole.query_weights[j] * whole.query_weights[j]) * logit * logit;
      }
      for (Index i = 0; i < e; ++i) {
        S output(0);
        for (Index c = 0; c < d3; ++c)
          output += S(whole.values()(k, c)) * y[static_cast<std::size_t>(c * e + i)];
        sum += S(0.5 * whole.key_weights[k] * whole.key_weights[k]) * output * output;
      }
    }
  }
  return sum;
}

/// The whole objective L(X, Y).
template <class S>
S plain_loss(const WholeAttention& whole, const std::vector<S>& x, const std::vector<S>& y) {
  S sum = plain_regulariser(whole, x, y);
  for (const S& c : plain_residual(whole, x, y)) sum += S(0.5) * c * c;
  return sum;
}

}  // namespace attnewton::testing_support
