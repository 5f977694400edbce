// A function with a corner, at which no method has a step.
#pragma once

#include <cmath>
#include <memory>

#include "attnewton/problems/problem.hpp"

namespace attnewton::testing_support {

/// f(x) = 1 + |x − 1|, with second derivatives that do not know of the kink.
class Kink : public Problem {
 public:
  const Communicator& comm() const override { return comm_; }
  Index unknowns() const override { return 1; }
  std::unique_ptr<Point> evaluate(const Vector& x) const override {
    return std::make_unique<Point>(x, Objective{1 + std::abs(x[0] - 1), 0, 0});
  }
  Vector gradient(const Point& point) const override {
    return Vector::Constant(1, point.theta()[0] >= 1 ? 1 : -1);
  }
  Vector hessian_vector(const Point& /*point*/, const Vector& v) const override { return v; }

 private:
  Communicator comm_ = Communicator::world();
};

}  // namespace attnewton::testing_support
