#include "attnewton/report/convergence_plot.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"

#include "filter_process.hpp"

namespace attnewton {
namespace {

// A value as gnuplot reads it; what a logarithmic axis cannot show is left out.
std::string plot_value(double value) {
  return std::isfinite(value) && value > 0 ? fmt::format("{}", value) : "NaN";
}

std::string data_block(std::span<const IterationRecord> records) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const IterationRecord& record : records) lowest = std::min(lowest, record.objective.loss);
  const double drop = records.empty() ? 1 : records.front().objective.loss - lowest;
  std::string block = "$solve << EOD\n";
  for (const IterationRecord& record : records) {
    block += fmt::format("{} {} {} {}\n", record.iteration, plot_value(record.relative_gradient),
                         plot_value((record.objective.loss - lowest) / drop),
                         plot_value(record.objective.relative_residual));
  }
  return block + "EOD\n";
}

// Inside double quotes gnuplot reads backslashes; anything unprintable or a quote is not worth the trouble.
std::string quoted(const std::string& text) {
  std::string safe = text;
  std::replace_if(
      safe.begin(), safe.end(),
      [](unsigned char c) { return c < ' ' || c == '"' || c == '\\' || c == '`' || c == '@'; }, ' ');
  return '"' + safe + '"';
}

}  // namespace

std::string convergence_script(std::span<const IterationRecord> records, const PlotLabels& labels) {
  std::string script = data_block(records);
  script += R"(set encoding utf8
if (strstrt(GPVAL_TERMINALS, "pngcairo")) {
  set terminal pngcairo size 1000,640 font "Sans,13" linewidth 1.6
} else {
  set terminal png size 1000,640 medium
}
set logscale y
set format y "10^{%L}"
set xlabel "iteration"
set ylabel "relative size"
set grid xtics ytics linetype 1 linecolor rgb "#e0e0e0" linewidth 0.6
set border 3
set xtics nomirror
set ytics nomirror
set key inside bottom left Left reverse opaque
)";
  script += fmt::format("set title {} noenhanced\n", quoted(labels.title));
  script +=
      fmt::format("set xrange [0:{}]\n", std::max<Index>(1, records.empty() ? 1 : records.back().iteration));
  script += R"(plot $solve using 1:2 with linespoints pointtype 7 linecolor rgb "#0072b2" )"
            R"(title "gradient ‖g‖/‖g₀‖", )"
            R"($solve using 1:3 with linespoints pointtype 5 linecolor rgb "#d55e00" )"
            R"(title "loss above its lowest / at the start", )"
            R"($solve using 1:4 with linespoints pointtype 9 linecolor rgb "#009e73" )"
            R"(title "residual ‖C‖/‖B‖")";
  if (labels.tolerance > 0) {
    script +=
        fmt::format(R"(, {} with lines dashtype 2 linecolor rgb "#0072b2" title "tolerance of the gradient")",
                    labels.tolerance);
  }
  return script + "\n";
}

std::optional<std::string> draw_convergence(const std::string& path, std::span<const IterationRecord> records,
                                            const PlotLabels& labels) {
  try {
    const FilterOutcome outcome = run_filter({"gnuplot", "-d", "-"}, convergence_script(records, labels));
    if (!outcome.started) return "gnuplot is not installed";
    constexpr std::string_view png_signature = "\x89PNG";
    if (outcome.exit_code != 0 || !outcome.output.starts_with(png_signature))
      return fmt::format("gnuplot failed with status {}", outcome.exit_code);
    write_file_atomically(path, outcome.output);
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace attnewton
