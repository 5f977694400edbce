// What `attnewton prune` tells: the table that a user watches, and result.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attnewton/report/result.hpp"

namespace attnewton {

/// ‖E − Att(pruned)‖²_F / ‖E‖²_F, E the attention maps of the dense weights.
struct MapErrors {
  std::vector<double> heads;
  double all = 0;  ///< sums over all heads, one divided by the other
};

/// One method at one ratio.
struct PruneRun {
  std::string method;
  double ratio = 0;                     ///< that was asked for
  double sparsity = 0;                  ///< share of the layer's weights that are 0
  std::vector<double> matrix_sparsity;  ///< of each matrix: the queries of all heads, then the keys
  MapErrors calibration;
  std::optional<MapErrors> heldout;
  Index iterations = 0;
  double seconds = 0;
  std::string folder;  ///< with its files
};

struct PruneResult {
  std::string form;  ///< factors or fused
  std::string pattern;
  std::vector<std::pair<std::string, Index>> sizes;
  std::vector<PruneRun> runs;
  double seconds = 0;
  Index peak_memory_bytes = 0;  ///< of the rank that used most
  int ranks = 1;
  int threads_per_rank = 1;
  std::vector<UsedOption> options;
  TimingSummary timing;
  Provenance provenance;
};

/// The heading of the table, and a run's line, which ends with the time.
std::string prune_heading(bool has_heldout);
std::string prune_line(const PruneRun& run);
/// The errors of each head, a line each.
std::string prune_heads(const PruneRun& run);

/// `result` as result.json has it. With one run its figures stand at the top as well as in `runs`.
std::string prune_json(const PruneResult& result);

}  // namespace attnewton
