// A Hessian at an earlier point that conjugate gradients are preconditioned with, made anew when that pays.
#pragma once

#include <string>

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/solver/damping.hpp"
#include "attnewton/solver/iterate.hpp"
#include "attnewton/solver/iteration.hpp"

namespace attnewton {

struct PreconditionerOptions {
  /// Steps that one serves; 0: until conjugate gradients have taken as long, since it was made, as making it
  /// took. That depends on the clock, so that runs may differ in it.
  Index keep = 0;
};

/// M = H̃ + D of a DampedHessian, kept over several steps. Collective on the problem's communicator.
class Preconditioner {
 public:
  Preconditioner(DampedHessian& hessian, const PreconditionerOptions& options)
      : hessian_(hessian), options_(options) {}

  /// Makes M for the shift of `damping` if it is due: H̃ anew at the iterate, or its factor alone where the
  /// shift has moved far. A fresh H̃ that is not positive definite with it raises `damping` until it is.
  /// Returns whether there is an M: false if no shift makes one.
  bool prepare(const Iterate& iterate, Damping& damping, IterationRecord& record);

  /// Why prepare() found none: a clause.
  std::string obstacle() const;

  /// M⁻¹ v.
  Vector solve(const Vector& v) const { return hessian_.solve(v); }

  /// So much time went into conjugate gradients with this M.
  void note_use(double seconds);

  /// M is to be made anew before its next use.
  void discard() { is_made_ = false; }

  /// Seconds that making M took the last time.
  double making_seconds() const { return making_seconds_; }

 private:
  bool is_due(const Iterate& iterate) const;
  bool is_factor_due(const Iterate& iterate, const Damping& damping) const;
  bool factor(double shift);

  DampedHessian& hessian_;
  PreconditionerOptions options_;
  bool is_made_ = false;
  Index made_at_ = 0;
  double shift_ = 0;
  bool is_indefinite_ = false;  // H̃ with the shift that was wanted last
  double making_seconds_ = 0;
  double factoring_seconds_ = 0;
  double use_since_made_ = 0;
  double use_since_factored_ = 0;
};

}  // namespace attnewton
