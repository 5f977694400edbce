// Softmax attention maps of heads on given inputs, against those of dense weights: loss, gradient and
// Hessian–vector product of ½ Σ_h ‖Att_h(w) − E_h‖² (2410.11261; MATHEMATICS §4).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/attention_data.hpp"
#include "attnewton/problems/problem.hpp"
#include "attnewton/pruning/head_group.hpp"

namespace attnewton {

/// This rank's share of the inputs of self-attention, as share_of_rank() makes it.
struct MapInputs {
  /// X: the rows of the sequences that the local query rows lie in, m_local × d. LocalSequence::keys are rows
  /// of it; the local queries of a sequence are those rows of it that begin at first_position.
  Matrix inputs;
  std::vector<LocalSequence> sequences;
  bool causal = false;  ///< row k is visible to row j of its sequence iff k ≤ j
  double scale = 1;     ///< of the logits

  /// Local query rows.
  Index queries() const { return sequences.empty() ? 0 : sequences.back().queries.end; }
};

/// How many attention probabilities of its query rows a rank keeps, of the reference and of each point; where
/// there are more, passes make them again from the logits.
struct MapStorage {
  Index per_input = 4;            ///< for each number of its n_local × d query rows, …
  Index always = Index{1} << 23;  ///< or so many: 64 MiB

  bool holds(Index probabilities, Index input_numbers) const {
    return probabilities <= always || probabilities <= per_input * input_numbers;
  }
};

/// 1/scale of a derivative with respect to query and key rows, of the local query rows' part of L = ½ Σ_h
/// ‖Att_h − E_h‖².
struct MapPulled {
  std::vector<Matrix> queries;  ///< ∂/∂(X P_h + 1 b_hᵀ), n_local × r a head
  Matrix keys;                  ///< ∂/∂(X K), m_local × r; empty when fused
};

/// What a pass over the attention map leaves at some weights, of the local query rows.
struct MapForward {
  std::vector<Matrix> queries;  ///< X P_h + 1 b_hᵀ, n_local × r a head
  Matrix keys;                  ///< X K, m_local × r; empty when fused
  std::vector<Vector> log_sum;  ///< log-sum-exp of each row's visible logits, a head
  Matrix thin_keys;             ///< scale·(X K)ᵀ, where r is so small that tiles read it thus
  Vector stored;                ///< F, tile after tile of head after head; empty where it is made again
  MapPulled pulled;             ///< of L itself, if the gradient was asked for
  Vector squared_errors;        ///< ‖Att_h − E_h‖² of each head, over all ranks
  std::string obstacle;  ///< the first logit over all ranks that is not finite, in words; empty: all are
};

/// What AttentionMap::evaluate() leaves beside the errors.
enum class MapPass {
  errors,          ///< nothing
  point,           ///< what gradient and products need
  point_gradient,  ///< and the gradient with respect to query and key rows, in the same pass
};

/// Sums that kronecker_blocks() is made of, one of each for each of AttentionMap::blocks().
struct MapCurvature {
  std::vector<Matrix> inputs;   ///< P_h: scale² Σ_j ω_j x_j x_jᵀ; K: scale² Σ_h Σ_j XᵀJ_j²X
  std::vector<Matrix> outputs;  ///< P_h: Σ_j RᵀJ_j²R; K: Σ_h Σ_j ω_j q_j q_jᵀ
  Vector weights;               ///< Σ ω_j, over the head's rows or all heads'
};

struct MapTile;
struct MapTiling;

/// Att_h(w), h = 1 … H: rows of softmax of a group's logits on fixed inputs; E_h = Att_h of the reference
/// weights. Weights w are HeadGroup::to_vector()'s, whole on every rank and the same there. n is the number
/// of query rows on a rank, m the length of their sequences; a product is 2·n·m·r operations a head. Passes
/// run on TBB's threads, and give the same bits for any number of them. Memory: O(n d H), and probabilities
/// as MapStorage says.
class AttentionMap {
 public:
  /// Throws UsageError if the shapes do not fit, or the local queries are not rows of the inputs that follow
  /// one another; DataError if inputs, weights, biases or the reference's logits are not finite. Collective
  /// on `comm`; costs an evaluation.
  AttentionMap(const Communicator& comm, std::shared_ptr<const MapInputs> inputs, HeadGroup reference,
               const MapStorage& storage = {});
  ~AttentionMap();
  AttentionMap(const AttentionMap&) = delete;
  AttentionMap& operator=(const AttentionMap&) = delete;

  const Communicator& comm() const { return comm_; }
  const MapInputs& inputs() const { return *inputs_; }
  const HeadGroup& reference() const { return reference_; }
  const std::vector<ParameterBlock>& blocks() const { return blocks_; }
  Index parameters() const { return reference_.parameters(); }
  /// Query rows of all ranks.
  Index rows() const { return rows_; }
  /// ‖E_h‖² of each head, over all ranks.
  const Vector& squared_norms() const { return squared_norms_; }
  /// Whether this rank keeps E, and F of its points.
  bool stores_probabilities() const { return stores_; }

  /// ‖Att_h − E_h‖²_F / ‖E_h‖²_F of each head at other weights; biases are the reference's. Not finite for
  /// all heads where a logit is not. Collective; one product and as many exponentials as unmasked scores, two
  /// of each where E is not kept.
  std::vector<double> relative_errors(const Vector& weights) const;

  /// Errors at `weights`, and what `pass` says. Collective: two reductions of a few numbers. 1 product, 3
  /// (fused: 2) with the gradient; one more where E is not kept.
  MapForward evaluate(const Vector& weights, MapPass pass) const;

  /// This rank's part of ∂/∂w of ½ Σ_h ‖Att_h − E_h‖² at what an evaluation with MapPass::point or more left:
  /// summed over ranks it is the gradient. Local; 2·n·d·r operations a head if the evaluation prepared it,
  /// else 2 (fused: 1) products more, and one each for E and F where they are not kept.
  Vector local_gradient(const MapForward& at) const;

  /// This rank's part of its Hessian times `direction`, likewise. Local; 2 products for fused weights, else
  /// 6, or 4 in the Gauss–Newton form; and one for each of E (exact form alone) and F that is not kept.
  Vector local_hessian_vector(const MapForward& at, const Vector& direction, HessianForm form) const;

  /// Σ_s ‖X_s‖⁴ over all sequences, ‖·‖ the spectral norm, of each the largest eigenvalue of
  /// the smaller of X_s X_sᵀ and X_sᵀX_s. Collective; O(m d min(m, d)) a sequence.
  double sum_of_input_norms_to_the_fourth() const;

  /// This rank's part of what kronecker_blocks() is made of, at what an evaluation at
  /// `weights` with MapPass::point or more left. Local; 2 products of 2·n·m·d operations a head, and one
  /// where F is not kept, O(n d²) a head.
  MapCurvature local_curvature(const MapForward& at, const Vector& weights) const;

 private:
  struct Direction;  // what the tiles of a Hessian–vector product read
  struct Moments;    // what a head's rows give to its Kronecker block

  void check() const;
  void take_reference();
  MapForward rows_at(const Vector& weights) const;
  const Matrix& key_rows(const MapForward& at) const {
    return reference_.is_fused() ? inputs_->inputs : at.keys;
  }
  const Matrix& score_keys(const MapForward& at) const {
    return reference_.is_fused() ? thin_inputs_ : at.thin_keys;
  }
  Matrix keys_of(const Vector& weights) const;
  Matrix queries_of(const Vector& weights, Index head) const;
  ConstMatrixRef query_inputs() const;
  std::string obstacle_in(const MapForward& at) const;

  using TileWork = std::function<void(const MapTile&, const MatrixRef&)>;
  Matrix sum_over_tiles(Index width, const TileWork& work) const;
  double* stored_place(MapForward& at, Index head, const MapTile& tile) const;
  void softmax_tile(MapForward& at, Index head, const MapTile& tile, double* f) const;
  const double* probabilities(const MapForward& at, Index head, const MapTile& tile, double* scratch) const;
  void pull_back(const MapForward& at, Index head, const MapTile& tile, const double* p, MapPulled& pulled,
                 const MatrixRef& d_keys) const;
  void evaluate_tile(MapForward& at, Index head, const MapTile& tile, bool with_gradient, Matrix& errors,
                     const MatrixRef& d_keys) const;
  MapPulled empty_pulled() const;
  MapPulled pulled_back(const MapForward& at) const;
  Direction direction_of(const MapForward& at, const Vector& direction, HessianForm form) const;
  void direction_rows(const MapForward& at, const Direction& d, Index head, const MapTile& tile, double* ds,
                      double* p) const;
  void direction_tile(const MapForward& at, const Direction& d, Index head, const MapTile& tile,
                      MapPulled& pulled, const MatrixRef& d_keys) const;
  Moments moments_of_head(const MapForward& at, Index head) const;
  Matrix squared_jacobians(const Moments& head) const;
  Vector to_weights(const MapPulled& pulled) const;

  Communicator comm_;
  std::shared_ptr<const MapInputs> inputs_;
  HeadGroup reference_;
  std::vector<ParameterBlock> blocks_;
  std::unique_ptr<const MapTiling> tiling_;
  Index first_input_ = 0;  // the local query rows are rows of the inputs from here on
  Index first_row_ = 0;    // the first of them among all ranks' query rows
  Index rows_ = 0;
  bool stores_ = false;
  Matrix thin_inputs_;  // of fused weights
  MapForward at_reference_;
  Vector squared_norms_;
};

/// A Lipschitz constant of the gradient in M of ½‖Att(M∘W) − E‖² + ½λ‖M‖² for fused weights W:
/// λ + 5/4 · scale² · Σ_s ‖X_s‖⁴ · max|W_ij|², of the head for which it is largest (2410.11261, MATHEMATICS
/// §4; losses of several sequences add). Collective. Throws UsageError for factors: the bound does not hold
/// in their product.
double mask_lipschitz_constant(const AttentionMap& map, double ridge);

}  // namespace attnewton
