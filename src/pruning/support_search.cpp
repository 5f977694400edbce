#include "attnewton/pruning/support_search.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/solver/trust_region_cg.hpp"

namespace attnewton {
namespace {

// A support has settled when so many iterations have not changed it and θ is this near to z.
constexpr Index quiet_iterations = 5;
constexpr double settled_gap = 0.05;

// θ, z and v of the method; all are the same on every rank.
class Search {
 public:
  Search(std::shared_ptr<const AttentionMap> map, const MapMetric& metric, const Pattern& pattern,
         double ratio, const SupportSearchOptions& options)
      : map_(std::move(map)),
        metric_(metric),
        pattern_(pattern),
        ratio_(ratio),
        options_(options),
        penalty_(options.first_penalty),
        dense_(map_->reference().to_vector().cwiseQuotient(metric.unit)),
        theta_(dense_),
        dual_(Vector::Zero(dense_.size())) {
    project();
  }

  void iterate(SupportSearchRecord& record) {
    record.penalty = penalty_;
    step(record);
    const GroupMask before = mask_;
    project();
    dual_ += theta_ - sparse_;
    record.gap = (theta_ - sparse_).norm() / sparse_.norm();
    record.changes = differences(before, mask_);
    quiet_ = record.changes == 0 && record.gap <= settled_gap ? quiet_ + 1 : 0;
    penalty_ *= options_.penalty_growth;
  }

  bool has_settled() const { return quiet_ >= quiet_iterations; }

  SparseWeights result() const { return {mask_, metric_.unit.cwiseProduct(sparse_), 0}; }

 private:
  // z ← θ + v where it is largest.
  void project() {
    const Vector wanted = theta_ + dual_;
    mask_ = keep_largest(map_->blocks(), wanted.cwiseAbs(), pattern_, ratio_);
    sparse_ = masked(map_->blocks(), wanted, mask_);
  }

  // Both quadratic terms as one: ½p‖θ − t‖², p = μ + ρ.
  AttentionMapOptions objective() const {
    const double pull = options_.ridge + penalty_;
    AttentionMapOptions options;
    options.form = HessianForm::gauss_newton;
    options.unit = metric_.unit;
    options.prior_weight = options_.prior;
    options.prior = metric_.blocks;
    options.pull = Vector::Constant(theta_.size(), pull);
    options.centre = (options_.ridge * dense_ + penalty_ * (sparse_ - dual_)) / pull;
    return options;
  }

  void step(SupportSearchRecord& record) {
    const TimingScope timing("support search");
    const AttentionMapProblem problem(map_, objective());
    const auto point = problem.evaluate_with_gradient(theta_);
    if (!point->objective().is_finite()) throw NumericalError("support search: " + point->obstacle());
    record.data_loss = point->objective().data_loss;
    MapKroneckerHessian preconditioner(problem, metric_.spectra);
    preconditioner.update(*point, {record.iteration, 1});
    require(preconditioner.factor(0), "support search: the penalty makes the preconditioner definite");
    const auto agreed = [&](Vector v) {
      map_->comm().broadcast(v);
      return v;
    };
    const CgOperators operators{[&](const Vector& v) { return agreed(problem.hessian_vector(*point, v)); },
                                [&](const Vector& v) { return agreed(preconditioner.solve(v)); }};
    const CgPath path(agreed(problem.gradient(*point)), operators,
                      {options_.forcing, options_.most_products});
    record.products = path.products();
    theta_ += agreed(path.end_step().step);
  }

  std::shared_ptr<const AttentionMap> map_;
  const MapMetric& metric_;
  Pattern pattern_;
  double ratio_;
  SupportSearchOptions options_;
  double penalty_;
  Vector dense_;
  Vector theta_;
  Vector dual_;
  Vector sparse_;
  GroupMask mask_;
  Index quiet_ = 0;  // last iterations in a row that changed nothing
};

}  // namespace

SparseWeights search_support(const std::shared_ptr<const AttentionMap>& map, const MapMetric& metric,
                             const Pattern& pattern, double ratio, const SupportSearchOptions& options,
                             const SupportSearchObserver& observer) {
  Search search(map, metric, pattern, ratio, options);
  SupportSearchRecord record;
  while (record.iteration < options.iterations && !search.has_settled()) {
    ++record.iteration;
    search.iterate(record);
    if (observer) observer(record);
  }
  SparseWeights found = search.result();
  found.iterations = record.iteration;
  return found;
}

}  // namespace attnewton
