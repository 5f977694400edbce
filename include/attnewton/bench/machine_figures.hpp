// What the machine can do, measured on all ranks and threads at once: the limits that kernels are held
// against.
#pragma once

#include "attnewton/bench/repetition.hpp"

namespace attnewton {

/// An amount of work, all ranks' together, and how long it took.
struct Rate {
  double amount = 0;  ///< of a repetition
  Repetitions repetitions;

  double per_second() const { return amount / repetitions.median(); }
};

/// Bytes of memory that measure_dgemm() needs on this rank. Local.
Index dgemm_memory_bytes(Index side);

/// Operations of square products of double matrices, `side` × `side`, one a thread, all at once, each by a
/// single-threaded BLAS. Collective on `comm`, with BLAS as prepare_blas() leaves it.
Rate measure_dgemm(const Communicator& comm, Index side, const RepetitionRule& rule);

/// Exponentials that all threads take at once, of arguments in [−20, 0] that lie in a near cache. Collective.
Rate measure_double_exponentials(const Communicator& comm, const RepetitionRule& rule);
Rate measure_float_exponentials(const Communicator& comm, const RepetitionRule& rule);

/// Bytes of memory that measure_bandwidth() needs on this rank of `ranks`. Local.
Index bandwidth_memory_bytes(int ranks);

/// Bytes read and written by the triad a = b + s c of all threads at once, over arrays several times larger
/// than the last cache: 24 a number, as STREAM counts. Collective.
Rate measure_bandwidth(const Communicator& comm, const RepetitionRule& rule);

}  // namespace attnewton
