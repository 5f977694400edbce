// The kernels themselves, compiled once for each instruction set: the file that includes this one is compiled
// with that set's options and defines ATTNEWTON_VECTOR_BYTES, ATTNEWTON_MOST_VECTORS,
// ATTNEWTON_SUM_REGISTERS.
//
// Everything here has internal linkage and nothing from the standard library is called: an inline function
// that several such files share would be taken from any of them, with instructions that this processor may
// not have.
#pragma once

#include <cstdint>
#include <utility>

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

constexpr Size most_vectors = ATTNEWTON_MOST_VECTORS;

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

// ---------------------------------------------------------------------------------------- exponential

// e^x = 2^k e^r, k = round(x / ln 2), |r| ≤ ln 2 / 2; e^r by a polynomial of least relative error among those
// with the first coefficients 1 + r (below 2e-17 and 2e-8).
template <class Real>
struct ExpConstants;

template <>
struct ExpConstants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr double log2_e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1;  // trailing zeros: k·ln2_high is exact
  static constexpr double ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double magic = 0x1.8p52;  // adding it rounds to an integer, in the low bits
  static constexpr double largest = 0x1.62e42fefa39efp+9;
  static constexpr double smallest_normal = -0x1.6232bdd7abcd2p+9;
  static constexpr double smallest = -745.5;
  static constexpr double polynomial[] = {2.510038549551032e-08,  2.7620088445409746e-07,
                                          2.7557268459997064e-06, 2.4801521295954376e-05,
                                          1.9841269863053618e-04, 1.3888888917213717e-03,
                                          8.333333333330062e-03,  4.166666666662413e-02,
                                          1.6666666666666669e-01, 0.5};
};

template <>
struct ExpConstants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr float log2_e = 0x1.715476p+0F;
  static constexpr float ln2_high = 0x1.62e4p-1F;
  static constexpr float ln2_low = 0x1.7f7d1cp-20F;
  static constexpr float magic = 0x1.8p23F;
  static constexpr float largest = 0x1.62e42ep+6F;
  static constexpr float smallest_normal = -0x1.5d589ep+6F;
  static constexpr float smallest = -104.0F;
  static constexpr float polynomial[] = {1.3926183587713494e-3F, 8.363179052722578e-3F,
                                         4.1666554617204574e-2F, 1.6666576989698775e-1F, 0.5F};
};

// 2^k of a vector that holds k + magic, k within the exponents of normal numbers.
template <class Real>
ATTNEWTON_INLINE Vec<Real> power_of_two(Vec<Real> k_plus_magic) {
  using C = ExpConstants<Real>;
  using Bits = typename C::Bits;
  using BitsVec = Vec<Bits>;
  constexpr Bits one = (Bits{1} << (C::mantissa - 1 + (sizeof(Real) == 8 ? 10 : 7))) * 2 -
                       (Bits{1} << C::mantissa);  // bits of 1.0
  const BitsVec shifted = reinterpret_cast<BitsVec>(k_plus_magic) << C::mantissa;
  return reinterpret_cast<Vec<Real>>(shifted + one);
}

template <class Real>
struct Reduced {
  Vec<Real> k_plus_magic;
  Vec<Real> exp_r;
};

template <class Real>
ATTNEWTON_INLINE Reduced<Real> reduce(Vec<Real> x) {
  using C = ExpConstants<Real>;
  const Vec<Real> k_plus_magic = x * C::log2_e + C::magic;
  const Vec<Real> k = k_plus_magic - C::magic;
  const Vec<Real> r = (x - k * C::ln2_high) - k * C::ln2_low;
  Vec<Real> p = all(C::polynomial[0]);
#pragma GCC unroll 16
  for (unsigned i = 1; i < sizeof(C::polynomial) / sizeof(Real); ++i) p = p * r + C::polynomial[i];
  return {k_plus_magic, (p * r) * r + r + Real{1}};
}

// Whole range. 2^k is applied in two factors, as 2^1024 and subnormal powers are no normal numbers.
template <class Real>
ATTNEWTON_INLINE Vec<Real> exponential_of(Vec<Real> x) {
  using C = ExpConstants<Real>;
  Vec<Real> inside = x < C::smallest ? all(C::smallest) : x;
  inside = inside > C::largest ? all(C::largest) : inside;
  const Reduced<Real> reduced = reduce<Real>(inside);
  const Vec<Real> half = (reduced.k_plus_magic - C::magic) * Real{0.5} + C::magic;
  const Vec<Real> rest = (reduced.k_plus_magic - (half - C::magic));
  Vec<Real> y = reduced.exp_r * power_of_two<Real>(half) * power_of_two<Real>(rest);
  y = x > C::largest ? all(static_cast<Real>(__builtin_inf())) : y;
  return x < C::smallest ? Vec<Real>{} : y;
}

// For x ≤ 1; results below the smallest normal number are 0.
template <class Real>
ATTNEWTON_INLINE Vec<Real> small_exponential_of(Vec<Real> x) {
  using C = ExpConstants<Real>;
  const Reduced<Real> reduced = reduce<Real>(x);
  const Vec<Real> y = reduced.exp_r * power_of_two<Real>(reduced.k_plus_magic);
  return x < C::smallest_normal ? Vec<Real>{} : y;
}

template <class Real>
void exponential(Size count, const Real* x, Real* y) {
  constexpr Size n = lanes<Real>;
  Size i = 0;
  for (; i + n <= count; i += n) {
    store(y + i, exponential_of<Real>(load(x + i)));
  }
  if (i == count) return;
  Vec<Real> v{};
  for (Size j = i; j < count; ++j) v[j - i] = x[j];
  v = exponential_of<Real>(v);
  for (Size j = i; j < count; ++j) y[j] = v[j - i];
}

// ------------------------------------------------------------------------------------------ products

// out(r, :) for `rows` rows at once: entry (r, l) of the broadcast operand is b[r·stride + l] if `by_rows`,
// else b[l·stride + r].
template <class Real, int vectors, int rows, bool by_rows>
ATTNEWTON_INLINE void product_block(Size inner, const Real* b, Size stride, const Lanes<const Real>& in,
                                    const Lanes<Real>& out, bool accumulate) {
  Vec<Real> sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v)
      sum[r][v] = accumulate ? load(out.data + r * out.stride + v * lanes<Real>) : Vec<Real>{};
  }
  for (Size l = 0; l < inner; ++l) {
    Vec<Real> x[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) x[v] = load(in.data + l * in.stride + v * lanes<Real>);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Vec<Real> entry = all(by_rows ? b[r * stride + l] : b[l * stride + r]);
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] += entry * x[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store(out.data + r * out.stride + v * lanes<Real>, sum[r][v]);
  }
}

// Rows at once for a block of so many vectors: the sums fill the registers, but for the operands.
constexpr int rows_at_once(int vectors) {
  const int rows = ATTNEWTON_SUM_REGISTERS / vectors;
  return rows < 8 ? rows : 8;
}

template <class Real, int vectors, bool by_rows, int rows>
ATTNEWTON_INLINE void product_remainder(Size remaining, Size inner, const Real* b, Size stride,
                                        const Lanes<const Real>& in, const Lanes<Real>& out,
                                        bool accumulate) {
  if constexpr (rows > 0) {
    if (remaining == rows) {
      product_block<Real, vectors, rows, by_rows>(inner, b, stride, in, out, accumulate);
    } else {
      product_remainder<Real, vectors, by_rows, rows - 1>(remaining, inner, b, stride, in, out, accumulate);
    }
  }
}

template <class Real, int vectors, bool by_rows>
void product(Size rows, Size inner, const Real* b, Size stride, const Lanes<const Real>& in, Lanes<Real> out,
             bool accumulate) {
  constexpr int at_once = rows_at_once(vectors);
  const Size step = by_rows ? stride : 1;
  Size r = 0;
  for (; r + at_once <= rows; r += at_once) {
    product_block<Real, vectors, at_once, by_rows>(inner, b + r * step, stride, in, out, accumulate);
    out.data += at_once * out.stride;
  }
  product_remainder<Real, vectors, by_rows, at_once - 1>(rows - r, inner, b + r * step, stride, in, out,
                                                         accumulate);
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

template <class Real>
void dots(Size vectors, Size rows, Size inner, const Real* b, Size stride, Lanes<const Real> in,
          Lanes<Real> out, bool accumulate) {
  with_vectors(vectors,
               [&]<int v>() { product<Real, v, true>(rows, inner, b, stride, in, out, accumulate); });
}

template <class Real>
void mix(Size vectors, Size columns, Size inner, const Real* b, Size stride, Lanes<const Real> in,
         Lanes<Real> out, bool accumulate) {
  with_vectors(vectors,
               [&]<int v>() { product<Real, v, false>(columns, inner, b, stride, in, out, accumulate); });
}

// ------------------------------------------------------------------------------------------- softmax

// Lane i of vector v is masked at key k when k ≥ first_visible + (index of the lane).
template <class Real>
struct Mask {
  Vec<Real> visible;  // first_visible + index, of the vector's lanes

  ATTNEWTON_INLINE Mask(Size first_visible, Size v) {
    for (Size i = 0; i < lanes<Real>; ++i)
      visible[i] = static_cast<Real>(first_visible + v * lanes<Real> + i);
  }
  ATTNEWTON_INLINE Vec<Real> operator()(Size k, Vec<Real> score, Real masked) const {
    return all(static_cast<Real>(k)) >= visible ? all(masked) : score;
  }
};

// sum ← sum·factor + part, lane by lane, in double.
template <class Real>
ATTNEWTON_INLINE void add_in_double(Vec<Real> part, const double* factor, double* sum) {
  for (Size i = 0; i < lanes<Real>; ++i)
    sum[i] = (factor != nullptr ? sum[i] * factor[i] : sum[i]) + static_cast<double>(part[i]);
}

template <class Real>
void mask_scores(Size vectors, Size count, Size first_visible, Real* scores, Real masked) {
  if (first_visible >= count) return;
  const Size width = vectors * lanes<Real>;
  for (Size v = 0; v < vectors; ++v) {
    const Mask<Real> mask(first_visible, v);
    for (Size k = 0; k < count; ++k) {
      Real* p = scores + k * width + v * lanes<Real>;
      store(p, mask(k, load(p), masked));
    }
  }
}

template <class Real, int vectors>
ATTNEWTON_INLINE void maximum_of(Size count, const Real* scores, Vec<Real>* maximum) {
  constexpr Size width = vectors * lanes<Real>;
  Vec<Real> other[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) other[v] = maximum[v];
  Size k = 0;
  for (; k + 2 <= count; k += 2) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      maximum[v] = larger<Real>(load(scores + k * width + v * lanes<Real>), maximum[v]);
      other[v] = larger<Real>(load(scores + (k + 1) * width + v * lanes<Real>), other[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    if (k < count) maximum[v] = larger<Real>(load(scores + k * width + v * lanes<Real>), maximum[v]);
    maximum[v] = larger<Real>(other[v], maximum[v]);
  }
}

// scores = exp(scores − shift), and their sums over keys.
template <class Real, int vectors>
ATTNEWTON_INLINE void exponentials(Size count, const Vec<Real>* shift, Real* scores, Vec<Real>* sum) {
  constexpr Size width = vectors * lanes<Real>;
  for (Size k = 0; k < count; ++k) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      Real* p = scores + k * width + v * lanes<Real>;
      const Vec<Real> e = small_exponential_of<Real>(load(p) - shift[v]);
      store(p, e);
      sum[v] += e;
    }
  }
}

template <class Real, int vectors>
bool softmax_block(Size count, Real* scores, Real* maximum, double* sum, double* rescale) {
  Vec<Real> before[vectors];
  Vec<Real> now[vectors];
  Vec<Real> part[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    before[v] = load(maximum + v * lanes<Real>);
    now[v] = before[v];
    part[v] = Vec<Real>{};
  }
  maximum_of<Real, vectors>(count, scores, now);
  exponentials<Real, vectors>(count, now, scores, part);
  bool changed = false;
  for (int v = 0; v < vectors; ++v) {
    const Vec<Real> factor = small_exponential_of<Real>(before[v] - now[v]);
    store(maximum + v * lanes<Real>, now[v]);
    for (Size i = 0; i < lanes<Real>; ++i) {
      rescale[v * lanes<Real> + i] = static_cast<double>(factor[i]);
      changed |= before[v][i] != now[v][i];
    }
    add_in_double<Real>(part[v], rescale + v * lanes<Real>, sum + v * lanes<Real>);
  }
  return changed;
}

template <class Real>
bool softmax(Size vectors, Size count, Size first_visible, Real* scores, Real* maximum, double* sum,
             double* rescale) {
  mask_scores<Real>(vectors, count, first_visible, scores, static_cast<Real>(-__builtin_inf()));
  return with_vectors(vectors,
                      [&]<int v>() { return softmax_block<Real, v>(count, scores, maximum, sum, rescale); });
}

template <class Real>
void shifted_exponential(Size vectors, Size count, Size first_visible, Real* scores, const Real* shift) {
  with_vectors(vectors, [&]<int v>() {
    Vec<Real> shifts[v];
    Vec<Real> unused[v] = {};
    for (int i = 0; i < v; ++i) shifts[i] = load(shift + i * lanes<Real>);
    exponentials<Real, v>(count, shifts, scores, unused);
  });
  mask_scores<Real>(vectors, count, first_visible, scores, Real{0});
}

// ------------------------------------------------------------------------------------------ backward

// Calls f(p, v) for vector v of every key's lanes, p its offset.
template <class Real, class F>
ATTNEWTON_INLINE void for_each_vector(Size vectors, Size count, F&& f) {
  with_vectors(vectors, [&]<int width>() {
    for (Size k = 0; k < count; ++k) {
#pragma GCC unroll 4
      for (int v = 0; v < width; ++v) f((k * width + v) * lanes<Real>, v * lanes<Real>);
    }
  });
}

template <class Real>
void backward(Size vectors, Size count, const Real* f, const Real* weight, const Real* s, Real* g) {
  for_each_vector<Real>(vectors, count, [&](Size p, Size v) {
    store(g + p, load(f + p) * load(weight + v) * (load(g + p) - load(s + v)));
  });
}

template <class Real>
void weigh(Size vectors, Size count, const Real* f, const Real* z, Real* product, double* sum) {
  Vec<Real> part[most_vectors] = {};
  for_each_vector<Real>(vectors, count, [&](Size p, Size v) {
    const Vec<Real> weighted = load(f + p) * load(z + p);
    store(product + p, weighted);
    part[v / lanes<Real>] += weighted;
  });
  for (Size v = 0; v < vectors; ++v) add_in_double<Real>(part[v], nullptr, sum + v * lanes<Real>);
}

template <class Real>
void backward_direction(Size vectors, Size count, const Real* f, const Real* z, const Real* g, const Real* u,
                        const Real* r, const Real* s, Real* dg) {
  for_each_vector<Real>(vectors, count, [&](Size p, Size v) {
    const Vec<Real> second = (load(z + p) - load(r + v)) * (load(g + p) - load(s + v));
    store(dg + p, load(f + p) * (load(dg + p) - load(u + v) + second));
  });
}

template <class Real>
void add(Size vectors, Size rows, const Real* part, double* sum) {
  const Size count = rows * vectors * lanes<Real>;
  for (Size i = 0; i < count; ++i) sum[i] += static_cast<double>(part[i]);
}

template <class Real>
void round_to(Size vectors, Size rows, const double* a, Real* out) {
  const Size count = rows * vectors * lanes<Real>;
  for (Size i = 0; i < count; ++i) out[i] = static_cast<Real>(a[i]);
}

template <class Real>
void scale(Size vectors, Size rows, const double* factor, double* a) {
  const Size width = vectors * lanes<Real>;
  for (Size r = 0; r < rows; ++r) {
    for (Size i = 0; i < width; ++i) a[r * width + i] *= factor[i];
  }
}

// ----------------------------------------------------------------------------------- Hessian's blocks

// out_i = factor · x_i for i < count.
template <class Real>
ATTNEWTON_INLINE void scaled_copy(Size count, Real factor, const Real* x, Real* out) {
  Size i = 0;
  for (; i + lanes<Real> <= count; i += lanes<Real>) store(out + i, load(x + i) * factor);
  for (; i < count; ++i) out[i] = x[i] * factor;
}

template <class Real>
void khatri_rao(Size rows, Size q, Real scale, const Real* a, Size a_stride, const Real* b, Size b_stride,
                Size first, Size count, Real* out, Size out_stride) {
  for (Size j = 0; j < rows; ++j) {
    Size r = first / q;
    Size s = first % q;
    for (Size done = 0; done < count; ++r, s = 0) {
      const Size length = q - s < count - done ? q - s : count - done;
      scaled_copy<Real>(length, scale * a[j * a_stride + r], b + j * b_stride + s,
                        out + j * out_stride + done);
      done += length;
    }
  }
}

template <class Real>
void khatri_rao_square(Size rows, Real scale, const Real* a, Size stride, Size first, Size count, Real* out,
                       Size out_stride) {
  Size first_r = 0;
  while ((first_r + 1) * (first_r + 2) / 2 <= first) ++first_r;
  const Size first_s = first - first_r * (first_r + 1) / 2;
  for (Size j = 0; j < rows; ++j) {
    const Real* row = a + j * stride;
    Size r = first_r;
    Size s = first_s;
    for (Size done = 0; done < count; ++r, s = 0) {
      const Size length = r + 1 - s < count - done ? r + 1 - s : count - done;
      scaled_copy<Real>(length, scale * row[r], row + s, out + j * out_stride + done);
      done += length;
    }
  }
}

template <class Real>
void subtract_outer(Size vectors, Size d2, Size d3, bool symmetric, const Real* p, const Real* t, Real* r) {
  const Size width = vectors * lanes<Real>;
  for (Size b = 0; b < d2; ++b) {
    const Size columns = symmetric ? b + 1 : d3;
    for (Size v = 0; v < width; v += lanes<Real>) {
      const Vec<Real> factor = load(p + b * width + v);
      for (Size k = 0; k < columns; ++k) {
        Real* entry = r + k * width + v;
        store(entry, load(entry) - factor * load(t + k * width + v));
      }
    }
    r += columns * width;
  }
}

// Entries (first_a …, first_b …) of K Kᵀ − h pᵀ − p hᵀ of a vector's lanes, added to packed m; those above
// the diagonal are left out.
template <class Real, int side>
ATTNEWTON_INLINE void low_rank_square(Size width, Size e, Size first_a, Size first_b, const Real* k,
                                      const Real* h, const Real* p, Real* m) {
  Vec<Real> sum[side][side];
#pragma GCC unroll 4
  for (int a = 0; a < side; ++a) {
#pragma GCC unroll 4
    for (int b = 0; b < side; ++b) {
      sum[a][b] = Vec<Real>{};
      if (h != nullptr) {
        sum[a][b] -= load(h + (first_a + a) * width) * load(p + (first_b + b) * width);
        sum[a][b] -= load(p + (first_a + a) * width) * load(h + (first_b + b) * width);
      }
    }
  }
  for (Size i = 0; i < e; ++i) {
    Vec<Real> right[side];
#pragma GCC unroll 4
    for (int b = 0; b < side; ++b) right[b] = load(k + ((first_b + b) * e + i) * width);
#pragma GCC unroll 4
    for (int a = 0; a < side; ++a) {
      const Vec<Real> left = load(k + ((first_a + a) * e + i) * width);
#pragma GCC unroll 4
      for (int b = 0; b < side; ++b) sum[a][b] += left * right[b];
    }
  }
  for (int a = 0; a < side; ++a) {
    const Size row = first_a + a;
    for (int b = 0; b < side; ++b) {
      if (first_b + b > row) continue;
      Real* entry = m + (row * (row + 1) / 2 + first_b + b) * width;
      store(entry, load(entry) + sum[a][b]);
    }
  }
}

template <class Real>
void add_low_rank(Size vectors, Size d, Size e, const Real* k, const Real* h, const Real* p, Real* m) {
  constexpr int side = ATTNEWTON_SUM_REGISTERS >= 24 ? 4 : 3;
  const Size width = vectors * lanes<Real>;
  const Size whole = d / side * side;
  for (Size v = 0; v < width; v += lanes<Real>) {
    const Real* h_v = h == nullptr ? nullptr : h + v;
    const Real* p_v = p == nullptr ? nullptr : p + v;
    for (Size a = 0; a < whole; a += side) {
      for (Size b = 0; b <= a; b += side) low_rank_square<Real, side>(width, e, a, b, k + v, h_v, p_v, m + v);
    }
    for (Size a = whole; a < d; ++a) {
      for (Size b = 0; b <= a; ++b) low_rank_square<Real, 1>(width, e, a, b, k + v, h_v, p_v, m + v);
    }
  }
}

// ------------------------------------------------------------------------------------------- layouts

// A square of as many rows as a vector has lanes, in the registers, turned about its diagonal: blocks of half
// the size change places, then those of a quarter, and so on.
template <class T, int n>
struct Square {
  using Row [[gnu::vector_size(n * sizeof(T))]] = T;
  using InMemory [[gnu::vector_size(n * sizeof(T)), gnu::aligned(alignof(T)), gnu::may_alias]] = T;
  Row row[n];

  template <int half, int... k>
  ATTNEWTON_INLINE static void swap(Row& upper, Row& lower, std::integer_sequence<int, k...>) {
    const Row u = upper;
    const Row l = lower;
    upper = __builtin_shufflevector(u, l, ((k & half) != 0 ? n + k - half : k)...);
    lower = __builtin_shufflevector(u, l, ((k & half) != 0 ? n + k : k + half)...);
  }
  template <int half>
  ATTNEWTON_INLINE void swap_blocks() {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      if ((i & half) == 0) swap<half>(row[i], row[i + half], std::make_integer_sequence<int, n>());
    }
    if constexpr (half > 1) swap_blocks<half / 2>();
  }
  ATTNEWTON_INLINE void load_from(const T* p, Size stride) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) row[i] = *reinterpret_cast<const InMemory*>(p + i * stride);
  }
};

// The transpose of rows × columns numbers; the square corners that fit go through registers.
template <class From, class To>
ATTNEWTON_INLINE void transpose(Size rows, Size columns, const From* a, Size stride, To* out,
                                Size out_stride) {
  constexpr int n = static_cast<int>(lanes<double>);
  const Size square_rows = rows / n * n;
  const Size square_columns = columns / n * n;
  for (Size i = 0; i < square_rows; i += n) {
    for (Size c = 0; c < square_columns; c += n) {
      Square<From, n> square;
      square.load_from(a + i * stride + c, stride);
      square.template swap_blocks<n / 2>();
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) {
        using ToRow = Square<To, n>;
        *reinterpret_cast<typename ToRow::InMemory*>(out + (c + k) * out_stride + i) =
            __builtin_convertvector(square.row[k], typename ToRow::Row);
      }
    }
  }
  for (Size i = 0; i < rows; ++i) {
    for (Size c = i < square_rows ? square_columns : 0; c < columns; ++c)
      out[c * out_stride + i] = static_cast<To>(a[i * stride + c]);
  }
}

template <class Real>
void pack(Size vectors, Size rows, Size columns, const double* a, Size stride, Real* out) {
  const Size width = vectors * lanes<Real>;
  transpose(rows, columns, a, stride, out, width);
  if (rows == width) return;
  for (Size c = 0; c < columns; ++c) {
    for (Size i = rows; i < width; ++i) out[c * width + i] = Real{0};
  }
}

template <class Real>
void unpack(Size vectors, Size rows, Size columns, const double* in, double* a, Size stride) {
  transpose(columns, rows, in, vectors * lanes<Real>, a, stride);
}

template <class Real>
void unpack_real(Size vectors, Size rows, Size columns, const Real* in, Real* a, Size stride) {
  transpose(columns, rows, in, vectors * lanes<Real>, a, stride);
}

template <class Real>
constexpr TileKernels<Real> make_table() {
  TileKernels<Real> table;
  table.lanes = lanes<Real>;
  table.most_vectors = most_vectors;
  table.exponential = exponential<Real>;
  table.dots = dots<Real>;
  table.mix = mix<Real>;
  table.softmax = softmax<Real>;
  table.shifted_exponential = shifted_exponential<Real>;
  table.backward = backward<Real>;
  table.weigh = weigh<Real>;
  table.backward_direction = backward_direction<Real>;
  table.khatri_rao = khatri_rao<Real>;
  table.khatri_rao_square = khatri_rao_square<Real>;
  table.subtract_outer = subtract_outer<Real>;
  table.add_low_rank = add_low_rank<Real>;
  table.round_to = round_to<Real>;
  table.add = add<Real>;
  table.scale = scale<Real>;
  table.pack = pack<Real>;
  table.unpack = unpack<Real>;
  table.unpack_real = unpack_real<Real>;
  return table;
}

}  // namespace
}  // namespace attnewton
