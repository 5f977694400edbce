// What the tests of the kernels share: a run for every instruction set and scalar type, numbers, memory that
// shows what was written beside it, errors in units of what is allowed.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/tile_kernels.hpp"

namespace attnewton::testing_support {

using Size = std::ptrdiff_t;
/// What expected values are computed in.
using Exact = long double;

template <class Real>
constexpr Exact epsilon = std::numeric_limits<Real>::epsilon();
template <class Real>
constexpr Real infinity = std::numeric_limits<Real>::infinity();
template <class Real>
constexpr Real nan_of = std::numeric_limits<Real>::quiet_NaN();

inline std::size_t at(Size i) {
  return static_cast<std::size_t>(i);
}

/// A test that runs for every instruction set of this machine.
class KernelTest : public testing::TestWithParam<InstructionSet> {
 protected:
  /// Calls f with the table in double and with that in float.
  template <class F>
  void in_both_types(F&& f) const {
    {
      SCOPED_TRACE("double");
      f(tile_kernels<double>(GetParam()));
    }
    SCOPED_TRACE("float");
    f(tile_kernels<float>(GetParam()));
  }

  /// Calls f(table, vectors) for every width a block may have.
  template <class F>
  void at_every_width(F&& f) const {
    in_both_types([&](const auto& kernels) {
      for (Size vectors = 1; vectors <= kernels.most_vectors; ++vectors) {
        SCOPED_TRACE(std::to_string(vectors) + " vectors");
        f(kernels, vectors);
      }
    });
  }
};

inline std::string name_of_set(const testing::TestParamInfo<InstructionSet>& test) {
  return std::string(name_of(test.param));
}

#define ATTNEWTON_FOR_EVERY_SET(suite) \
  INSTANTIATE_TEST_SUITE_P(Kernels, suite, testing::ValuesIn(available_instruction_sets()), name_of_set)

/// Numbers that are the same on every machine.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : generator_(seed) {}

  std::uint64_t bits() { return generator_(); }
  double uniform(double low, double high) {
    return low + (high - low) * std::ldexp(static_cast<double>(generator_() >> 11), -53);
  }
  template <class Real>
  std::vector<Real> uniforms(Size count, double low = -1, double high = 1) {
    std::vector<Real> numbers(at(count));
    for (Real& x : numbers) x = static_cast<Real>(uniform(low, high));
    return numbers;
  }

 private:
  std::mt19937_64 generator_;
};

/// A matrix of rows that are `stride` apart, off the vectors' alignment, with marks around it and between its
/// rows.
template <class T>
class Field {
 public:
  Field(Size rows, Size columns, Size stride)
      : rows_(rows), columns_(columns), stride_(stride), cells_(at(2 * margin + rows * stride), mark) {}

  T* data() { return cells_.data() + margin; }
  Size stride() const { return stride_; }
  T& operator()(Size r, Size c) { return cells_[at(margin + r * stride_ + c)]; }

  void fill(Numbers& numbers, double low = -1, double high = 1) {
    for (Size r = 0; r < rows_; ++r) {
      for (Size c = 0; c < columns_; ++c) (*this)(r, c) = static_cast<T>(numbers.uniform(low, high));
    }
  }

  /// Whether all that does not belong to the matrix is as it was.
  bool is_clean_outside() const {
    for (Size i = 0; i < static_cast<Size>(cells_.size()); ++i) {
      const Size inside = i - margin;
      const bool owned =
          inside >= 0 && stride_ > 0 && inside / stride_ < rows_ && inside % stride_ < columns_;
      if (!owned && cells_[at(i)] != mark) return false;
    }
    return true;
  }

 private:
  static constexpr Size margin = 67;
  static constexpr T mark = T{-12345.5};
  Size rows_;
  Size columns_;
  Size stride_;
  std::vector<T> cells_;
};

/// The largest error of many numbers, in units of what each may have.
class Worst {
 public:
  void see(Exact got, Exact expected, Exact allowed) {
    worst_ = std::max(worst_, ratio(got, expected, allowed));
  }
  /// At most 1 when no error was larger than allowed.
  Exact ratio() const { return worst_; }

 private:
  static Exact ratio(Exact got, Exact expected, Exact allowed) {
    if (got == expected || (std::isnan(got) && std::isnan(expected))) return 0;
    const Exact ratio = std::abs(got - expected) / allowed;
    return std::isnan(ratio) ? infinity<Exact> : ratio;
  }

  Exact worst_ = 0;
};

}  // namespace attnewton::testing_support
