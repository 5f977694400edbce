// An approximate Hessian at a point as Newton's steps and conjugate gradients use it: shifted, factored,
// solved with.
#pragma once

#include <memory>
#include <string>

#include "attnewton/curvature/hessian_model.hpp"

namespace attnewton {

/// H̃ of one problem, at one point at a time. Every function but name() and is_rough() is collective on the
/// problem's communicator and gives every rank the same.
class DampedHessian {
 public:
  virtual ~DampedHessian() = default;

  /// The name that --hessian gives it.
  virtual std::string name() const = 0;
  /// Whether it is drawn at random, or stands for H only roughly: its steps converge linearly, some of them
  /// unevenly, and progress is judged with more patience.
  virtual bool is_rough() const { return false; }

  /// Takes H̃ at `point`; factors of earlier points are gone.
  virtual void update(const Point& point, const Progress& progress) = 0;

  /// Mean absolute diagonal of H̃: the scale of its shifts. Not finite where an entry is not.
  virtual double mean_abs_diagonal() const = 0;

  /// Factors H̃ + D, D = shift on the problem's damped unknowns. Returns whether that is positive definite;
  /// there is no factor otherwise.
  virtual bool factor(double shift) = 0;

  /// Factorisations tried since update(): factor() may know the answer without one.
  virtual Index factorisations() const = 0;

  /// (H̃ + D)⁻¹ rhs with the last factor.
  virtual Vector solve(const Vector& rhs) const = 0;
};

/// H̃ of `model` in a distributed matrix, with ScaLAPACK's Cholesky factorisation: unknowns³/3 multiply–adds a
/// factor, 2 unknowns² a solve, two matrices of unknowns² numbers over all ranks. `problem` must outlive it.
std::unique_ptr<DampedHessian> make_assembled_hessian(const Problem& problem,
                                                      std::shared_ptr<const HessianModel> model);

}  // namespace attnewton
