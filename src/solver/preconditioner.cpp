#include "attnewton/solver/preconditioner.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/timing.hpp"

namespace attnewton {
namespace {

// A shift that has fallen or risen by this factor makes a new factor worth its time.
constexpr double far = 10;

// M's own least shift, as a share of H̃'s mean absolute diagonal: a factor of less is rounding.
constexpr double least_relative_shift = 1e-13;

// The shift times this while H̃ + D is not positive definite, and how often.
constexpr double raise_of_shift = 4;
constexpr Index most_shifts = 60;

// One answer for all ranks, whose clocks differ.
bool any(const Communicator& comm, bool mine) {
  return comm.max(Index{mine ? 1 : 0}) > 0;
}

}  // namespace

bool Preconditioner::is_due(const Iterate& iterate) const {
  if (!is_made_) return true;
  if (iterate.iteration() == made_at_) return false;  // H̃ would be the same again
  if (options_.keep > 0) return iterate.iteration() - made_at_ >= options_.keep;
  return any(iterate.problem().comm(), use_since_made_ > making_seconds_);
}

// A shift that H̃ is known to need is not tried to be gone below. M of a shift that is much too small is as
// poor as one of a shift that is much too large.
bool Preconditioner::is_factor_due(const Iterate& iterate, const Damping& damping) const {
  const double shift = std::max(damping.shift(), least_relative_shift * hessian_.mean_abs_diagonal());
  const bool has_fallen = !is_indefinite_ && far * shift < shift_;
  const bool has_risen = shift > far * shift_;
  return (has_fallen || has_risen) &&
         (options_.keep > 0 || any(iterate.problem().comm(), use_since_factored_ > factoring_seconds_));
}

bool Preconditioner::prepare(const Iterate& iterate, Damping& damping, IterationRecord& record) {
  if (is_due(iterate)) {
    const TimingScope timing("preconditioner");
    const Stopwatch watch;
    hessian_.update(iterate.point(), iterate.progress());
    made_at_ = iterate.iteration();
    is_made_ = factor(damping.shift());
    if (is_made_ && is_indefinite_) damping.raise_to(shift_);
    making_seconds_ = watch.seconds();
    use_since_made_ = 0;
    record.factorisations += hessian_.factorisations();
  } else if (is_factor_due(iterate, damping)) {
    const TimingScope timing("preconditioner");
    const Index factored_before = hessian_.factorisations();
    is_made_ = factor(damping.shift());
    record.factorisations += hessian_.factorisations() - factored_before;
  }
  return is_made_;
}

// The factor of H̃ + D with the least shift from `shift` on, by fours, that makes it positive definite.
bool Preconditioner::factor(double shift) {
  const Stopwatch watch;
  const double size = hessian_.mean_abs_diagonal();
  shift_ = std::max(shift, least_relative_shift * size);
  Index tried = 0;
  while (std::isfinite(size) && tried < most_shifts && !hessian_.factor(shift_)) {
    shift_ *= raise_of_shift;
    ++tried;
  }
  is_indefinite_ = tried > 0;
  factoring_seconds_ = watch.seconds();
  use_since_factored_ = 0;
  return std::isfinite(size) && tried < most_shifts;
}

std::string Preconditioner::obstacle() const {
  return fmt::format(
      "no shift makes the {} Hessian positive definite, so that it could precondition: its mean absolute "
      "diagonal is {:.2e}",
      hessian_.name(), hessian_.mean_abs_diagonal());
}

void Preconditioner::note_use(double seconds) {
  use_since_made_ += seconds;
  use_since_factored_ += seconds;
}

}  // namespace attnewton
