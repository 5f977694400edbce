// A Newton iteration of a dense regression on random rows, beside the dsyrk that it contains.
#pragma once

#include <cstdint>

#include "attnewton/bench/operation_count.hpp"
#include "attnewton/bench/repetition.hpp"
#include "attnewton/problems/regression.hpp"

namespace attnewton {

/// Softmax regression of exp on n standard normal rows of width d, with a planted target.
struct RegressionCase {
  Index rows = 0;
  Index width = 0;
  std::uint64_t seed = 1;
};

enum class RegressionKernel {
  iteration,  ///< Hessian, Cholesky factor, step, loss and gradient where it leads to
  dsyrk       ///< AᵀA of the same A by BLAS, each thread on its share of the rows
};

/// Counted work. A dsyrk is n d (d + 1) operations; the iteration takes as many for the Gram matrix, 8 n d
/// for scores and gradient and d³/3 for the factor, and an exponential a row. Local.
OperationCount operations_of(RegressionKernel kernel, const RegressionCase& bench_case);

/// Bytes that a rank of `ranks` needs: an estimate, good to a few tens of percent. Local.
Index memory_bytes_of(const RegressionCase& bench_case, int ranks);

class RegressionBench {
 public:
  /// Collective on `comm`; cost O(n d) a rank.
  RegressionBench(const Communicator& comm, const RegressionCase& bench_case);

  /// Times a kernel: iterations one after another from the planted point (a solved problem goes on from its
  /// solution), or the faster of dsyrk's two triangles. Collective.
  Repetitions measure(RegressionKernel kernel, const RepetitionRule& rule) const;

 private:
  Repetitions measure_iterations(const RepetitionRule& rule) const;
  Repetitions measure_dsyrk(const RepetitionRule& rule) const;

  Vector planted_;  // made before the problem, with its data
  RegressionProblem problem_;
};

}  // namespace attnewton
