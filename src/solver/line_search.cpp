#include "attnewton/solver/line_search.hpp"

#include <algorithm>
#include <cmath>

namespace attnewton {
namespace {

// Trial lengths grow by at most this, and stay this share of an interval away from its ends.
constexpr double most_growth = 10;
constexpr double margin = 0.1;

struct Trial {
  double length = 0;
  LineValue at;
};

// The minimiser of the cubic through both ends' values and slopes, or their middle where there is none.
double cubic_minimiser(const Trial& a, const Trial& b) {
  const double width = b.length - a.length;
  const double d1 = a.at.slope + b.at.slope - 3 * (a.at.value - b.at.value) / (a.length - b.length);
  const double square = d1 * d1 - a.at.slope * b.at.slope;
  const double middle = a.length + 0.5 * width;
  if (!(square >= 0) || !std::isfinite(b.at.value)) return middle;
  const double d2 = std::copysign(std::sqrt(square), width);
  const double length = b.length - width * (b.at.slope + d2 - d1) / (b.at.slope - a.at.slope + 2 * d2);
  return std::isfinite(length) ? length : middle;
}

class LineSearch {
 public:
  LineSearch(const std::function<LineValue(double)>& evaluate, const LineValue& start, double rounding,
             const LineSearchOptions& options)
      : evaluate_(evaluate), start_(start), rounding_(rounding), options_(options) {}

  std::optional<double> run(double first) {
    Trial before{0, start_};
    double length = first;
    while (trials_ < options_.most_trials) {
      const Trial trial = try_length(length);
      if (is_acceptable(trial)) return trial.length;
      if (rises(trial) || (before.length > 0 && is_higher(trial, before))) return zoom(before, trial);
      if (trial.at.slope >= 0) return zoom(trial, before);
      length =
          std::clamp(extrapolate(before, trial), (1 + margin) * trial.length, most_growth * trial.length);
      before = trial;
    }
    return std::nullopt;
  }

 private:
  Trial try_length(double length) {
    ++trials_;
    return {length, evaluate_(length)};
  }

  bool is_flat(const Trial& trial) const { return std::abs(trial.at.value - start_.value) <= rounding_; }

  // Not enough decrease: the first Wolfe condition fails.
  bool rises(const Trial& trial) const {
    if (!std::isfinite(trial.at.value)) return true;
    if (is_flat(trial)) return trial.at.slope > (2 * options_.sufficient_decrease - 1) * start_.slope;
    return trial.at.value > start_.value + options_.sufficient_decrease * trial.length * start_.slope;
  }

  bool is_higher(const Trial& a, const Trial& b) const {
    return !std::isfinite(a.at.value) || (a.at.value >= b.at.value && !is_flat(a));
  }

  bool is_acceptable(const Trial& trial) const {
    return !rises(trial) && std::abs(trial.at.slope) <= -options_.curvature * start_.slope;
  }

  static double extrapolate(const Trial& before, const Trial& trial) {
    const double length = cubic_minimiser(before, trial);
    return length > trial.length ? length : most_growth * trial.length;
  }

  // Both conditions hold somewhere between low, which satisfies the first, and high.
  std::optional<double> zoom(Trial low, Trial high) {
    while (trials_ < options_.most_trials) {
      const double width = std::abs(high.length - low.length);
      const double left = std::min(low.length, high.length);
      if (!(width > 1e-14 * (left + width))) return std::nullopt;
      const double length =
          std::clamp(cubic_minimiser(low, high), left + margin * width, left + (1 - margin) * width);
      const Trial trial = try_length(length);
      if (is_acceptable(trial)) return trial.length;
      if (rises(trial) || is_higher(trial, low)) {
        high = trial;
      } else {
        if (trial.at.slope * (high.length - low.length) >= 0) high = low;
        low = trial;
      }
    }
    return std::nullopt;
  }

  const std::function<LineValue(double)>& evaluate_;
  const LineValue start_;
  const double rounding_;
  const LineSearchOptions& options_;
  Index trials_ = 0;
};

}  // namespace

std::optional<double> search_line(const std::function<LineValue(double)>& evaluate, const LineValue& start,
                                  double first, double rounding, const LineSearchOptions& options) {
  return LineSearch(evaluate, start, rounding, options).run(first);
}

}  // namespace attnewton
