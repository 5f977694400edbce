// The innermost loops of streamed attention, for the processor at hand.
//
// A lane is a query row. Everything that belongs to a block of query rows stands in lanes layout: a matrix
// whose row r holds entry r of all the block's queries side by side, `vectors` vector registers wide, rows
// below one another without gaps. So logits of a block are (keys × lanes), its mixed values (d₃ × lanes), and
// sums over keys, maxima and masks are plain vertical vector operations. The other operand of every product
// (keys, values, X, Y) is used as it lies in memory, an entry at a time for all lanes.
//
// This header is compiled for several instruction sets and must not include anything with inline functions.
#pragma once

#include <cstddef>

namespace attnewton {

/// A matrix whose rows are lanes: row r starts at data + r·stride. In lanes layout the stride is W; a
/// row-major matrix's columns can be lanes as well, where there are enough of them.
template <class Real>
struct Lanes {
  Real* data;
  std::ptrdiff_t stride;
};

/// Which of the `count` keys of a chunk the lanes see: lane i sees key k if first + k < visible[i], W
/// numbers; every lane every key where `visible` is null.
struct LaneMask {
  const std::ptrdiff_t* visible = nullptr;
  std::ptrdiff_t first = 0;
};

/// Function table of one instruction set and scalar type. Functions are local, allocate nothing and throw
/// nothing. Wherever a function takes `vectors`, it is between 1 and most_vectors; W = vectors · lanes is the
/// number of lanes.
template <class Real>
struct TileKernels {
  using Size = std::ptrdiff_t;

  Size lanes = 0;         ///< numbers in a vector register
  Size most_vectors = 0;  ///< vector registers a block may be wide

  /// y_i = exp(x_i) for i < count, accurate to 2 ulp on the whole range; NaN stays NaN.
  void (*exponential)(Size count, const Real* x, Real* y);

  /// out(r, :) = Σ_l b[r·stride + l] · in(l, :) for r < rows, l < inner, added to what stands there if
  /// `accumulate`: rows of a row-major matrix times lanes (logits: keys times queries). rows·inner·W
  /// multiply–adds.
  void (*dots)(Size vectors, Size rows, Size inner, const Real* b, Size stride, Lanes<const Real> in,
               Lanes<Real> out, bool accumulate);

  /// out(c, :) = Σ_l b[l·stride + c] · in(l, :) for c < columns, l < inner, added to what stands there if
  /// `accumulate`: a row-major matrix's transpose times lanes (mixed values: values, mixed by weights).
  /// columns·inner·W multiply–adds.
  void (*mix)(Size vectors, Size columns, Size inner, const Real* b, Size stride, Lanes<const Real> in,
              Lanes<Real> out, bool accumulate);

  /// Online softmax over the next `count` keys. On entry `scores` (count × W) holds logits, `maximum` and
  /// `sum` those of the keys before (−∞ and 0 at first). On return scores = exp(logit − maximum), 0 where
  /// masked, `maximum` is the new one, `rescale` = exp(old maximum − new), and sum ← sum·rescale + Σ scores.
  /// Returns whether any maximum changed. A lane that has seen no key has maximum −∞ and sum 0.
  bool (*softmax)(Size vectors, Size count, const LaneMask& mask, Real* scores, Real* maximum, double* sum,
                  double* rescale);

  /// scores = exp(logit − shift), 0 where masked: the softmax when `shift` is the row's log-sum-exp.
  void (*shifted_exponential)(Size vectors, Size count, const LaneMask& mask, Real* scores,
                              const Real* shift);

  /// g = f·weight∘(g − s), `weight` and `s` a number a lane: P of MATHEMATICS §1, with F = f·weight.
  void (*backward)(Size vectors, Size count, const Real* f, const Real* weight, const Real* s, Real* g);

  /// product = f∘z and sum += Σ_k f∘z.
  void (*weigh)(Size vectors, Size count, const Real* f, const Real* z, Real* product, double* sum);

  /// f ← weight·f, c = f − share·b, and the rows of `sums` (4 × W) += Σ_k c², Σ_k f∘c, Σ_k f², Σ_k b∘c;
  /// `weight` and `share` a number a lane. `sums` may be null.
  void (*residual)(Size vectors, Size count, const Real* weight, const Real* share, const Real* b, Real* f,
                   Real* c, double* sums);

  /// a += f∘f.
  void (*add_square)(Size vectors, Size count, const Real* f, Real* a);

  /// dg = f∘(dg − u + (z − r)∘(g − s)), `u`, `r` and `s` a number a lane: dP of MATHEMATICS §1 with
  /// u = rowsum(F∘dG) + rowsum(dF∘G), r = rowsum(F∘Z′).
  void (*backward_direction)(Size vectors, Size count, const Real* f, const Real* z, const Real* g,
                             const Real* u, const Real* r, const Real* s, Real* dg);

  /// Columns first … first + count − 1 of the row-wise Khatri–Rao product of a (rows × p) and b (rows × q):
  /// out(j, c − first) = scale · a(j, c / q) · b(j, c % q), c < p·q.
  void (*khatri_rao)(Size rows, Size q, Real scale, const Real* a, Size a_stride, const Real* b,
                     Size b_stride, Size first, Size count, Real* out, Size out_stride);

  /// The same of a with itself, packed: columns of vech(a_j a_jᵀ), entry (r, s), r ≥ s, at r(r + 1)/2 + s.
  void (*khatri_rao_square)(Size rows, Real scale, const Real* a, Size stride, Size first, Size count,
                            Real* out, Size out_stride);

  /// For every lane R − p tᵀ: r (whole, d₂·d₃ rows, or packed if `symmetric`, where d₂ = d₃) minus the outer
  /// product of p (d₂ rows) and t (d₃ rows).
  void (*subtract_outer)(Size vectors, Size d2, Size d3, bool symmetric, const Real* p, const Real* t,
                         Real* r);

  /// For every lane M + K Kᵀ − h pᵀ − p hᵀ: m packed, k (d·e rows), h and p (d rows each, or both null: K Kᵀ
  /// alone). d²e/2 multiply–adds a lane.
  void (*add_low_rank)(Size vectors, Size d, Size e, const Real* k, const Real* h, const Real* p, Real* m);

  /// sum(r, :) += part(r, :) for r < rows.
  void (*add)(Size vectors, Size rows, const Real* part, double* sum);

  /// out = a, rounded, for r < rows.
  void (*round_to)(Size vectors, Size rows, const double* a, Real* out);

  /// a(r, :) *= factor for r < rows, `factor` a number a lane.
  void (*scale)(Size vectors, Size rows, const double* factor, double* a);

  /// Rows of a row-major matrix into lanes layout: out(c, i) = a[i·stride + c] for c < columns, i < rows ≤
  /// W; the other lanes are 0.
  void (*pack)(Size vectors, Size rows, Size columns, const double* a, Size stride, Real* out);

  /// And back: a[i·stride + c] = in(c, i).
  void (*unpack)(Size vectors, Size rows, Size columns, const double* in, double* a, Size stride);
  void (*unpack_real)(Size vectors, Size rows, Size columns, const Real* in, Real* a, Size stride);

  /// Columns of a row-major matrix into a panel of rows `width` apart: out(i, c) = factor_i · a[i·stride + c]
  /// for c < columns ≤ width, 0 beyond. `factor` null: a copy.
  void (*scale_rows)(Size rows, Size columns, const Real* factor, const Real* a, Size stride, Real* out,
                     Size width);

  /// z_i = Σ_c a[i·stride + c] · x_c for i < rows, c < columns; a row's sum does not depend on the others.
  void (*row_dots)(Size rows, Size columns, const Real* a, Size stride, const Real* x, Real* z);

  /// Every column c < count of `rows` rows, one after the other without gaps, ← H times it: H is Hadamard's
  /// matrix of order `rows` = 2, 4 or 8, H(i, j) = (−1)^(bits that i and j share). rows·log₂ rows·count
  /// additions.
  void (*butterfly)(Size rows, Size count, Real* data);
};

enum class InstructionSet;

/// The table of an instruction set that this processor can run (instruction_set.hpp).
template <class Real>
const TileKernels<Real>& tile_kernels(InstructionSet set);

extern template const TileKernels<double>& tile_kernels<double>(InstructionSet);
extern template const TileKernels<float>& tile_kernels<float>(InstructionSet);

}  // namespace attnewton
