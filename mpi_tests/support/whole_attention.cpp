#include "support/whole_attention.hpp"

#include <numeric>

#include "attnewton/random/stream.hpp"

namespace attnewton::testing_support {
namespace {

std::vector<Index> offsets_of(const std::vector<Index>& lengths) {
  std::vector<Index> offsets{0};
  for (const Index length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

Matrix random_matrix(std::uint64_t seed, Index rows, Index columns) {
  return RandomStream(seed, RandomPurpose::inputs).normal_rows({0, rows}, columns);
}

}  // namespace

WholeAttention make_whole(const WholeShape& shape, std::uint64_t seed) {
  WholeAttention whole;
  whole.name = shape.name;
  whole.query_offsets = offsets_of(shape.query_lengths);
  whole.key_offsets = shape.self_attention ? whole.query_offsets : offsets_of(shape.key_lengths);
  const Index n = whole.query_offsets.back();
  const Index m = whole.key_offsets.back();
  whole.a1 = random_matrix(seed, n, shape.d1);
  whole.a2 = shape.self_attention ? whole.a1 : random_matrix(seed + 1, m, shape.d2);
  whole.separate_values = shape.separate_values;
  if (shape.separate_values) whole.a3 = random_matrix(seed + 2, m, shape.d3);
  whole.b = random_matrix(seed + 3, n, shape.e);
  whole.causal = shape.causal;
  whole.scale = shape.scale;
  whole.ridge = shape.ridge;
  if (shape.weighted) {
    whole.query_weights = random_matrix(seed + 4, n, 1).col(0).cwiseAbs();
    whole.key_weights =
        n == m ? whole.query_weights : Vector(random_matrix(seed + 5, m, 1).col(0).cwiseAbs());
  }
  return whole;
}

std::vector<WholeShape> test_shapes() {
  return {
      {.name = "one row, one column", .query_lengths = {1}, .d1 = 1, .d2 = 1, .d3 = 1, .e = 1},
      {.name = "self-attention", .query_lengths = {13}},
      {.name = "causal", .query_lengths = {11}, .causal = true},
      {.name = "causal sequences", .query_lengths = {1, 5, 2, 7}, .causal = true, .scale = 0.5},
      {.name = "weighted sequences", .query_lengths = {4, 6, 3}, .weighted = true, .scale = 2, .ridge = 0},
      {.name = "weights and ridge, causal",
       .query_lengths = {7, 4},
       .e = 1,
       .causal = true,
       .weighted = true},
      {.name = "separate values",
       .query_lengths = {9, 3},
       .d3 = 2,
       .e = 3,
       .separate_values = true,
       .causal = true,
       .scale = 0.7},
      {.name = "cross-attention",
       .query_lengths = {5, 8},
       .key_lengths = {7, 3},
       .d1 = 2,
       .d2 = 4,
       .d3 = 4,
       .self_attention = false},
      {.name = "cross-attention, separate values, weights",
       .query_lengths = {3, 1, 6},
       .key_lengths = {2, 5, 4},
       .d1 = 4,
       .d2 = 2,
       .d3 = 3,
       .e = 2,
       .self_attention = false,
       .separate_values = true,
       .weighted = true,
       .scale = 1.3},
  };
}

Range queries_of_rank(const WholeAttention& whole, int ranks, int rank) {
  const auto sequences = sequences_from_offsets(whole.query_offsets, whole.key_offsets);
  const auto partition = partition_queries(sequences, whole.causal, whole.a2.cols(), ranks);
  return share_of_rank(sequences, partition, rank).queries;
}

AttentionData make_data(const WholeAttention& whole, int ranks, int rank) {
  const auto sequences = sequences_from_offsets(whole.query_offsets, whole.key_offsets);
  const auto partition = partition_queries(sequences, whole.causal, whole.a2.cols(), ranks);
  const AttentionShare share = share_of_rank(sequences, partition, rank);
  AttentionData data;
  data.queries = whole.a1.middleRows(share.queries.begin, share.queries.size());
  data.keys = whole.a2.middleRows(share.keys.begin, share.keys.size());
  data.values_are_keys = !whole.separate_values;
  if (whole.separate_values) data.separate_values = whole.a3.middleRows(share.keys.begin, share.keys.size());
  data.target = whole.b.middleRows(share.queries.begin, share.queries.size());
  data.sequences = share.sequences;
  data.causal = whole.causal;
  data.scale = whole.scale;
  return data;
}

AttentionProblem make_problem(const Communicator& comm, const WholeAttention& whole,
                              AttentionVariables variables, Precision precision) {
  const auto sequences = sequences_from_offsets(whole.query_offsets, whole.key_offsets);
  const auto partition = partition_queries(sequences, whole.causal, whole.a2.cols(), comm.size());
  const AttentionShare share = share_of_rank(sequences, partition, comm.rank());
  RegulariserOptions regulariser;
  regulariser.ridge = whole.ridge;
  if (whole.query_weights.size() > 0) {
    regulariser.query_weights = whole.query_weights.segment(share.queries.begin, share.queries.size());
    regulariser.key_weights = whole.key_weights.segment(share.keys.begin, share.keys.size());
  }
  return AttentionProblem(comm, make_data(whole, comm.size(), comm.rank()), regulariser, variables,
                          precision);
}

Vector test_point(const AttentionProblem& problem, std::uint64_t seed) {
  const RandomStream stream(seed, RandomPurpose::start);
  Vector theta(problem.unknowns());
  for (Index i = 0; i < theta.size(); ++i) theta[i] = 0.5 * stream.normal(i);
  return theta;
}

}  // namespace attnewton::testing_support
