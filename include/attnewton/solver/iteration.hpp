// What a solver tells of each iteration and of the whole solve.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attnewton/problems/problem.hpp"

namespace attnewton {

/// The state before step `iteration` (0 is the start), with the step that led to it.
struct IterationRecord {
  Index iteration = 0;
  std::string
      method;  ///< that made the step which led here: "newton", "newton-cg", "lbfgs"; empty at the start
  Objective objective;
  double gradient_norm = 0;      ///< ‖g‖₂
  double relative_gradient = 0;  ///< ‖g‖ / ‖g₀‖
  double step_norm = 0;          ///< ‖θ_k − θ_{k−1}‖₂; 0 at the start
  double damping = 0;  ///< shift μ of that step's Hessian, or of Newton–CG's preconditioner; 0 if it had none
  double ratio = 0;          ///< actual over predicted decrease of that step; NaN at the start
  Index trials = 0;          ///< evaluations that step took: 1 + rejected steps
  Index factorisations = 0;  ///< Cholesky factorisations that step took, failed ones included
  Index products = 0;        ///< Hessian–vector products that step took
  double seconds = 0;        ///< since the solve began
  Precision curvature =
      Precision::full;  ///< of the Hessian of the last step; at the start of the one to come
};

/// Told of every iteration, on every rank.
class IterationObserver {
 public:
  virtual ~IterationObserver() = default;
  virtual void on_iteration(const IterationRecord& record) = 0;
};

enum class SolveStatus { converged, max_iterations, time_limit, stopped, numerical_failure };

/// The status as result.json spells it.
std::string to_string(SolveStatus status);

struct SolveSummary {
  SolveStatus status = SolveStatus::numerical_failure;
  std::string reason;  ///< a sentence
  Index iterations = 0;
  double initial_loss = 0;
  double initial_gradient_norm = 0;
  double gradient_norm = 0;
  double seconds = 0;
  std::unique_ptr<Point> point;  ///< where the solve ended: the last point that was accepted
};

}  // namespace attnewton
