#include "attention_kronecker_terms.hpp"

#include <vector>

#include "attnewton/curvature/kronecker_weights.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "shared_sequences.hpp"

namespace attnewton {
namespace {

// p_j = A₂ᵀf_j of the local query rows: T where the values are the keys.
Matrix mean_keys(const AttentionProblem& problem, const AttentionPoint& point) {
  const AttentionData& data = problem.data();
  if (data.values_are_keys) return point.at.mixed;
  const AttentionOperands<double> keys(data.keys);
  const Matrix scaled_x = data.scale * point.x;
  const Operand<double> x(scaled_x);
  Matrix means(data.queries.rows(), data.key_width());
  Vector log_sum(data.queries.rows());
  for_each_task(static_cast<Index>(problem.tiles().size()), [&](Index t) {
    AttentionTilePass<double> pass(data.queries, keys, problem.tiles()[static_cast<std::size_t>(t)]);
    pass.softmax_mix(pass.queries_times(x), means, log_sum);
  });
  return means;
}

// vech(Aᵀ diag(weights) A) of rows `range`; weights ≥ 0 belong to these rows.
void pack_gram(const Matrix& a, const Vector& weights, double* out) {
  const Matrix weighted = weights.cwiseSqrt().asDiagonal() * a;
  Matrix gram(a.cols(), a.cols());
  symmetric_product(Triangle::lower, weighted, gram);
  pack_symmetric(gram, out);
}

}  // namespace

KroneckerTerms attention_kronecker_terms(const AttentionProblem& problem, const AttentionPoint& point) {
  const AttentionData& data = problem.data();
  const KroneckerWeights weights = kronecker_weights(problem, point);
  const Matrix means = mean_keys(problem, point);
  const Index count = static_cast<Index>(data.sequences.size());
  const Index size = packed_size(data.key_width());
  KroneckerTerms terms{Matrix(count, packed_size(data.query_width())), Matrix(count, size)};
  // Σ_j v_j (p_j − ā)(p_j − ā)ᵀ and Σ_j v_j. Relative to the plain mean ā of the keys, which no Q_s depends
  // on, that differs less from Σ_k: fewer digits are lost.
  Matrix spread(count, size + 1);
  for_each_task(count, [&](Index s) {
    const LocalSequence& sequence = data.sequences[static_cast<std::size_t>(s)];
    const Range queries = sequence.queries;
    const Vector v = weights.queries.segment(queries.begin, queries.size());
    Matrix keys = data.keys.middleRows(sequence.keys.begin, sequence.keys.size());
    const Eigen::RowVectorXd mean = keys.colwise().mean();
    keys.rowwise() -= mean;
    Matrix p = means.middleRows(queries.begin, queries.size());
    p.rowwise() -= mean;
    pack_gram(data.queries.middleRows(queries.begin, queries.size()), data.scale * data.scale * v,
              terms.lefts.row(s).data());
    pack_gram(keys, weights.keys.segment(sequence.keys.begin, sequence.keys.size()),
              terms.rights.row(s).data());
    pack_gram(p, v, spread.row(s).data());
    spread(s, size) = v.sum();
  });
  sum_over_shared_sequences(problem.comm(), data, spread);
  for (Index s = 0; s < count; ++s) {
    if (spread(s, size) > 0) terms.rights.row(s) -= spread.row(s).head(size) / spread(s, size);
  }
  return terms;
}

}  // namespace attnewton
