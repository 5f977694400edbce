// Where a solve stands: the point, its gradient, and what is remembered of the way there.
#pragma once

#include <limits>
#include <memory>
#include <optional>

#include "attnewton/curvature/hessian_model.hpp"

namespace attnewton {

/// A step that a method found, and what it led to.
struct Step {
  std::unique_ptr<Point> point;    ///< θ + step, evaluated
  std::optional<Vector> gradient;  ///< there, if the method needed it
  double norm = 0;                 ///< ‖step‖₂
  double ratio = 0;                ///< actual over predicted decrease
  bool below_rounding = false;     ///< both decreases are too small to be told from none
};

/// How a step is judged whose decrease drowns in the loss's rounding.
enum class SmallSteps {
  trust,              ///< the model is right as far as can be seen: a ratio of 1
  judge_by_gradient,  ///< (g + g⁺)ᵀs/2 gives the decrease without its cancellation, to third order
  refuse,             ///< what hides the decrease is the method's doing: a ratio of −1
};

/// The state of one solve. Collective on the problem's communicator unless a function only looks at it; the
/// same on every rank.
class Iterate {
 public:
  /// Evaluates the start. `problem` must outlive this. Throws NumericalError if the objective is not finite
  /// there.
  Iterate(const Problem& problem, const Vector& start);

  const Problem& problem() const { return problem_; }
  const Point& point() const { return *point_; }
  const Vector& gradient() const { return gradient_; }
  double gradient_norm() const { return gradient_norm_; }
  double initial_gradient_norm() const { return initial_gradient_norm_; }
  double initial_loss() const { return initial_loss_; }
  /// ‖g‖/‖g₀‖; 0 where both are 0.
  double relative_gradient() const;
  /// Steps taken so far.
  Index iteration() const { return iteration_; }
  Progress progress() const { return {iteration_, relative_gradient()}; }

  /// ‖g‖ after over ‖g‖ before the last step, and of the step before it; 0 where there was none.
  double last_gradient_gain() const { return last_gradient_gain_; }
  double gradient_gain_before() const { return gradient_gain_before_; }
  /// Last steps in a row that showed no decrease of the loss, nor any of the gradient worth the name.
  Index steps_without_progress() const { return steps_without_progress_; }

  /// Decreases of the loss below this cannot be told from none: its own rounding and, when the fit is all but
  /// exact, that of the residual it is the square of.
  double rounding_of_loss() const;

  /// Whether second derivatives are in mixed precision.
  bool can_refine() const { return point_->curvature() == Precision::mixed; }
  /// From here on second derivatives are in double, as objective and gradient have been all along.
  void refine();

  /// Objective and gradient at a trial point.
  std::unique_ptr<Point> evaluate(const Vector& theta) const;
  Vector gradient_at(const Point& point) const;

  /// Evaluates θ + step, and rates it against the decrease that a model predicted.
  Step try_step(const Vector& step, double predicted, SmallSteps small) const;

  /// Moves to where `step` led.
  void take(Step step);

  /// The point, for the summary: nothing else may be asked afterwards.
  std::unique_ptr<Point> release_point() { return std::move(point_); }

 private:
  void note_progress(bool loss_below_rounding);

  const Problem& problem_;
  Precision wanted_curvature_;
  std::unique_ptr<Point> point_;
  Vector gradient_;
  double gradient_norm_ = 0;
  double initial_gradient_norm_ = 0;
  double initial_loss_ = 0;
  double least_gradient_norm_ = std::numeric_limits<double>::infinity();
  double last_gradient_gain_ = 0;
  double gradient_gain_before_ = 0;
  Index steps_without_progress_ = 0;
  Index iteration_ = 0;
};

}  // namespace attnewton
