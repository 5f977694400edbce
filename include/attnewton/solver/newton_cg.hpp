// Newton's method whose steps conjugate gradients find, on exact Hessian–vector products (MATHEMATICS §7,
// "Matrix-free variant").
#pragma once

#include <optional>

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/solver/damping.hpp"
#include "attnewton/solver/preconditioner.hpp"
#include "attnewton/solver/step_method.hpp"
#include "attnewton/solver/trust_region_cg.hpp"

namespace attnewton {

struct NewtonCgOptions {
  /// Largest forcing term η: each step solves (H + D) s = −g to a residual of η‖g‖. Near the solution it
  /// falls with the gradient, which makes convergence superlinear (Eisenstat and Walker 1996, choice 2).
  double largest_forcing = 0.5;
  Index most_products = 1000;  ///< of one run of conjugate gradients
  double tolerance = 1e-8;  ///< of the solve, on ‖g‖/‖g₀‖: steps are not solved beyond what it needs
  DampingOptions damping;
  PreconditionerOptions preconditioner;
};

/// Steps (H + D) s = −g, D = μ on the problem's damped unknowns, by preconditioned conjugate gradients on
/// exact products: the model's minimiser in a trust region whose multiplier is μ. Curvature that is not
/// positive raises μ above it; a step that is rejected is cut back along the path of the iterates (Steihaug),
/// which costs no product, before μ rises. μ falls as in damped Newton's method. Cost of a step: its products
/// and preconditioner solves, an evaluation and a gradient, a new preconditioner now and then.
class NewtonCg : public StepMethod {
 public:
  /// `preconditioner` must outlive this.
  NewtonCg(DampedHessian& preconditioner, const NewtonCgOptions& options)
      : preconditioner_(preconditioner, options.preconditioner), options_(options) {}

  std::optional<Step> find_step(Iterate& iterate, IterationRecord& record) override;
  void after_step(const Iterate& iterate, double ratio) override;
  Index patience() const override;
  std::string obstacle() const override;

 private:
  std::optional<Step> find_acceptable_step(const Iterate& iterate, IterationRecord& record);
  void begin(const Iterate& iterate, IterationRecord& record);
  void refine(Iterate& iterate);
  double forcing_term(const Iterate& iterate) const;
  CgPath conjugate_gradients(const Iterate& iterate, IterationRecord& record);
  std::optional<Step> follow(const CgPath& path, const Iterate& iterate, IterationRecord& record);
  bool is_hidden(const Step& trial, const Iterate& iterate) const;

  Preconditioner preconditioner_;
  NewtonCgOptions options_;
  std::optional<Damping> damping_;
  double forcing_ = 0;
  bool has_preconditioner_ = true;
  bool was_cut_back_ = false;
  Index rejected_ = 0;  // trials of the step that is being looked for
};

}  // namespace attnewton
