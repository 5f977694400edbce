// The attention kernels on random inputs of any shape, to be timed.
#pragma once

#include <cstdint>

#include "attnewton/bench/operation_count.hpp"
#include "attnewton/bench/repetition.hpp"

namespace attnewton {

/// A self-attention problem to time kernels on.
struct AttentionCase {
  Index rows = 0;             ///< n = m
  Index width = 0;            ///< d₁ = d₂ = d₃
  Index output_width = 0;     ///< e
  Index sequence_length = 0;  ///< from 1 to rows; the last sequence may be shorter
  bool causal = false;
  AttentionVariables variables = AttentionVariables::joint;
  HessianForm hessian = HessianForm::exact;
  Precision precision = Precision::full;
  std::uint64_t seed = 1;
};

enum class AttentionKernel { gradient, hessian_vector, assembly };

/// The counted work of a kernel in this case. Local.
OperationCount operations_of(AttentionKernel kernel, const AttentionCase& bench_case);

/// Bytes that a rank of `ranks` needs to time a kernel: an estimate, good to a few tens of percent. Local.
Index memory_bytes_of(AttentionKernel kernel, const AttentionCase& bench_case, int ranks);

/// A case's inputs, standard normal, and a random θ with a residual: logits and outputs have a standard
/// deviation of about 1, as the target has. Nothing is planted, since that alone would cost as much as a
/// kernel.
class AttentionBench {
 public:
  /// The same problem on any number of ranks. Collective on `comm`; cost O(n d) a rank.
  AttentionBench(const Communicator& comm, const AttentionCase& bench_case);

  /// Times a kernel: loss and gradient at θ, a Hessian–vector product there, or the Hessian's assembly into
  /// block-cyclic storage. What these share with others (the point, H's storage) is made before. Collective.
  Repetitions measure(AttentionKernel kernel, const RepetitionRule& rule) const;

 private:
  Repetitions measure_gradient(const RepetitionRule& rule) const;
  Repetitions measure_hessian_vector(const RepetitionRule& rule) const;
  Repetitions measure_assembly(const RepetitionRule& rule) const;

  AttentionCase case_;
  AttentionProblem problem_;
  Vector theta_;
};

}  // namespace attnewton
