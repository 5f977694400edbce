#include "attnewton/solver/lbfgs.hpp"

#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "attnewton/core/timing.hpp"

namespace attnewton {
namespace {

constexpr Index patience_of_lbfgs = 30;

// The metric's least shift, as a share of its mean absolute diagonal; what multiplies a shift while the
// metric is not definite, and how often.
constexpr double least_relative_shift = 1e-13;
constexpr double raise_of_shift = 10;
constexpr Index most_shifts = 30;

// Pairs of less curvature than this share of ‖s‖‖y‖ are not kept.
constexpr double least_curvature = 1e-10;

}  // namespace

void Lbfgs::update_metric(const Iterate& iterate, IterationRecord& record) {
  if (metric_ == nullptr || iterate.iteration() < options_.plain_steps) return;
  if (metric_taken_at_ >= 0 && iterate.iteration() - metric_taken_at_ < options_.keep_metric) return;
  const TimingScope timing("metric");
  metric_->update(iterate.point(), iterate.progress());
  const bool is_definite = factor_metric(iterate);
  record.factorisations += metric_->factorisations();
  metric_taken_at_ = iterate.iteration();
  if (!is_definite) metric_ = nullptr;  // without one these are still L-BFGS steps
}

bool Lbfgs::factor_metric(const Iterate& iterate) {
  const double size = metric_->mean_abs_diagonal();
  double shift = std::max(options_.metric_shift * iterate.relative_gradient(), least_relative_shift) * size;
  for (Index tried = 0; std::isfinite(size) && tried <= most_shifts; ++tried) {
    if (metric_->factor(shift)) return true;
    shift *= raise_of_shift;
  }
  return false;
}

Vector Lbfgs::solve_metric(const Vector& v) const {
  return metric_ == nullptr || metric_taken_at_ < 0 ? v : metric_->solve(v);
}

Vector Lbfgs::direction(const Vector& gradient) const {
  Vector q = gradient;
  std::vector<double> alpha(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    alpha[i] = pairs_[i].s.dot(q) / pairs_[i].curvature;
    q -= alpha[i] * pairs_[i].y;
  }
  q = solve_metric(q);
  if (!pairs_.empty()) q *= pairs_.back().curvature / pairs_.back().y.dot(solve_metric(pairs_.back().y));
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const double beta = pairs_[i].y.dot(q) / pairs_[i].curvature;
    q += (alpha[i] - beta) * pairs_[i].s;
  }
  return -q;
}

std::optional<Step> Lbfgs::find_step(Iterate& iterate, IterationRecord& record) {
  record.method = "lbfgs";
  record.curvature = iterate.point().curvature();
  update_metric(iterate, record);
  Vector along = direction(iterate.gradient());
  iterate.problem().comm().broadcast(along);
  auto step = search(iterate, along, record);
  if (!step && !pairs_.empty()) {
    // What was remembered may be what misleads: the gradient alone always descends.
    pairs_.clear();
    step = search(iterate, -iterate.gradient(), record);
  }
  last_evaluations_ = record.trials;
  if (step) remember(iterate, *step);
  return step;
}

// The trial that satisfies the conditions; its ratio compares with the decrease of a parabola of unit step.
std::optional<Step> Lbfgs::search(const Iterate& iterate, const Vector& along,
                                  IterationRecord& record) const {
  const TimingScope timing("line search");
  const LineValue start{iterate.point().objective().loss, iterate.gradient().dot(along)};
  if (!(start.slope < 0)) return std::nullopt;
  Step step;
  const auto evaluate = [&](double length) {
    ++record.trials;
    step.point = iterate.evaluate(iterate.point().theta() + length * along);
    const double loss = step.point->objective().loss;
    if (!step.point->objective().is_finite()) return LineValue{loss, 0};
    step.gradient = iterate.gradient_at(*step.point);
    return LineValue{loss, step.gradient->dot(along)};
  };
  const double first = pairs_.empty() ? std::min(1.0, 1 / iterate.gradient().lpNorm<1>()) : 1;
  const auto length = search_line(evaluate, start, first, iterate.rounding_of_loss(), options_.line_search);
  if (!length) return std::nullopt;
  step.norm = *length * along.norm();
  const double actual = start.value - step.point->objective().loss;
  step.below_rounding = std::abs(actual) <= iterate.rounding_of_loss();
  step.ratio = actual / (-0.5 * *length * start.slope);
  return step;
}

void Lbfgs::remember(const Iterate& iterate, const Step& step) {
  Pair pair{step.point->theta() - iterate.point().theta(), *step.gradient - iterate.gradient(), 0};
  pair.curvature = pair.s.dot(pair.y);
  if (!(pair.curvature > least_curvature * pair.s.norm() * pair.y.norm())) return;
  pairs_.push_back(std::move(pair));
  if (static_cast<Index>(pairs_.size()) > options_.memory) pairs_.pop_front();
}

Index Lbfgs::patience() const {
  return patience_of_lbfgs;
}

std::string Lbfgs::obstacle() const {
  return fmt::format(
      "no length among {} along the L-BFGS direction, nor along the gradient, satisfied the "
      "Wolfe conditions",
      options_.line_search.most_trials);
}

}  // namespace attnewton
