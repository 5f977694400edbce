// Softmax attention maps of heads on given inputs, against those of dense weights: loss, gradient and
// Hessian–vector product of ½ Σ_h ‖Att_h(w) − E_h‖² (2410.11261; MATHEMATICS §4).
#pragma once

#include <memory>
#include <string>
#include <vector>

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

/// What a pass over the attention map leaves at some weights, of the local query rows.
struct MapForward {
  std::vector<Matrix> queries;    ///< X P_h + 1 b_hᵀ, n_local × r a head
  Matrix keys;                    ///< X K, m_local × r; empty when fused
  std::vector<Vector> log_sum;    ///< log-sum-exp of each row's visible logits, a head
  std::vector<double> stored;     ///< F, tile after tile of head after head; empty where it is made again
  std::vector<Matrix> d_queries;  ///< ∂L/∂(X P_h + 1 b_hᵀ), if the gradient was asked for
  Matrix d_keys;                  ///< ∂L/∂(X K) by the local query rows, likewise; empty when fused
  Vector squared_errors;          ///< ‖Att_h − E_h‖² of each head, over all ranks
  std::string obstacle;  ///< the first logit over all ranks that is not finite, in words; empty: all are
};

/// What AttentionMap::evaluate() leaves beside the errors.
enum class MapPass {
  errors,          ///< nothing
  point,           ///< what gradient and products need
  point_gradient,  ///< and the gradient with respect to query and key rows, in the same pass
};

struct MapTile;
struct MapStrip;

/// Att_h(w), h = 1 … H: rows of softmax of a group's logits on fixed inputs; E_h = Att_h of the reference
/// weights. Weights w are HeadGroup::to_vector()'s, whole on every rank and the same there. n is the number
/// of query rows on a rank, m the length of their sequences; a product is 2·n·m·r operations a head. Passes
/// run on TBB's threads, and give the same bits for any number of them. Memory: O(n d H), and probabilities
/// as MapStorage says.
class AttentionMap {
 public:
  /// Throws DataError if the shapes do not fit, or inputs, weights, biases or the reference's logits are not
  /// finite. Collective on `comm`; costs an evaluation.
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

  /// Σ_s ‖X_s‖⁴ over all sequences, ‖·‖ the spectral norm: by Lanczos, to 1e-8, rounded up. Collective;
  /// O(m d) a step.
  double sum_of_input_norms_to_the_fourth() const;

  /// Of the local query rows: Σ over heads and rows that kronecker_blocks() needs.
  struct CurvatureRows;

 private:
  friend class MapCurvature;
  struct Direction;
  class Pass;

  void check(const MapStorage& storage) const;
  MapForward start(const Vector& weights) const;
  void set_rows(const Vector& weights, std::vector<Matrix>& queries, Matrix& keys, bool with_bias) const;
  std::string obstacle_in(const MapForward& at) const;
  template <class Work>
  Matrix for_each_strip(bool sums_keys, Work&& work) const;
  Vector pulled_to_weights(const std::vector<Matrix>& d_queries, const Matrix& d_keys) const;

  Communicator comm_;
  std::shared_ptr<const MapInputs> inputs_;
  HeadGroup reference_;
  std::vector<ParameterBlock> blocks_;
  std::vector<MapTile> tiles_;
  std::vector<MapStrip> strips_;
  Index rows_ = 0;
  Index first_row_ = 0;  // of this rank's query rows among all
  bool stores_ = false;
  MapForward at_reference_;
  Vector squared_norms_;
};

/// A Lipschitz constant of the gradient in M of ½‖Att(M∘W) − E‖² + ½λ‖M‖² for fused weights W:
/// λ + 5/4 · scale² · Σ_s ‖X_s‖⁴ · max|W_ij|², of the head for which it is largest (2410.11261, MATHEMATICS
/// §4; losses of several sequences add). Collective. Throws UsageError for factors: the bound does not hold
/// in their product.
double mask_lipschitz_constant(const AttentionMap& map, double ridge);

}  // namespace attnewton
