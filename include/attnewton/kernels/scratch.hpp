// Memory that a thread uses again for task after task.
#pragma once

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Takes memory from its thread's stack of scratch and gives it back at its end: no task pays for fresh
/// pages. The stack grows to what the thread's largest task needs and stays. Frames nest; each must end in
/// the thread that began it, before those that were there first.
class ScratchFrame {
 public:
  ScratchFrame();
  ~ScratchFrame();
  ScratchFrame(const ScratchFrame&) = delete;
  ScratchFrame& operator=(const ScratchFrame&) = delete;

  /// `count` numbers of type T, not initialised, aligned to 64 bytes; good for the frame's life time.
  template <class T>
  T* take(Index count) {
    return static_cast<T*>(take_bytes(count * static_cast<Index>(sizeof(T))));
  }

 private:
  void* take_bytes(Index bytes);

  Index slab_;  // where the stack stood at the beginning
  Index used_;
};

}  // namespace attnewton
