#include "attnewton/problems/attention_data.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {

std::vector<SequenceRows> sequences_from_offsets(std::span<const Index> query_offsets,
                                                 std::span<const Index> key_offsets) {
  if (query_offsets.size() != key_offsets.size()) {
    throw UsageError(fmt::format("{} query sequences but {} key sequences: each needs its own keys",
                                 query_offsets.size() - 1, key_offsets.size() - 1));
  }
  std::vector<SequenceRows> sequences;
  for (std::size_t s = 0; s + 1 < query_offsets.size(); ++s) {
    sequences.push_back({{query_offsets[s], query_offsets[s + 1]}, {key_offsets[s], key_offsets[s + 1]}});
  }
  return sequences;
}

RowPartition partition_queries(std::span<const SequenceRows> sequences, bool causal, Index key_width,
                               int ranks, Index granule) {
  // Per row d²(visible + 1.5 d²) multiply-adds, of which a common factor does not matter.
  const double row_work = 1.5 * static_cast<double>(key_width * key_width);
  std::vector<double> work;
  std::vector<Index> starts;
  for (const SequenceRows& sequence : sequences) {
    starts.push_back(sequence.queries.begin);
    for (Index position = 0; position < sequence.queries.size(); ++position) {
      work.push_back(row_work + static_cast<double>(causal ? position + 1 : sequence.keys.size()));
    }
  }
  return partition_by_work(work, ranks, {.preferred = starts, .granule = granule});
}

AttentionShare share_of_rank(std::span<const SequenceRows> sequences, const RowPartition& partition,
                             int rank) {
  AttentionShare share;
  share.queries = partition.range(rank);
  if (share.queries.empty()) return share;
  const auto first = std::find_if(sequences.begin(), sequences.end(), [&](const SequenceRows& sequence) {
    return sequence.queries.end > share.queries.begin;
  });
  share.keys = {first->keys.begin, first->keys.begin};
  for (auto sequence = first; sequence != sequences.end() && sequence->queries.begin < share.queries.end;
       ++sequence) {
    const Index begin = std::max(sequence->queries.begin, share.queries.begin);
    const Index end = std::min(sequence->queries.end, share.queries.end);
    share.keys.end = sequence->keys.end;
    share.sequences.push_back(
        {.queries = {begin - share.queries.begin, end - share.queries.begin},
         .keys = {sequence->keys.begin - share.keys.begin, sequence->keys.end - share.keys.begin},
         .first_position = begin - sequence->queries.begin,
         .owns_keys = begin == sequence->queries.begin});
  }
  return share;
}

std::vector<AttentionTile> make_tiles(std::span<const LocalSequence> sequences, bool causal) {
  std::vector<AttentionTile> tiles;
  for (const LocalSequence& sequence : sequences) {
    const Index end_position = sequence.first_position + sequence.queries.size();
    for (Index position = sequence.first_position; position < end_position;) {
      const Index next = std::min(end_position, (position / most_tile_rows + 1) * most_tile_rows);
      const Index query = sequence.queries.begin + position - sequence.first_position;
      const Index visible = causal ? next : sequence.keys.size();
      tiles.push_back({.queries = {query, query + next - position},
                       .keys = {sequence.keys.begin, sequence.keys.begin + visible},
                       .first_position = position,
                       .causal = causal});
      position = next;
    }
  }
  return tiles;
}

}  // namespace attnewton
