// The regulariser of regressions on one vector: of the scores z = A x and of x itself.
#pragma once

#include "attnewton/parallel/communicator.hpp"

namespace attnewton {

/// ½‖diag(w) z‖² + ½λ‖x‖², this rank's rows of w; no weights are the same as w = 0.
class ScoreRegulariser {
 public:
  ScoreRegulariser(const Vector& weights, double ridge)
      : weights_squared_(weights.array().square()), ridge_(ridge) {}

  bool has_weights() const { return weights_squared_.size() > 0; }
  /// w²; empty without weights.
  const Vector& weights_squared() const { return weights_squared_; }
  double ridge() const { return ridge_; }

  /// The regulariser from this rank's rows of z and the whole of x. Collective.
  double value(const Communicator& comm, const Vector& z, const Vector& x) const {
    const double weighted = has_weights() ? (weights_squared_.array() * z.array().square()).sum() : 0;
    return 0.5 * comm.sum(weighted) + 0.5 * ridge_ * x.squaredNorm();
  }
  /// slope += w²∘z: the first part's gradient by z, and its Hessian times z. Local.
  void add_slope(const Vector& z, Vector& slope) const {
    if (has_weights()) slope.array() += weights_squared_.array() * z.array();
  }
  /// diagonal += w²: the first part's Hessian by z. Local.
  void add_curvature(Vector& diagonal) const {
    if (has_weights()) diagonal += weights_squared_;
  }

 private:
  Vector weights_squared_;
  double ridge_;
};

}  // namespace attnewton
