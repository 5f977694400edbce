// What `attnewton prune` can be told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attnewton/pruning/prune_layer.hpp"

#include "option_table.hpp"

namespace attnewton {

/// Which weights are pruned.
enum class PrunedForm {
  factors,  ///< Wq and Wk, what a model stores and runs
  fused,    ///< W = Wq Wkᵀ of each head
};

struct PruneOptions {
  std::string x;
  std::string offsets;
  std::string heldout;
  std::string heldout_offsets;
  double heldout_fraction = 0;
  std::string w;
  std::string wq;
  std::string wk;
  std::string bq;
  Index heads = 1;
  bool causal = false;
  std::optional<double> scale;  ///< none: 1/√r, of --w 1
  PrunedForm form = PrunedForm::factors;

  std::vector<PruningMethod> methods = {PruningMethod::refit};
  std::vector<double> ratios;  ///< none: the pattern's, or 0.5
  std::string pattern = "unstructured";
  PruningOptions pruning;  ///< of every method; method, pattern and ratio are those above

  Index threads = 0;
  std::string config;
  std::string out = "attnewton-pruned";
  std::string safetensors;  ///< a copy of the model's file with the pruned weights in it
  bool quiet = false;
  bool verbose = false;
};

/// Adds all of them. `options` must outlive the table's use.
void add_prune_options(OptionTable& table, PruneOptions& options);

/// Throws UsageError if the options do not go together.
void check_prune_options(const PruneOptions& options);

/// Every method and ratio asked for: methods outermost.
std::vector<PruningOptions> runs_of(const PruneOptions& options);

}  // namespace attnewton
