// The limited-memory BFGS method (Liu and Nocedal 1989).
#pragma once

#include <deque>

#include "attnewton/curvature/damped_hessian.hpp"
#include "attnewton/solver/line_search.hpp"
#include "attnewton/solver/step_method.hpp"

namespace attnewton {

struct LbfgsOptions {
  Index memory = 20;  ///< pairs (s, y) that are kept
  /// The metric's shift is this times ‖g‖/‖g₀‖ times its mean absolute diagonal: far away the metric is all
  /// but the identity, and like Levenberg and Marquardt's its shift falls with the gradient.
  double metric_shift = 30;
  Index plain_steps = 10;  ///< first steps without the metric, which far from the solution misleads
  Index keep_metric = 10;  ///< steps that a metric serves before it is taken anew
  LineSearchOptions line_search;
};

/// Steps along −H̃g, H̃ the inverse BFGS matrix of the last pairs by the two-loop recursion (Nocedal and
/// Wright, algorithm 7.4), to a length that satisfies the strong Wolfe conditions. Vectors are whole on every
/// rank: 4·memory·unknowns multiply–adds a step beside its evaluations and gradients, one each as a rule.
class Lbfgs : public StepMethod {
 public:
  /// `metric` must outlive this; null: none.
  explicit Lbfgs(const LbfgsOptions& options, DampedHessian* metric = nullptr)
      : options_(options), metric_(metric) {}

  std::optional<Step> find_step(Iterate& iterate, IterationRecord& record) override;
  Index patience() const override;
  /// Never: its steps are made of gradients, which are in double.
  bool can_refine(const Iterate& /*iterate*/) const override { return false; }
  std::string obstacle() const override;

  /// Evaluations that the last step took.
  Index last_evaluations() const { return last_evaluations_; }

 private:
  struct Pair {
    Vector s;          // θ⁺ − θ
    Vector y;          // g⁺ − g
    double curvature;  // sᵀy > 0
  };

  void update_metric(const Iterate& iterate, IterationRecord& record);
  bool factor_metric(const Iterate& iterate);
  Vector solve_metric(const Vector& v) const;
  Vector direction(const Vector& gradient) const;
  std::optional<Step> search(const Iterate& iterate, const Vector& along, IterationRecord& record) const;
  void remember(const Iterate& iterate, const Step& step);

  LbfgsOptions options_;
  DampedHessian* metric_;
  Index last_evaluations_ = 0;
  Index metric_taken_at_ = -1;
  std::deque<Pair> pairs_;  // oldest first
};

}  // namespace attnewton
