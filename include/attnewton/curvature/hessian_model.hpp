// An approximation of the Hessian that can be assembled into a distributed matrix.
#pragma once

#include <string>

#include "attnewton/linalg/distributed_matrix.hpp"
#include "attnewton/problems/problem.hpp"

namespace attnewton {

/// How far a solve has come: what a Hessian may let its randomness and its effort depend on.
struct Progress {
  Progress(Index iterations, double gradient = 1) : iteration(iterations), relative_gradient(gradient) {}

  Index iteration;           ///< steps taken so far
  double relative_gradient;  ///< ‖g‖/‖g₀‖
};

class HessianModel {
 public:
  virtual ~HessianModel() = default;

  /// The name that --hessian gives it.
  virtual std::string name() const = 0;

  /// Whether iterations draw other matrices at random: steps then converge linearly, and unevenly, and
  /// progress is judged with more patience.
  virtual bool is_random() const { return false; }

  /// Overwrites the lower triangle of `h` (unknowns × unknowns) with this model's Hessian at `point`. What is
  /// random in it depends on its seed and the progress alone, so that iterations draw anew and the same
  /// iteration draws the same. Collective on the problem's communicator, which is that of h's grid.
  virtual void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const = 0;
};

}  // namespace attnewton
