#include "attnewton/solver/damping.hpp"

#include <algorithm>
#include <limits>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// A shift below this share of H's diagonal changes no digit of H: it counts as none, and raising starts from
// here.
constexpr double smallest_relative_shift = 4 * std::numeric_limits<double>::epsilon();

}  // namespace

Damping::Damping(const DampingOptions& options, double mean_abs_diagonal)
    : options_(options),
      floor_(smallest_relative_shift * mean_abs_diagonal),
      shift_(options.initial_relative_shift * mean_abs_diagonal) {
  if (!(options.initial_relative_shift >= 0)) throw UsageError("the initial shift must not be negative");
  if (floor_ == 0) floor_ = std::numeric_limits<double>::min();
}

void Damping::raise_for_indefinite() {
  shift_ = std::max(shift_, floor_) * options_.indefinite_factor;
}

void Damping::raise_for_rejection() {
  shift_ = std::max(shift_, floor_) * options_.reject_factor;
}

void Damping::raise_to(double smallest) {
  if (smallest > shift_) shift_ = smallest;
}

void Damping::limit_to(double largest) {
  if (largest < shift_) shift_ = largest;
}

void Damping::adapt_after(double ratio, double gradient_gain) {
  if (ratio > 0.9) {
    shift_ *= std::min(0.1, gradient_gain);
  } else {
    shift_ *= ratio > 0.5 ? 0.3 : ratio > 0.2 ? 1.0 : 2.0;
  }
  if (shift_ < floor_) shift_ = 0;
}

}  // namespace attnewton
