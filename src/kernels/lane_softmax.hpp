// The softmax of a tile of scores, key by key, and the elementwise parts of its derivatives.
#pragma once

#include "lane_exponential.hpp"
#include "lane_vector.hpp"

namespace attnewton {
namespace {

// Lane i of vector v is masked at key k of the chunk when k ≥ visible[i].
template <class Real>
struct Mask {
  Vec<Real> visible;  // of the chunk's keys, of the vector's lanes

  ATTNEWTON_INLINE Mask(const LaneMask& mask, Size v) {
    for (Size i = 0; i < lanes<Real>; ++i)
      visible[i] = static_cast<Real>(mask.visible[v * lanes<Real> + i] - mask.first);
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
void mask_scores(Size vectors, Size count, const LaneMask& lane_mask, Real* scores, Real masked) {
  if (lane_mask.visible == nullptr) return;
  const Size width = vectors * lanes<Real>;
  for (Size v = 0; v < vectors; ++v) {
    const Mask<Real> mask(lane_mask, v);
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
  Vec<Real> shift[vectors];
  Vec<Real> part[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    before[v] = load(maximum + v * lanes<Real>);
    now[v] = before[v];
    part[v] = Vec<Real>{};
  }
  maximum_of<Real, vectors>(count, scores, now);
  // A lane that has seen only masked keys: −∞ − (−∞) would be no number.
  for (int v = 0; v < vectors; ++v) shift[v] = now[v] == -infinity<Real> ? Vec<Real>{} : now[v];
  exponentials<Real, vectors>(count, shift, scores, part);
  bool changed = false;
  for (int v = 0; v < vectors; ++v) {
    const Vec<Real> factor = small_exponential_of<Real>(before[v] - shift[v]);
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
bool softmax(Size vectors, Size count, const LaneMask& mask, Real* scores, Real* maximum, double* sum,
             double* rescale) {
  mask_scores<Real>(vectors, count, mask, scores, -infinity<Real>);
  return with_vectors(vectors,
                      [&]<int v>() { return softmax_block<Real, v>(count, scores, maximum, sum, rescale); });
}

template <class Real>
void shifted_exponential(Size vectors, Size count, const LaneMask& mask, Real* scores, const Real* shift) {
  with_vectors(vectors, [&]<int v>() {
    Vec<Real> shifts[v];
    Vec<Real> unused[v] = {};
    for (int i = 0; i < v; ++i) shifts[i] = load(shift + i * lanes<Real>);
    exponentials<Real, v>(count, shifts, scores, unused);
  });
  mask_scores<Real>(vectors, count, mask, scores, Real{0});
}

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
void residual(Size vectors, Size count, const Real* weight, const Real* share, const Real* b, Real* f,
              Real* c, double* sums) {
  constexpr int kinds = 4;
  Vec<Real> part[kinds][most_vectors] = {};
  for_each_vector<Real>(vectors, count, [&](Size p, Size v) {
    const Vec<Real> scaled = load(f + p) * load(weight + v);
    const Vec<Real> target = load(b + p);
    const Vec<Real> rest = scaled - load(share + v) * target;
    store(f + p, scaled);
    store(c + p, rest);
    part[0][v / lanes<Real>] += rest * rest;
    part[1][v / lanes<Real>] += scaled * rest;
    part[2][v / lanes<Real>] += scaled * scaled;
    part[3][v / lanes<Real>] += target * rest;
  });
  if (sums == nullptr) return;
  for (int kind = 0; kind < kinds; ++kind) {
    for (Size v = 0; v < vectors; ++v)
      add_in_double<Real>(part[kind][v], nullptr, sums + (kind * vectors + v) * lanes<Real>);
  }
}

template <class Real>
void add_square(Size vectors, Size count, const Real* f, Real* a) {
  for_each_vector<Real>(vectors, count, [&](Size p, Size) {
    const Vec<Real> x = load(f + p);
    store(a + p, load(a + p) + x * x);
  });
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

}  // namespace
}  // namespace attnewton
