// Rosenbrock's function as a problem of the solver, and its Hessian.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "attnewton/curvature/hessian_model.hpp"

namespace attnewton::testing_support {

/// f(θ) = Σ (1 − θ_i)² + 100 (θ_{i+1} − θ_i²)² (Rosenbrock), every rank knowing all of it.
class Rosenbrock : public Problem {
 public:
  explicit Rosenbrock(Index unknowns) : unknowns_(unknowns) {}
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return unknowns_; }

  std::unique_ptr<Point> evaluate(const Vector& t) const override {
    Objective objective;
    for (Index i = 0; i + 1 < unknowns_; ++i) {
      objective.loss += std::pow(1 - t[i], 2) + 100 * std::pow(t[i + 1] - t[i] * t[i], 2);
    }
    if (t.cwiseAbs().maxCoeff() > domain) objective.loss = std::numeric_limits<double>::infinity();
    return std::make_unique<Point>(t, objective, "outside the domain");
  }

  Vector gradient(const Point& point) const override {
    const Vector& t = point.theta();
    Vector g = Vector::Zero(unknowns_);
    for (Index i = 0; i + 1 < unknowns_; ++i) {
      g[i] += -2 * (1 - t[i]) - 400 * t[i] * (t[i + 1] - t[i] * t[i]);
      g[i + 1] += 200 * (t[i + 1] - t[i] * t[i]);
    }
    return g;
  }

  Vector hessian_vector(const Point& point, const Vector& v) const override {
    return hessian(point.theta()) * v;
  }

  Matrix hessian(const Vector& t) const {
    Matrix h = Matrix::Zero(unknowns_, unknowns_);
    for (Index i = 0; i + 1 < unknowns_; ++i) {
      h(i, i) += 2 - 400 * (t[i + 1] - 3 * t[i] * t[i]);
      h(i + 1, i) = h(i, i + 1) = -400 * t[i];
      h(i + 1, i + 1) += 200;
    }
    return h;
  }

  /// |θ_i| beyond this is outside the domain.
  double domain = std::numeric_limits<double>::infinity();

 private:
  Communicator comm_ = Communicator::world();
  Index unknowns_;
};

class RosenbrockHessian : public HessianModel {
 public:
  explicit RosenbrockHessian(const Rosenbrock& problem) : problem_(problem) {}
  std::string name() const override { return "exact"; }
  void assemble(const Point& point, const Progress&, DistributedMatrix& h) const override {
    h.set_zero();
    Matrix panel = problem_.hessian(point.theta());
    if (!h.grid()->comm().is_root()) panel.setZero();
    h.add_reduced_panel(0, 0, panel);
  }

 private:
  const Rosenbrock& problem_;
};

}  // namespace attnewton::testing_support
