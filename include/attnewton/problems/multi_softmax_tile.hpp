// Multiple softmax regression on one tile: some query rows in lanes meet all keys in chunks, and what depends
// on the scores of a row is made again wherever it is wanted (MATHEMATICS §1 and §2).
#pragma once

#include "attnewton/problems/attention_tile_pass.hpp"
#include "attnewton/problems/normalisation.hpp"

namespace attnewton {

/// min over X of ½ Σ_j ‖r_j‖², r_j the residual of row j of S = scale·A₁XA₂ᵀ against row j of B: this rank's
/// rows, and all keys.
struct MultiSoftmaxData {
  Matrix queries;       ///< A₁, n_local × d₁; n_local may be 0, d₁ is the same on every rank
  Matrix keys;          ///< A₂, m × d₂, the same on every rank
  Matrix target;        ///< B, n_local × m
  Index first_row = 0;  ///< number of the first local row among all: what messages count by
  double scale = 1;     ///< of the scores
};

/// What is kept of the local rows of S: a number each. u = exp(S), of softmax divided by its row sum.
struct MultiSoftmaxRows {
  Vector log_sum;           ///< log-sum-exp of the scores with softmax; else empty
  Vector sum;               ///< Σ_k exp(S_jk); empty with softmax
  Vector residual_squared;  ///< ‖r_j‖²
  Vector projection;        ///< ⟨f, c⟩ (softmax), ⟨b, c⟩ (rescaled), 0 (none), c = r_j
  Vector kappa;             ///< ‖f‖², ‖b‖², 0

  MultiSoftmaxRows() = default;
  MultiSoftmaxRows(Index rows, Normalisation normalisation);
};

/// What every tile of a pass reads.
struct MultiSoftmaxInputs {
  /// All but `x` must outlive this; `target_squared` holds ‖b_j‖² of the local rows.
  MultiSoftmaxInputs(const MultiSoftmaxData& data, const AttentionOperands<double>& keys,
                     const Vector& target_squared, Normalisation normalisation, const Matrix& x);
  MultiSoftmaxInputs(const MultiSoftmaxInputs&) = delete;
  MultiSoftmaxInputs& operator=(const MultiSoftmaxInputs&) = delete;

  const MultiSoftmaxData& data;
  const AttentionOperands<double>& keys;
  const Vector& target_squared;
  Normalisation normalisation;
  Matrix scaled_x;
  Operand<double> x;  // scale·X
};

/// diag(δ) + κ g̃g̃ᵀ − g̃sᵀ − s g̃ᵀ of a chunk's rows and keys, in lanes; good until the tile's next chunk.
struct ChunkCurvature {
  const double* diagonal;   ///< δ
  const double* direction;  ///< g̃; null without normalisation, as is s
  const double* mixed;      ///< s
};

/// The passes over one tile, local to the calling thread. A product is 2·rows·m·d₂ operations.
class MultiSoftmaxTile {
 public:
  MultiSoftmaxTile(const MultiSoftmaxInputs& inputs, const AttentionTile& tile);

  AttentionTilePass<double>& pass() { return pass_; }

  /// The sums of the tile's rows into `rows`: 1 product and an exponential a score; 2 of either where the
  /// tile has more than most_stored_scores. Leaves the tile as read() does.
  void evaluate(MultiSoftmaxRows& rows);
  /// Makes ready for what follows, at the sums that evaluate() left.
  void read(const MultiSoftmaxRows& rows);

  /// Rows of P A₂ into the tile's rows of `pulled_back` (n_local × d₂), P's row j being gz_j: 2 products and
  /// an exponential a score; 1 product after evaluate() of few enough scores.
  void pull_back(Matrix& pulled_back);
  /// Rows of [g̃_j]_j A₂ and [s_j]_j A₂: 3 products.
  void project(Matrix& direction, Matrix& mixed);
  /// Rows of A₂ᵀ diag(δ_j) A₂ y_j into those of `out`, y_j row j of `directions` (n_local × d₂): 3 products.
  void multiply_diagonal(const Matrix& directions, Matrix& out);

  /// Of one chunk, after read(): the exact one, or with the residual's second derivatives left out.
  ChunkCurvature curvature(const LaneChunk& chunk, bool exact);

 private:
  using Lanes = LaneArray<double>;

  bool is_softmax() const { return in_.normalisation == Normalisation::softmax; }
  void add_up_exponentials(MultiSoftmaxRows& rows);
  void add_up_residual(MultiSoftmaxRows& rows);
  double* weights(const LaneChunk& chunk);
  double* slopes(const LaneChunk& chunk, double* u);
  const double* targets(const LaneChunk& chunk);
  void residual(const LaneChunk& chunk, const double* weight, double* u, double* sums);

  const MultiSoftmaxInputs& in_;
  AttentionTilePass<double> pass_;
  const TileKernels<double>& kernels_;
  Lanes queries_;
  // A number a row: what scores are shifted by before exp, and of the residual u − share∘b.
  Lanes shift_;
  Lanes share_;
  Lanes projection_;
  Lanes ones_;
  // u of all keys, if kept, and what makes it that.
  Lanes stored_;
  Lanes stored_weights_;
  // Of the chunk of keys that goes by.
  Lanes u_;
  Lanes b_;
  Lanes c_;
  Lanes mixed_;
  Lanes unused_;
};

}  // namespace attnewton
