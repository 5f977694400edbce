// A sketched Hessian of the attention problem by Algorithm 1 of arXiv 2309.07418: rank-one weights, and a
// tensor sketch of their Gram matrix.
#pragma once

#include <cstdint>
#include <string>

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/curvature/kronecker_weights.hpp"

namespace attnewton {

/// Sketches of Kronecker products (MATHEMATICS §6).
enum class TensorSketch { srht, sparse };

/// As --hessian spells it: "tensor-srht" or "tensor-sparse".
inline const char* to_string(TensorSketch sketch) {
  return sketch == TensorSketch::srht ? "tensor-srht" : "tensor-sparse";
}

struct TensorSketchOptions {
  TensorSketch family = TensorSketch::srht;
  Index rows = 0;           ///< m > 0, of the whole problem; 0: as many as `distortion` asks for
  double distortion = 0.5;  ///< ε in (0, 1] that the rows are chosen for
  Index blocks = 4;         ///< s of TensorSparse
  std::uint64_t seed = 0;
};

/// m: `options.rows` or, where it is 0, c d₁d₂/ε² with c = 7.5 (TensorSRHT) or 6 (TensorSparse), the median
/// that was measured for rows of unequal weight (MATHEMATICS §6): 30 or 24 d₁d₂ at ε = ½. Throws UsageError
/// if an option is out of its range. Local.
Index tensor_sketch_rows(const TensorSketchOptions& options, Index d1, Index d2);

/// H_xx ≈ scale² Σ_s (S_s K_s)ᵀ(S_s K_s) + regulariser, K_s = E₁^{1/2}A₁ ⊗ E₂^{1/2}A₂ of sequence s, with E₁
/// and E₂ from kronecker_weights() and sketches S_s drawn by seed, iteration and sequence: unbiased for
/// scale² Σ_s (A₁ᵀE₁A₁) ⊗ (A₂ᵀE₂A₂), which a HessianModel can have exactly and cheaper (MATHEMATICS §6); this
/// is the papers' way, to be measured against that. A sequence has its queries' share of the m rows. The
/// regulariser's Gram matrix, which Lemma 13.6 sketches as well, is the exact sum of (A₁ᵀW²A₁) ⊗ (A₂ᵀA₂): O(n
/// d²), no error. Joint variables: K_y ⊗ I for Y and nothing between X and Y. Projected ones: the block of X
/// alone.
///
/// A rank sketches its own queries and the keys that it owns; the sketch's rows are summed over ranks, each
/// to one of them, and give sums of products of packed vectors, of TensorSparse in Fourier space. Cost n d
/// log m + m d for the sketch and m d₁²d₂²/4 multiply–adds for the Gram matrix over all ranks. Memory per
/// rank: m(d₁ + d₂)/P numbers (twice that for TensorSparse), of the longest sequence's rows all, and d₁²d₂²/4
/// (twice that).
class TensorSketchedHessian : public HessianModel {
 public:
  /// `problem` must outlive this. Throws UsageError if an option is out of its range.
  TensorSketchedHessian(const AttentionProblem& problem, const TensorSketchOptions& options);

  std::string name() const override { return to_string(options_.family); }
  bool is_random() const override { return true; }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

 private:
  const AttentionProblem& problem_;
  TensorSketchOptions options_;
  Index rows_;
};

}  // namespace attnewton
