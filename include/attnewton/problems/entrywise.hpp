// Functions of one number, taken entry by entry with their first two derivatives.
#pragma once

#include <algorithm>

#include "attnewton/core/types.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {

/// φ, φ′ and φ″ at a number.
struct Derivatives {
  double value;
  double slope;
  double curvature;
};

/// φ, φ′ and φ″ of a vector, entry by entry.
struct EntrywiseValues {
  Vector value;
  Vector slope;
  Vector curvature;
};

/// Calls f(i) for i in [0, count), some thousands a task on TBB's threads. Local.
template <class F>
void for_each_entry(Index count, const F& f) {
  constexpr Index entries_a_task = 4096;
  for_each_task((count + entries_a_task - 1) / entries_a_task, [&](Index task) {
    const Index end = std::min(count, (task + 1) * entries_a_task);
    for (Index i = task * entries_a_task; i < end; ++i) f(i);
  });
}

/// f(z_i) of each entry; f gives Derivatives. Local, on TBB's threads.
template <class F>
EntrywiseValues evaluate_entrywise(const Vector& z, const F& f) {
  EntrywiseValues values{Vector(z.size()), Vector(z.size()), Vector(z.size())};
  for_each_entry(z.size(), [&](Index i) {
    const Derivatives at = f(z[i]);
    values.value[i] = at.value;
    values.slope[i] = at.slope;
    values.curvature[i] = at.curvature;
  });
  return values;
}

}  // namespace attnewton
