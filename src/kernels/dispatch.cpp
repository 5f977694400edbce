#include <algorithm>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/exp.hpp"
#include "attnewton/kernels/instruction_set.hpp"

#include "kernel_tables.hpp"

namespace attnewton {
namespace {

constexpr const char* variable = "ATTNEWTON_KERNELS";

std::string names(const std::vector<InstructionSet>& sets) {
  std::vector<std::string_view> names;
  names.reserve(sets.size());
  for (const InstructionSet set : sets) names.push_back(name_of(set));
  return fmt::format("{}", fmt::join(names, ", "));
}

InstructionSet chosen_set() {
  const std::vector<InstructionSet> available = available_instruction_sets();
  const char* wanted = std::getenv(variable);
  if (wanted == nullptr || *wanted == '\0') return available.back();
  for (const InstructionSet set : available) {
    if (name_of(set) == wanted) return set;
  }
  throw UsageError(fmt::format("the environment variable {} is '{}'; on this processor it may be one of: {}",
                               variable, wanted, names(available)));
}

template <class Real>
const TileKernels<Real>& table_of(InstructionSet set);

template <>
const TileKernels<double>& table_of(InstructionSet set) {
#ifdef ATTNEWTON_X86_KERNELS
  if (set == InstructionSet::avx512) return avx512_kernels_double;
  if (set == InstructionSet::avx2) return avx2_kernels_double;
#endif
  static_cast<void>(set);
  return portable_kernels_double;
}

template <>
const TileKernels<float>& table_of(InstructionSet set) {
#ifdef ATTNEWTON_X86_KERNELS
  if (set == InstructionSet::avx512) return avx512_kernels_float;
  if (set == InstructionSet::avx2) return avx2_kernels_float;
#endif
  static_cast<void>(set);
  return portable_kernels_float;
}

}  // namespace

std::string_view name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx2:
      return "avx2";
    case InstructionSet::avx512:
      return "avx512";
    default:
      return "portable";
  }
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> sets{InstructionSet::portable};
#ifdef ATTNEWTON_X86_KERNELS
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    sets.push_back(InstructionSet::avx2);
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0)
    sets.push_back(InstructionSet::avx512);
#endif
  return sets;
}

InstructionSet instruction_set() {
  static const InstructionSet set = chosen_set();
  return set;
}

template <class Real>
const TileKernels<Real>& tile_kernels(InstructionSet set) {
  return table_of<Real>(set);
}

template const TileKernels<double>& tile_kernels<double>(InstructionSet);
template const TileKernels<float>& tile_kernels<float>(InstructionSet);

void exponential(std::span<const double> x, std::span<double> y) {
  require(x.size() == y.size(), "exponential: x and y have one length");
  tile_kernels<double>(instruction_set())
      .exponential(static_cast<std::ptrdiff_t>(x.size()), x.data(), y.data());
}

void exponential(std::span<const float> x, std::span<float> y) {
  require(x.size() == y.size(), "exponential: x and y have one length");
  tile_kernels<float>(instruction_set())
      .exponential(static_cast<std::ptrdiff_t>(x.size()), x.data(), y.data());
}

}  // namespace attnewton
