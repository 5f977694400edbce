#include "attnewton/report/prune_result.hpp"

#include <fmt/format.h>

#include "json.hpp"

namespace attnewton {
namespace {

Json numbers_json(const std::vector<double>& numbers) {
  Json json = Json::array();
  for (const double number : numbers) json.push_back(json_number(number));
  return json;
}

Json run_json(const PruneRun& run) {
  Json json;
  json["method"] = run.method;
  json["ratio"] = run.ratio;
  json["sparsity"] = run.sparsity;
  json["relative_error"] = json_number(run.calibration.all);
  if (run.heldout) json["relative_error_heldout"] = json_number(run.heldout->all);
  json["heads"] = {{"relative_error", numbers_json(run.calibration.heads)}};
  if (run.heldout) json["heads"]["relative_error_heldout"] = numbers_json(run.heldout->heads);
  json["matrix_sparsity"] = numbers_json(run.matrix_sparsity);
  json["iterations"] = run.iterations;
  json["seconds"] = json_number(run.seconds);
  json["folder"] = run.folder;
  return json;
}

}  // namespace

std::string prune_heading(bool has_heldout) {
  return fmt::format("{:<10} {:>6} {:>8} {:>12} {}{:>10} {:>8}", "method", "ratio", "zeros", "rel. error",
                     has_heldout ? fmt::format("{:>12} ", "held out") : "", "iterations", "seconds");
}

std::string prune_line(const PruneRun& run) {
  return fmt::format("{:<10} {:>6.3g} {:>6.1f} % {:>12.4e} {}{:>10} {:>8.2f}", run.method, run.ratio,
                     100 * run.sparsity, run.calibration.all,
                     run.heldout ? fmt::format("{:>12.4e} ", run.heldout->all) : "", run.iterations,
                     run.seconds);
}

std::string prune_heads(const PruneRun& run) {
  std::string text;
  for (std::size_t h = 0; h < run.calibration.heads.size(); ++h) {
    text += fmt::format("  {:<24} {:>12.4e}", fmt::format("head {}", h), run.calibration.heads[h]);
    if (run.heldout) text += fmt::format(" {:>12.4e}", run.heldout->heads[h]);
    text += '\n';
  }
  return text;
}

std::string prune_json(const PruneResult& result) {
  Json json = result.runs.size() == 1 ? run_json(result.runs.front()) : Json::object();
  json["form"] = result.form;
  json["pattern"] = result.pattern;
  json["sizes"] = Json::object();
  for (const auto& [name, size] : result.sizes) json["sizes"][name] = size;
  json["runs"] = Json::array();
  for (const PruneRun& run : result.runs) json["runs"].push_back(run_json(run));
  json["seconds"] = json_number(result.seconds);
  json["peak_memory_bytes"] = result.peak_memory_bytes;
  json["ranks"] = result.ranks;
  json["threads_per_rank"] = result.threads_per_rank;
  json["options"] = options_json(result.options);
  json["timing"] = timing_json(result.timing);
  json["provenance"] = provenance_json(result.provenance);
  return json_text(json, 2) + "\n";
}

}  // namespace attnewton
