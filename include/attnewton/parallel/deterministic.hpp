// Loops and sums over tasks whose results do not depend on how TBB schedules them.
#pragma once

#include <utility>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Runs `task(i)` for i in [0, count) on TBB's threads, each i a task of its own: for tasks of a tile's size
/// that write to disjoint places.
template <class Task>
void for_each_task(Index count, Task&& task) {
  using Tasks = oneapi::tbb::blocked_range<Index>;
  oneapi::tbb::parallel_for(
      Tasks(0, count, 1),
      [&task](const Tasks& tasks) {
        for (Index i = tasks.begin(); i < tasks.end(); ++i) task(i);
      },
      oneapi::tbb::simple_partitioner{});
}

/// Sum over i in [0, count) of `term(i)`, added in an order fixed by `count` alone: the same bits for any
/// number of threads (tbb::parallel_reduce gives others from run to run).
template <class Sum, class Term>
Sum deterministic_sum(Index count, const Sum& zero, Term&& term) {
  using Tasks = oneapi::tbb::blocked_range<Index>;
  return oneapi::tbb::parallel_deterministic_reduce(
      Tasks(0, count, 1), zero,
      [&term](const Tasks& tasks, Sum sum) {
        for (Index i = tasks.begin(); i < tasks.end(); ++i) sum += term(i);
        return sum;
      },
      [](Sum left, const Sum& right) {
        left += right;
        return left;
      });
}

}  // namespace attnewton
