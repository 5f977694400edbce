#include "attnewton/bench/repetition.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"

namespace attnewton {
namespace {

// A first run longer than this is as good as any other.
constexpr double warm_up_seconds = 1;

double run_once(const Communicator& comm, const std::function<void()>& work) {
  comm.barrier();
  const Stopwatch watch;
  work();
  comm.barrier();  // ranks that share cores run one after the other: none is done before all are
  return comm.max(watch.seconds());
}

}  // namespace

double median(std::vector<double> values) {
  require(!values.empty(), "median: there are values");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

double Repetitions::median() const {
  return attnewton::median(seconds);
}

double Repetitions::fastest() const {
  require(!seconds.empty(), "Repetitions::fastest: there are repetitions");
  return *std::min_element(seconds.begin(), seconds.end());
}

bool RepetitionRule::is_met(Index count, double seconds) const {
  if (exactly > 0) return count >= exactly;
  return (count >= usual && seconds >= usual_seconds) || count >= most ||
         (count >= fewest && seconds >= patience_seconds);
}

Repetitions repeat(const Communicator& comm, const RepetitionRule& rule, const std::function<void()>& work) {
  Repetitions repetitions;
  std::vector<double>& seconds = repetitions.seconds;
  double total = 0;
  const auto keep = [&](double run) {
    seconds.push_back(run);
    total += run;
  };
  const double first = run_once(comm, work);
  if (first > warm_up_seconds) keep(first);
  // Every rank has the same seconds, so that all stop after the same repetition.
  while (!rule.is_met(repetitions.count(), total)) keep(run_once(comm, work));
  return repetitions;
}

}  // namespace attnewton
