// How much memory a rank needs for an attention problem.
#pragma once

#include "attnewton/problems/attention.hpp"

namespace attnewton {

/// Bytes that this rank needs, inputs, point, Hessian and its factor together: an estimate, good to a few
/// tens of percent. Local.
Index attention_memory_bytes(const AttentionProblem& problem);

}  // namespace attnewton
