// Scratch memory: aligned, disjoint, and the same again for the next task.
#include "attnewton/kernels/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace attnewton {
namespace {

constexpr Index megabyte = Index{1} << 20;

bool is_aligned(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 64 == 0;
}

// Memory that remembers what it was filled with.
struct Piece {
  unsigned char* data;
  Index bytes;
  unsigned char mark;

  Piece(ScratchFrame& frame, Index size, unsigned char value)
      : data(frame.take<unsigned char>(size)), bytes(size), mark(value) {
    std::fill_n(data, bytes, mark);
  }
  bool is_intact() const {
    return std::all_of(data, data + bytes, [this](unsigned char c) { return c == mark; });
  }
};

TEST(ScratchFrame, TakesAlignedPiecesThatDoNotOverlap) {
  ScratchFrame frame;
  std::vector<Piece> pieces;
  for (const Index bytes : {1, 63, 64, 65, 0, 1000, 300000, 2000000, 8, 900000, 5000000, 3})
    pieces.emplace_back(frame, bytes, static_cast<unsigned char>(pieces.size() + 1));
  for (const Piece& piece : pieces) {
    EXPECT_TRUE(is_aligned(piece.data));
    EXPECT_TRUE(piece.is_intact()) << piece.bytes;
  }
}

TEST(ScratchFrame, NestsAndGivesBackWhatTheInnerOneTook) {
  ScratchFrame outer;
  const Piece first(outer, 1000, 1);
  const unsigned char* inner_place = nullptr;
  for (int i = 0; i < 3; ++i) {
    ScratchFrame inner;
    const Piece second(inner, 5000, 2);
    if (inner_place == nullptr) inner_place = second.data;
    EXPECT_EQ(second.data, inner_place) << "the same memory again";
    ScratchFrame innermost;
    const Piece third(innermost, 3 * megabyte, 3);
    EXPECT_TRUE(first.is_intact() && second.is_intact() && third.is_intact());
  }
  EXPECT_TRUE(first.is_intact());
  const Piece fourth(outer, 10, 4);
  EXPECT_EQ(fourth.data, inner_place) << "the inner frame's memory is free";
  EXPECT_TRUE(first.is_intact());
}

// A task that needed several pieces of memory finds them in one the next time, and the same from then on.
TEST(ScratchFrame, GrowsOnceToWhatATaskNeeds) {
  const auto task = [] {
    std::vector<unsigned char*> places;
    places.reserve(5);
    ScratchFrame frame;
    for (int i = 0; i < 5; ++i) places.push_back(frame.take<unsigned char>(7 * megabyte));
    return places;
  };
  task();
  const auto second = task();
  for (std::size_t i = 1; i < second.size(); ++i) EXPECT_EQ(second[i], second[i - 1] + 7 * megabyte);
  EXPECT_EQ(task(), second);
}

TEST(ScratchFrame, IsAThreadsOwn) {
  ScratchFrame frame;
  const Piece mine(frame, 100000, 1);
  std::thread([] {
    ScratchFrame other;
    const Piece theirs(other, 100000, 2);
    EXPECT_TRUE(theirs.is_intact());
  }).join();
  EXPECT_TRUE(mine.is_intact());
}

TEST(ScratchFrame, CountsInNumbersOfTheType) {
  ScratchFrame frame;
  auto* doubles = frame.take<double>(17);
  const auto* next = frame.take<float>(1);
  EXPECT_GE(reinterpret_cast<std::uintptr_t>(next), reinterpret_cast<std::uintptr_t>(doubles + 17));
}

}  // namespace
}  // namespace attnewton
