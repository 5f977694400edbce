// How many BLAS threads a rank gives to a ScaLAPACK call. Private to linalg.
#pragma once

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/parallel/threads.hpp"

namespace attnewton {

/// All that oneTBB may use, or one when the rank's share of `matrix` is so small that OpenBLAS takes longer
/// to wake its threads than one of them takes for the work.
inline int scalapack_threads(const DistributedMatrix& matrix) {
  constexpr Index share_worth_threads = Index{512} * 512;
  return matrix.local().size() < share_worth_threads ? 1 : thread_limit();
}

}  // namespace attnewton
