// Vectors of an instruction set's lanes. The file that includes this one is compiled with that set's options
// and defines ATTNEWTON_VECTOR_BYTES, ATTNEWTON_MOST_VECTORS, ATTNEWTON_SUM_REGISTERS.
//
// Everything in the lane_* files has internal linkage and nothing from the standard library is called: an
// inline function that several such files share would be taken from any of them, with instructions that this
// processor may not have.
#pragma once

#include "attnewton/kernels/tile_kernels.hpp"

namespace attnewton {
namespace {

using Size = std::ptrdiff_t;

#define ATTNEWTON_INLINE [[gnu::always_inline]] inline

template <class Real>
struct VectorOf {
  using Type [[gnu::vector_size(ATTNEWTON_VECTOR_BYTES)]] = Real;
  using InMemory [[gnu::vector_size(ATTNEWTON_VECTOR_BYTES), gnu::aligned(alignof(Real)), gnu::may_alias]] =
      Real;
};

template <class Real>
using Vec = typename VectorOf<Real>::Type;

template <class Real>
constexpr Size lanes = ATTNEWTON_VECTOR_BYTES / Size{sizeof(Real)};

// NOLINTNEXTLINE(misc-definitions-in-headers): not inline, see above
constexpr Size most_vectors = ATTNEWTON_MOST_VECTORS;

template <class Real>
constexpr Real infinity = static_cast<Real>(__builtin_inf());

template <class Real>
ATTNEWTON_INLINE Vec<Real> load(const Real* p) {
  return *reinterpret_cast<const typename VectorOf<Real>::InMemory*>(p);
}

template <class Real>
ATTNEWTON_INLINE void store(Real* p, Vec<Real> v) {
  *reinterpret_cast<typename VectorOf<Real>::InMemory*>(p) = v;
}

template <class Real>
ATTNEWTON_INLINE Vec<Real> all(Real x) {
  return x - Vec<Real>{};
}

template <class Real>
ATTNEWTON_INLINE Vec<Real> larger(Vec<Real> a, Vec<Real> b) {
  return a > b ? a : b;
}

// Calls f with the number of vectors as a compile-time constant.
template <class F>
ATTNEWTON_INLINE auto with_vectors(Size vectors, F&& f) {
  if constexpr (most_vectors >= 4) {
    if (vectors == 4) return f.template operator()<4>();
    if (vectors == 3) return f.template operator()<3>();
  }
  if (vectors == 2) return f.template operator()<2>();
  return f.template operator()<1>();
}

}  // namespace
}  // namespace attnewton
