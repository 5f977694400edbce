// The regulariser of an attention problem: ½‖W A₁XA₂ᵀ‖² + ½‖W A₃Y‖² over sequences, and ½λ(‖X‖² + ‖Y‖²).
#pragma once

#include <span>
#include <vector>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/problems/attention_data.hpp"

namespace attnewton {

struct RegulariserOptions {
  double ridge = 0;           ///< λ ≥ 0
  Vector query_weights = {};  ///< w of the local query rows; empty: no weighted form
  Vector key_weights = {};    ///< w of the local key rows, given with query_weights
};

/// Both forms, with their derivatives. With several sequences the weighted form is the sum of theirs:
/// ½ Σ_s tr(Xᵀ U_s X V_s), U_s = A₁ₛᵀW²A₁ₛ, V_s = A₂ₛᵀA₂ₛ, whose Hessian is Σ_s U_s ⊗ V_s.
class AttentionRegulariser {
 public:
  /// `options` fit `data` (AttentionProblem checks them). Collective on `comm`. Cost n d² per rank for the
  /// weighted form.
  AttentionRegulariser(const Communicator& comm, const AttentionData& data,
                       const RegulariserOptions& options);

  double ridge() const { return ridge_; }
  bool is_weighted() const { return is_weighted_; }

  /// Its value at (X, Y). Collective.
  double value(const Matrix& x, const Matrix& y) const;
  /// Its gradient in X, which is its Hessian's xx block times X as well. Collective.
  Matrix times_x(const Matrix& x) const;
  /// Its part of K_y: A₃ᵀW²A₃ + λI, d₃ × d₃, summed over ranks.
  const Matrix& gram_y() const { return gram_y_; }

  /// This rank's vech(U_s) and vech(V_s), a row a local sequence: its terms of the xx block without λI are
  /// their row-wise Kronecker products.
  const Matrix& packed_u() const { return packed_u_; }
  const Matrix& packed_v() const { return packed_v_; }

 private:
  Communicator comm_;
  double ridge_;
  bool is_weighted_;
  Matrix gram_y_;
  Matrix packed_u_;
  Matrix packed_v_;
};

}  // namespace attnewton
