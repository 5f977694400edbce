// The Walsh–Hadamard transform and the sketches of a Kronecker product's factors on random rows, to be timed.
#pragma once

#include <cstdint>

#include "attnewton/bench/operation_count.hpp"
#include "attnewton/bench/repetition.hpp"
#include "attnewton/linalg/row_matrix.hpp"

namespace attnewton {

/// Rows A (n × d), standard normal, and sketches of A ⊗ A of as many rows as tensor_sketch_rows() takes by
/// default.
struct SketchCase {
  Index rows = 0;
  Index width = 0;
  std::uint64_t seed = 1;
};

enum class SketchKernel {
  walsh_hadamard,  ///< of N × d numbers, N the power of two from n on, by each rank of a matrix of its own
  tensor_srht,     ///< TensorSRHT's two factors, of rows shared out to ranks, summed over them
  tensor_sparse    ///< TensorSparse's two factors and their spectra, likewise
};

/// "walsh-hadamard", "tensor-srht" or "tensor-sparse".
const char* to_string(SketchKernel kernel);

/// Counted work of all ranks. The transform: N log₂ N d additions a rank. TensorSRHT, of m rows: (N log₂
/// min(N, m) + m) d for each factor, what m sampled rows and their signs need at least. TensorSparse, of s
/// blocks of b rows: s n d additions and ½ · 5 m log₂ b d of real Fourier transforms for each factor. Local.
OperationCount operations_of(SketchKernel kernel, const SketchCase& bench_case, int ranks);

/// Bytes that a rank of `ranks` needs: an estimate, good to a few tens of percent. Local.
Index memory_bytes_of(SketchKernel kernel, const SketchCase& bench_case, int ranks);

class SketchBench {
 public:
  /// Collective on `comm`; cost O(n d / P) a rank.
  SketchBench(const Communicator& comm, const SketchCase& bench_case);

  /// Times a kernel. Collective.
  Repetitions measure(SketchKernel kernel, const RepetitionRule& rule) const;

 private:
  Repetitions measure_walsh_hadamard(const RepetitionRule& rule) const;
  Repetitions measure_tensor_srht(const RepetitionRule& rule) const;
  Repetitions measure_tensor_sparse(const RepetitionRule& rule) const;

  Communicator comm_;
  SketchCase case_;
  Range rows_;
  RowMatrix a_;
  Vector scale_;
};

}  // namespace attnewton
