#include "attnewton/kernels/scratch.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace attnewton {
namespace {

constexpr std::size_t alignment = 64;
constexpr Index smallest_slab_bytes = Index{1} << 20;

struct Release {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{alignment}); }
};

struct Slab {
  std::unique_ptr<std::byte, Release> memory;
  Index bytes = 0;
};

struct Stack {
  std::vector<Slab> slabs;
  Index slab = 0;  // the top lies in this one
  Index used = 0;  // of it

  void add_slab(Index bytes) {
    auto* memory = static_cast<std::byte*>(
        ::operator new[](static_cast<std::size_t>(bytes), std::align_val_t{alignment}));
    slabs.push_back({std::unique_ptr<std::byte, Release>(memory), bytes});
  }

  // One slab in the place of several, so that the next task finds its memory in one piece.
  void merge() {
    Index total = 0;
    for (const Slab& s : slabs) total += s.bytes;
    slabs.clear();
    add_slab(total);
  }
};

Stack& stack_of_thread() {
  thread_local Stack stack;
  return stack;
}

}  // namespace

ScratchFrame::ScratchFrame() : slab_(stack_of_thread().slab), used_(stack_of_thread().used) {}

ScratchFrame::~ScratchFrame() {
  Stack& stack = stack_of_thread();
  stack.slab = slab_;
  stack.used = used_;
  if (slab_ == 0 && used_ == 0 && stack.slabs.size() > 1) {
    try {
      stack.merge();
    } catch (const std::bad_alloc&) {
      stack.slabs.clear();  // the next task may find memory, or say that there is none
    }
  }
}

void* ScratchFrame::take_bytes(Index bytes) {
  Stack& stack = stack_of_thread();
  const auto step = static_cast<Index>(alignment);
  const Index rounded = (bytes + step - 1) / step * step;
  while (stack.slab < static_cast<Index>(stack.slabs.size()) &&
         stack.used + rounded > stack.slabs[static_cast<std::size_t>(stack.slab)].bytes) {
    ++stack.slab;
    stack.used = 0;
  }
  if (stack.slab == static_cast<Index>(stack.slabs.size()))
    stack.add_slab(std::max(rounded, smallest_slab_bytes));
  void* taken = stack.slabs[static_cast<std::size_t>(stack.slab)].memory.get() + stack.used;
  stack.used += rounded;
  return taken;
}

}  // namespace attnewton
