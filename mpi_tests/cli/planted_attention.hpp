// A small planted attention problem, and a start within the basin of its solution.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli_run.hpp"

namespace attnewton::cli {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

Words joined(Words words, const Words& more);

/// Expects a and b to agree to this share of b.
void expect_close(double a, double b, double relative);

/// The lines of a solve's iterations.jsonl in `folder`.
std::vector<Json> iterations_in(const std::string& folder);

/// Copies the rows × columns matrix `from` to `to` with every entry 5 % larger or smaller, by turns.
void write_perturbed(const std::string& from, const std::string& to, std::int64_t rows, std::int64_t columns);

/// Plants a problem of 60 rows and width 4 in folder "problem", and a start a few percent beside its X.
class PlantedAttention : public CliTest {
 protected:
  void SetUp() override;

  /// Words that solve it from there; results go to folder `out`.
  Words near_start(const std::string& out, const Words& more = {}) const;
  Json result(const std::string& out) const { return Json::parse(read_file(path(out + "/result.json"))); }

  std::string problem_;
};

}  // namespace attnewton::cli
