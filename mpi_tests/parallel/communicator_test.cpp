#include "attnewton/parallel/communicator.hpp"

#include <chrono>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {
namespace {

Communicator comm_of_test() {
  return Communicator::world();
}

TEST(Communicator, SumsMaximaAndMinima) {
  const auto comm = comm_of_test();
  const Index p = comm.size();
  EXPECT_EQ(comm.sum(Index{comm.rank() + 1}), p * (p + 1) / 2);
  EXPECT_EQ(comm.max(Index{comm.rank()}), p - 1);
  EXPECT_EQ(comm.min(Index{comm.rank() + 5}), 5);
  EXPECT_DOUBLE_EQ(comm.max(0.5 * comm.rank()), 0.5 * static_cast<double>(p - 1));
}

TEST(Communicator, BroadcastsTextsOfAnyLength) {
  const auto comm = comm_of_test();
  const int last = comm.size() - 1;
  const std::string mine = comm.rank() == last ? "text of the last rank" : std::string(1000, 'x');
  EXPECT_EQ(comm.broadcast(mine, last), "text of the last rank");
  EXPECT_EQ(comm.broadcast(std::string{}, 0), "");
}

TEST(Communicator, GathersInRankOrder) {
  const auto comm = comm_of_test();
  const auto texts = comm.all_gather("rank " + std::to_string(comm.rank()));
  for (int r = 0; r < comm.size(); ++r)
    EXPECT_EQ(texts[static_cast<std::size_t>(r)], "rank " + std::to_string(r));
}

// Part r for rank r: rank · 100 + r, r times; so rank 0 receives nothing.
TEST(Communicator, ExchangesArriveInRankOrderWhileTheRanksGoOn) {
  const auto comm = comm_of_test();
  const auto ranks = static_cast<std::size_t>(comm.size());
  std::vector<Index> send_counts(ranks);
  std::iota(send_counts.begin(), send_counts.end(), 0);
  std::vector<double> send;
  for (int to = 0; to < comm.size(); ++to)
    send.insert(send.end(), static_cast<std::size_t>(to), 100.0 * comm.rank() + to);
  const std::vector<Index> receive_counts(ranks, comm.rank());
  PendingExchange pending = comm.start_exchange(send, send_counts, receive_counts);
  PendingExchange other = comm.start_exchange(send, send_counts, receive_counts);
  pending.progress();
  EXPECT_EQ(comm.sum(1.0), comm.size());  // collectives in between
  PendingExchange moved = std::move(pending);
  const std::vector<double> second = other.wait();
  const std::vector<double> first = moved.wait();
  EXPECT_EQ(moved.wait(), first);
  EXPECT_EQ(first, second);
  ASSERT_EQ(first.size(), ranks * static_cast<std::size_t>(comm.rank()));
  for (int from = 0, i = 0; from < comm.size(); ++from) {
    for (int k = 0; k < comm.rank(); ++k, ++i)
      EXPECT_EQ(first[static_cast<std::size_t>(i)], 100.0 * from + comm.rank());
  }
}

// An error unwinds one rank while the others are late: what they send later must not land in freed memory.
TEST(Communicator, AnErrorLeavesMpiItsBuffers) {
  const auto comm = comm_of_test();
  const auto ranks = static_cast<std::size_t>(comm.size());
  constexpr Index length = 200'000;
  const std::vector<Index> counts(ranks, length);
  const std::vector<double> send(ranks * length, comm.rank());
  if (comm.is_root()) {
    try {
      const PendingExchange pending = comm.start_exchange(send, counts, counts);
      throw DataError("in between");
    } catch (const Error&) {
    }
    comm.barrier();
  } else {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    PendingExchange pending = comm.start_exchange(send, counts, counts);
    comm.barrier();
    pending.progress();
  }
  EXPECT_EQ(comm.sum(1.0), comm.size());
}

TEST(Communicator, PartsBeyondMpisIntAreRefused) {
  const auto comm = Communicator::self();
  const std::vector<Index> counts{Index{1} << 31};
  EXPECT_THROW(comm.start_exchange({}, counts, counts), InternalError);
}

TEST(Agreement, EveryRankThrowsTheFirstFailingRanksError) {
  const auto comm = comm_of_test();
  const int culprit = comm.size() - 1;
  try {
    agree_on_errors(comm, [&] {
      if (comm.rank() == culprit) throw DataError("row 7 is NaN");
    });
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    const std::string expected =
        comm.size() == 1 ? "row 7 is NaN" : "row 7 is NaN (on rank " + std::to_string(culprit) + ")";
    EXPECT_EQ(error.what(), expected);
  }
}

TEST(Agreement, TheLowestOfSeveralFailingRanksSpeaks) {
  const auto comm = comm_of_test();
  if (comm.size() < 3) GTEST_SKIP() << "needs three ranks";
  try {
    agree_on_errors(comm, [&] {
      if (comm.rank() == 1) throw IoError("from rank one");
      if (comm.rank() == 2) throw DataError("from rank two");
    });
    FAIL() << "no error";
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(), "from rank one (on rank 1)");
  }
}

TEST(Agreement, IsSilentWhenAllIsWell) {
  int runs = 0;
  agree_on_errors(comm_of_test(), [&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace attnewton
