// Newton–CG runs for tests: a preconditioner that costs nothing, and what a solve told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attnewton/solver/minimise.hpp"
#include "attnewton/solver/newton_cg.hpp"

#include "support/recorder.hpp"
#include "support/rosenbrock.hpp"

namespace attnewton::testing_support {

/// M = I + D, without the cost of being assembled.
class UnitPreconditioner : public DampedHessian {
 public:
  std::string name() const override { return "unit"; }
  void update(const Point&, const Progress&) override { factorisations_ = 0; }
  double mean_abs_diagonal() const override { return 1; }
  bool factor(double shift) override {
    ++factorisations_;
    diagonal_ = 1 + shift;
    return diagonal_ > 0;
  }
  Index factorisations() const override { return factorisations_; }
  Vector solve(const Vector& rhs) const override { return rhs / diagonal_; }

 private:
  double diagonal_ = 1;
  Index factorisations_ = 0;
};

struct NewtonCgSolve {
  SolveSummary summary;
  std::vector<IterationRecord> records;
};

inline NewtonCgSolve solve_by_newton_cg(const Problem& problem, DampedHessian& preconditioner,
                                        const Vector& start, const NewtonCgOptions& options,
                                        Index most_iterations = 100) {
  Recorder recorder;
  IterationObserver* observers[] = {&recorder};
  NewtonCg method(preconditioner, options);
  NewtonCgSolve result;
  result.summary = minimise(problem, method, start,
                            {.tolerance = options.tolerance, .max_iterations = most_iterations}, observers);
  result.records = recorder.records;
  return result;
}

inline std::unique_ptr<DampedHessian> exact_hessian(const Rosenbrock& problem) {
  return make_assembled_hessian(problem, std::make_shared<RosenbrockHessian>(problem));
}

}  // namespace attnewton::testing_support
