// Which vector instructions the kernels use on this processor.
#pragma once

#include <string_view>
#include <vector>

namespace attnewton {

/// Kernels that were compiled, slowest first.
enum class InstructionSet {
  portable,  ///< what the compiler takes for granted on this architecture
  avx2,      ///< AVX2 and FMA
  avx512,    ///< AVX-512 F, DQ, BW and VL
};

std::string_view name_of(InstructionSet set);

/// Those that were compiled and that this processor can run, slowest first; `portable` is always among them.
std::vector<InstructionSet> available_instruction_sets();

/// The one in use: the fastest, unless the environment variable ATTNEWTON_KERNELS names another (portable,
/// avx2 or avx512). Throws UsageError if it names none, or one that this processor cannot run. The same for
/// the whole run.
InstructionSet instruction_set();

}  // namespace attnewton
