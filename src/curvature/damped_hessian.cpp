#include "attnewton/curvature/damped_hessian.hpp"

#include <optional>
#include <utility>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/linalg/distributed_cholesky.hpp"
#include "attnewton/linalg/lanczos.hpp"

namespace attnewton {
namespace {

// Lanczos steps that bound the smallest eigenvalue once a factorisation failed: a few per cent of its cost.
constexpr Index ritz_steps = 30;

class AssembledHessian : public DampedHessian {
 public:
  AssembledHessian(const Problem& problem, std::shared_ptr<const HessianModel> model)
      : problem_(problem), model_(std::move(model)) {}

  std::string name() const override { return model_->name(); }
  bool is_rough() const override { return model_->is_random(); }

  void update(const Point& point, const Progress& progress) override {
    const TimingScope timing("hessian");
    factor_.reset();
    // Not before it is needed: a method may never come to it.
    if (!h_)
      h_.emplace(std::make_shared<ProcessGrid>(problem_.comm()), problem_.unknowns(), problem_.unknowns());
    model_->assemble(point, progress, *h_);
    mean_abs_diagonal_ = h_->mean_abs_diagonal();
    smallest_ritz_.reset();
    factorisations_ = 0;
  }

  double mean_abs_diagonal() const override { return mean_abs_diagonal_; }

  // Once H̃ + D was seen to be indefinite, shifts that a Ritz value shows to be too small are not factored.
  bool factor(double shift) override {
    const TimingScope timing("cholesky");
    require(h_.has_value(), "AssembledHessian::factor: after update()");
    factor_.reset();
    if (smallest_ritz_ && *smallest_ritz_ + shift < 0) return false;
    ++factorisations_;
    factor_ = DistributedCholesky::factor(*h_, shift, problem_.damped_unknowns());
    if (!factor_ && !smallest_ritz_) smallest_ritz_ = smallest_ritz_value(*h_, ritz_steps);
    return factor_.has_value();
  }

  Index factorisations() const override { return factorisations_; }

  Vector solve(const Vector& rhs) const override {
    require(factor_.has_value(), "AssembledHessian::solve: after a factor() that succeeded");
    return factor_->solve(rhs);
  }

 private:
  const Problem& problem_;
  std::shared_ptr<const HessianModel> model_;
  std::optional<DistributedMatrix> h_;
  double mean_abs_diagonal_ = 0;
  Index factorisations_ = 0;
  std::optional<double> smallest_ritz_;
  std::optional<DistributedCholesky> factor_;
};

}  // namespace

std::unique_ptr<DampedHessian> make_assembled_hessian(const Problem& problem,
                                                      std::shared_ptr<const HessianModel> model) {
  return std::make_unique<AssembledHessian>(problem, std::move(model));
}

}  // namespace attnewton
