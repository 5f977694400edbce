// convergence.png: a solve at a glance, drawn by gnuplot where that is installed.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attnewton/solver/iteration.hpp"

namespace attnewton {

/// Keeps every record.
class IterationHistory : public IterationObserver {
 public:
  void on_iteration(const IterationRecord& record) override { records_.push_back(record); }
  const std::vector<IterationRecord>& records() const { return records_; }

 private:
  std::vector<IterationRecord> records_;
};

struct PlotLabels {
  std::string title;
  double tolerance = 0;  ///< drawn as a line for the gradient to reach; 0: none
};

/// gnuplot's commands for the picture, which goes to its standard output. For tests, and to draw it by hand.
std::string convergence_script(std::span<const IterationRecord> records, const PlotLabels& labels);

/// Draws gradient, loss above its lowest, and residual over iterations on a logarithmic axis to `path`, which
/// appears whole or not at all. Starts a process: call it on one rank, after the last collective. Returns why
/// there is no picture (no gnuplot, say); a picture is no reason to fail.
std::optional<std::string> draw_convergence(const std::string& path, std::span<const IterationRecord> records,
                                            const PlotLabels& labels);

}  // namespace attnewton
