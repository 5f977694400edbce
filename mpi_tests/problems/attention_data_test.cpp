#include "attnewton/problems/attention_data.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

std::vector<SequenceRows> sequences_of(const std::vector<Index>& offsets) {
  return sequences_from_offsets(offsets, offsets);
}

TEST(AttentionData, SharesCoverEveryQueryOnceWithItsWholeSequence) {
  const std::vector<Index> offsets{0, 1, 6, 20, 23, 100};
  const auto sequences = sequences_of(offsets);
  for (const int ranks : {1, 2, 3, 5, 9, 150}) {
    const RowPartition partition = partition_queries(sequences, true, 3, ranks);
    std::vector<int> seen(100, 0);
    std::vector<int> key_owners(100, 0);
    for (int rank = 0; rank < ranks; ++rank) {
      const AttentionShare share = share_of_rank(sequences, partition, rank);
      for (const LocalSequence& local : share.sequences) {
        const Index first_query = share.queries.begin + local.queries.begin;
        const Index first_key = share.keys.begin + local.keys.begin;
        EXPECT_EQ(first_query - local.first_position, first_key)
            << "self-attention: a sequence's keys start with it";
        EXPECT_LE(share.keys.begin + local.keys.end, share.keys.end);
        for (Index q = local.queries.begin; q < local.queries.end; ++q)
          ++seen[static_cast<std::size_t>(share.queries.begin + q)];
        if (!local.owns_keys) continue;
        for (Index k = local.keys.begin; k < local.keys.end; ++k)
          ++key_owners[static_cast<std::size_t>(share.keys.begin + k)];
      }
    }
    EXPECT_EQ(seen, std::vector<int>(100, 1)) << ranks;
    EXPECT_EQ(key_owners, std::vector<int>(100, 1)) << ranks;
  }
}

TEST(AttentionData, TilesCoverRowsAndAreCutAtTheSamePositionsWhoeverHoldsThem) {
  const auto sequences = sequences_of({0, 300, 310});
  for (const int ranks : {1, 3}) {
    const RowPartition partition = partition_queries(sequences, true, 2, ranks);
    for (int rank = 0; rank < ranks; ++rank) {
      const AttentionShare share = share_of_rank(sequences, partition, rank);
      Index next = 0;
      for (const AttentionTile& tile : make_tiles(share.sequences, true)) {
        EXPECT_EQ(tile.queries.begin, next);
        next = tile.queries.end;
        const Index last = tile.first_position + tile.queries.size();
        EXPECT_EQ(tile.keys.size(), last) << "a causal tile sees keys up to its last row";
        EXPECT_EQ(tile.first_position / 64, (last - 1) / 64) << "cut at multiples of 64 rows";
        EXPECT_EQ(tile.visible(0), tile.first_position + 1);
      }
      EXPECT_EQ(next, share.queries.size());
    }
  }
}

TEST(AttentionData, TilesHaveAsManyRowsForAnyNumberOfKeys) {
  for (const Index keys : {1, 100, 20000, 131072, 10000000}) {
    const std::vector<LocalSequence> sequences = {{.queries = {0, 130}, .keys = {0, keys}}};
    const auto tiles = make_tiles(sequences, false);
    ASSERT_EQ(tiles.size(), 3U);
    EXPECT_EQ(tiles[0].queries.size(), 64);
    EXPECT_EQ(tiles[2].queries.size(), 2);
    EXPECT_EQ(tiles[1].keys.size(), keys);
  }
}

TEST(AttentionData, RefusesUnequalNumbersOfSequences) {
  const std::vector<Index> two{0, 3, 5};
  const std::vector<Index> one{0, 5};
  EXPECT_THROW(sequences_from_offsets(two, one), UsageError);
}

}  // namespace
}  // namespace attnewton
