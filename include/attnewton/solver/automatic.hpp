// Cheapest steps first: L-BFGS into the basin, Newton–CG or damped Newton to the end.
#pragma once

#include <deque>

#include "attnewton/solver/lbfgs.hpp"
#include "attnewton/solver/newton.hpp"
#include "attnewton/solver/newton_cg.hpp"

namespace attnewton {

struct AutomaticOptions {
  double tolerance = 1e-8;  ///< of the solve, on ‖g‖/‖g₀‖
  /// What an exact Hessian and its factor cost, and what Newton–CG's preconditioner does: in evaluations with
  /// gradient, by counts of operations.
  double newton_cost = 0;
  double preconditioner_cost = 0;
};

/// Goes on with L-BFGS for as long as that is predicted to finish sooner than Newton–CG would: its
/// evaluations to come, by how fast the gradient's norm fell of late, against what some Newton steps cost.
/// Costs are counted in evaluations with gradient and progress is measured, so that the path does not depend
/// on the clock. Where an exact Hessian is cheap, damped Newton does all the steps; where L-BFGS finds no
/// step Newton–CG goes on, and damped Newton where that finds none.
class Automatic : public StepMethod {
 public:
  /// All of them must outlive this.
  Automatic(Lbfgs& lbfgs, NewtonCg& newton_cg, DampedNewton& newton, const AutomaticOptions& options);

  std::optional<Step> find_step(Iterate& iterate, IterationRecord& record) override;
  void after_step(const Iterate& iterate, double ratio) override;
  Index patience() const override { return idle_before_ + method().patience(); }
  bool can_refine(const Iterate& iterate) const override { return method().can_refine(iterate); }
  std::string obstacle() const override { return method().obstacle(); }

 private:
  enum class Stage { lbfgs, newton_cg, newton };
  // Where L-BFGS stood after a step.
  struct Mark {
    Index evaluations;
    double relative_gradient;  // the least so far
  };

  StepMethod& method() const;
  void hand_over(Stage next, const Iterate& iterate);
  bool is_hand_over_due(const Iterate& iterate) const;
  double evaluations_to_come() const;

  Lbfgs& lbfgs_;
  NewtonCg& newton_cg_;
  DampedNewton& newton_;
  AutomaticOptions options_;
  Stage stage_ = Stage::lbfgs;
  Index evaluations_ = 0;
  Index idle_before_ = 0;   // steps without progress that the methods before are to blame for
  std::deque<Mark> marks_;  // of the last steps, oldest first
};

}  // namespace attnewton
