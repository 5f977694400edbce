// Wrappers that count what a method asks of a problem and of a Hessian.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attnewton/curvature/damped_hessian.hpp"

namespace attnewton::testing_support {

/// Another problem, counted. Local to each rank beside what the other does.
class CountingProblem : public Problem {
 public:
  /// `problem` must outlive this.
  explicit CountingProblem(const Problem& problem) : problem_(problem) {}

  const Communicator& comm() const override { return problem_.comm(); }
  Index unknowns() const override { return problem_.unknowns(); }
  Index damped_unknowns() const override { return problem_.damped_unknowns(); }
  Precision precision() const override { return problem_.precision(); }
  std::unique_ptr<Point> evaluate(const Vector& theta) const override {
    evaluated.push_back(theta);
    return problem_.evaluate(theta);
  }
  std::unique_ptr<Point> evaluate_with_gradient(const Vector& theta) const override {
    evaluated.push_back(theta);
    return problem_.evaluate_with_gradient(theta);
  }
  std::unique_ptr<Point> evaluate_fully(const Vector& theta, Precision curvature) const override {
    evaluated.push_back(theta);
    return problem_.evaluate_fully(theta, curvature);
  }
  Vector gradient(const Point& point) const override {
    ++gradients;
    return problem_.gradient(point);
  }
  Vector hessian_vector(const Point& point, const Vector& v) const override {
    ++products;
    return problem_.hessian_vector(point, v);
  }

  Index evaluations() const { return static_cast<Index>(evaluated.size()); }

  mutable std::vector<Vector> evaluated;  ///< every θ, in order
  mutable Index gradients = 0;
  mutable Index products = 0;

 private:
  const Problem& problem_;
};

/// Another Hessian, counted.
class CountingHessian : public DampedHessian {
 public:
  /// `hessian` must outlive this.
  explicit CountingHessian(DampedHessian& hessian) : hessian_(hessian) {}

  std::string name() const override { return hessian_.name(); }
  bool is_rough() const override { return hessian_.is_rough(); }
  void update(const Point& point, const Progress& progress) override {
    updated_at.push_back(progress.iteration);
    factored_before_ = factored;
    hessian_.update(point, progress);
  }
  double mean_abs_diagonal() const override { return hessian_.mean_abs_diagonal(); }
  bool factor(double shift) override {
    ++factored;
    last_shift = shift;
    return hessian_.factor(shift);
  }
  Index factorisations() const override { return factored - factored_before_; }
  Vector solve(const Vector& rhs) const override { return hessian_.solve(rhs); }

  std::vector<Index> updated_at;  ///< iterations
  Index factored = 0;
  double last_shift = 0;

 private:
  DampedHessian& hessian_;
  Index factored_before_ = 0;
};

}  // namespace attnewton::testing_support
