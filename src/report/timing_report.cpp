#include "attnewton/report/timing_report.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "json.hpp"

namespace attnewton {
namespace {

// A tree travels between ranks as lines "depth calls seconds name", parents before children.
void write_lines(const TimingNode& node, int depth, std::string& text) {
  text += fmt::format("{} {} {} {}\n", depth, node.calls, node.seconds, node.name);
  for (const auto& child : node.children) write_lines(*child, depth + 1, text);
}

// A phase with one figure a rank.
struct Gathered {
  std::string name;
  std::vector<double> calls;
  std::vector<double> seconds;
  std::vector<Gathered> children;
};

Gathered& child_of(Gathered& parent, const std::string& name) {
  auto& children = parent.children;
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&name](const Gathered& child) { return child.name == name; });
  if (found != children.end()) return *found;
  const std::size_t ranks = parent.calls.size();
  children.push_back({name, std::vector<double>(ranks), std::vector<double>(ranks), {}});
  return children.back();
}

struct Line {
  int depth = 0;
  double calls = 0;
  double seconds = 0;
  std::string name;
};

std::vector<Line> parse_lines(const std::string& text) {
  std::vector<Line> parsed;
  std::istringstream lines(text);
  Line line;
  while (lines >> line.depth >> line.calls >> line.seconds && std::getline(lines >> std::ws, line.name))
    parsed.push_back(line);
  return parsed;
}

// Adds one rank's lines from `next` on, as far as they lie at `depth` or deeper; `next` ends behind them.
// Recursion rather than a stack of pointers: children move when a sibling is added.
void add_lines(const std::vector<Line>& lines, std::size_t& next, int depth, std::size_t rank,
               Gathered& parent) {
  while (next < lines.size() && lines[next].depth >= depth) {
    const Line& line = lines[next++];
    Gathered& node = child_of(parent, line.name);
    node.calls[rank] = line.calls;
    node.seconds[rank] = line.seconds;
    add_lines(lines, next, depth + 1, rank, node);
  }
}

Spread spread_of(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  return {*least, sum / static_cast<double>(values.size()), *most};
}

TimingSummary summary_of(const Gathered& node) {
  TimingSummary summary{node.name, spread_of(node.calls), spread_of(node.seconds), {}};
  for (const Gathered& child : node.children) summary.children.push_back(summary_of(child));
  return summary;
}

void add_rows(const TimingSummary& node, int depth, std::string& text) {
  text += fmt::format("{:<40}{:>8.0f}{:>11.3f}{:>11.3f}{:>11.3f}\n",
                      std::string(static_cast<std::size_t>(2 * depth), ' ') + node.name, node.calls.max,
                      node.seconds.min, node.seconds.mean, node.seconds.max);
  for (const TimingSummary& child : node.children) add_rows(child, depth + 1, text);
}

Json spread_json(const Spread& spread) {
  return {
      {"min", json_number(spread.min)}, {"mean", json_number(spread.mean)}, {"max", json_number(spread.max)}};
}

}  // namespace

TimingSummary summarise_timing(const Communicator& comm, const TimingNode& root) {
  std::string text;
  write_lines(root, 0, text);
  const std::vector<std::string> texts = comm.all_gather(text);
  Gathered all{"", std::vector<double>(texts.size()), std::vector<double>(texts.size()), {}};
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    const std::vector<Line> lines = parse_lines(texts[rank]);
    std::size_t next = 0;
    add_lines(lines, next, 0, rank, all);
  }
  require(all.children.size() == 1, "summarise_timing: the trees of all ranks have one root");
  return summary_of(all.children.front());
}

std::string timing_table(const TimingSummary& timing) {
  std::string text =
      fmt::format("{:<40}{:>8}{:>11}{:>11}{:>11}\n", "phase", "calls", "min s", "mean s", "max s");
  add_rows(timing, 0, text);
  return text;
}

std::string timing_line(const TimingSummary& timing) {
  std::string text = fmt::format("time: {:.2f} s", timing.seconds.max);
  const char* separator = ": ";
  for (const TimingSummary& phase : timing.children) {
    if (phase.seconds.max < 0.01 * timing.seconds.max) continue;
    text += fmt::format("{}{} {:.2f}", separator, phase.name, phase.seconds.max);
    separator = ", ";
  }
  return text;
}

Json timing_json(const TimingSummary& timing) {
  Json json = {
      {"name", timing.name}, {"calls", spread_json(timing.calls)}, {"seconds", spread_json(timing.seconds)}};
  Json phases = Json::array();
  for (const TimingSummary& child : timing.children) phases.push_back(timing_json(child));
  json["phases"] = std::move(phases);
  return json;
}

}  // namespace attnewton
