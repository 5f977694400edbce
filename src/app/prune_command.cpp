// attnewton prune: read a layer, prune it by each method at each ratio, measure, write.
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/atomic_file.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/pruning/input_gram.hpp"
#include "attnewton/report/console_table.hpp"
#include "attnewton/report/prune_result.hpp"
#include "attnewton/report/timing_report.hpp"

#include "command.hpp"
#include "prune_input.hpp"
#include "prune_output.hpp"
#include "run_setup.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

using Maps = std::vector<std::shared_ptr<const AttentionMap>>;

Maps maps_of(const Communicator& comm, const AttentionLayer& layer, const LayerInputs& inputs) {
  Maps maps;
  for (const HeadGroup& group : layer.groups)
    maps.push_back(std::make_shared<const AttentionMap>(comm, inputs.share, group));
  return maps;
}

// Each rank's own rows: of a sequence that several share, its queries.
Calibration calibration_of(const Communicator& comm, const AttentionLayer& layer, const LayerInputs& inputs) {
  const MapInputs& share = *inputs.share;
  Matrix own(share.queries(), layer.width());
  for (const LocalSequence& sequence : share.sequences) {
    own.middleRows(sequence.queries.begin, sequence.queries.size()) =
        share.inputs.middleRows(sequence.keys.begin + sequence.first_position, sequence.queries.size());
  }
  return {maps_of(comm, layer, inputs), input_gram(comm, own), inputs.rows};
}

MapErrors errors_of(const Maps& maps, const AttentionLayer& layer) {
  MapErrors errors;
  double squares = 0;
  double norms = 0;
  for (std::size_t g = 0; g < maps.size(); ++g) {
    const std::vector<double> heads = maps[g]->relative_errors(layer.groups[g].to_vector());
    const Vector& squared_norms = maps[g]->squared_norms();
    for (std::size_t h = 0; h < heads.size(); ++h) {
      squares += heads[h] * squared_norms[static_cast<Index>(h)];
      norms += squared_norms[static_cast<Index>(h)];
      errors.heads.push_back(heads[h]);
    }
  }
  errors.all = squares / norms;
  return errors;
}

double zeros_of(const Matrix& weights) {
  return static_cast<double>((weights.array() == 0).count()) / static_cast<double>(weights.size());
}

void measure_sparsity(const PrunedLayer& pruned, PruneRun& run) {
  if (pruned.layer.is_fused()) {
    for (const HeadGroup& group : pruned.layer.groups) {
      for (const Matrix& weights : group.query) run.matrix_sparsity.push_back(zeros_of(weights));
    }
    run.sparsity = zeros_of(stacked(pruned.layer));
    return;
  }
  const StoredProjections weights = stored(pruned.layer);
  run.matrix_sparsity = {zeros_of(weights.query), zeros_of(weights.key)};
  const auto query = static_cast<double>(weights.query.size());
  const auto key = static_cast<double>(weights.key.size());
  run.sparsity = (query * run.matrix_sparsity[0] + key * run.matrix_sparsity[1]) / (query + key);
}

class PruneCommand : public Command {
 public:
  PruneCommand()
      : table_("prune", "Removes weights of an attention layer such that its attention maps stay.") {
    add_prune_options(table_, options_);
  }

  OptionTable& table() override { return table_; }
  void check_options() const override {
    table_.check_scopes();
    check_prune_options(options_);
  }
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  void say(const Communicator& comm, const std::string& line) const {
    if (options_.quiet || !comm.is_root()) return;
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }
  void begin(const Communicator& comm) const;
  std::string folder_of(const PruningOptions& run, std::size_t runs) const;
  PruningObservers observers(const Communicator& comm, ConsoleTable& table) const;
  PrunedLayer pruned_by(const PruneInput& input, const Calibration& calibration,
                        const PruningOptions& options, const PruningObservers& observers);
  PruneRun prune(const Communicator& comm, const PruneInput& input, const Calibration& calibration,
                 const Maps& heldout, const PruningOptions& options, const std::string& folder);
  PruneResult result_of(const Communicator& comm, const PruneInput& input) const;

  PruneOptions options_;
  OptionTable table_;
  std::vector<LearnedMask> learned_;  // of --method attention, once for all ratios
};

void PruneCommand::begin(const Communicator& comm) const {
  begin_output(comm, options_.out, table_);
}

std::string PruneCommand::folder_of(const PruningOptions& run, std::size_t runs) const {
  if (runs == 1) return options_.out;
  return path_in(options_.out, fmt::format("{}-{:g}", to_string(run.method), run.ratio));
}

PruningObservers PruneCommand::observers(const Communicator& comm, ConsoleTable& table) const {
  if (!options_.verbose || !comm.is_root()) return {};
  return {[](const SupportSearchRecord& record) {
            fmt::print(
                "  support search {:>4}: penalty {:.3g}, loss {:.4e}, gap {:.2e}, {} changed, {} products\n",
                record.iteration, record.penalty, record.data_loss, record.gap, record.changes,
                record.products);
            std::fflush(stdout);
          },
          {&table}};
}

PrunedLayer PruneCommand::pruned_by(const PruneInput& input, const Calibration& calibration,
                                    const PruningOptions& options, const PruningObservers& observers) {
  if (options.method != PruningMethod::attention)
    return prune_layer(input.layer, calibration, options, observers);
  if (learned_.empty()) learned_ = learn_masks(calibration, options, observers);
  return prune_by_masks(input.layer, learned_, options);
}

PruneRun PruneCommand::prune(const Communicator& comm, const PruneInput& input,
                             const Calibration& calibration, const Maps& heldout,
                             const PruningOptions& options, const std::string& folder) {
  const Stopwatch watch;
  ConsoleTable table(std::cout, {.log_every = 1, .verbose = false});
  const PrunedLayer pruned = pruned_by(input, calibration, options, observers(comm, table));
  PruneRun run;
  run.method = to_string(options.method);
  run.ratio = options.ratio;
  run.iterations = pruned.iterations;
  run.seconds = watch.seconds();
  run.folder = folder;
  measure_sparsity(pruned, run);
  run.calibration = errors_of(calibration.maps, pruned.layer);
  if (!heldout.empty()) run.heldout = errors_of(heldout, pruned.layer);
  const TimingScope timing("write");
  write_pruned(comm, folder, pruned);
  write_model(comm, options_, pruned);
  return run;
}

PruneResult PruneCommand::result_of(const Communicator& comm, const PruneInput& input) const {
  PruneResult result;
  result.form = input.layer.is_fused() ? "fused" : "factors";
  result.pattern = options_.pattern;
  result.sizes = {{"rows", input.calibration.rows},
                  {"sequences", input.calibration.sequences},
                  {"width", input.layer.width()},
                  {"heads", input.layer.heads()},
                  {"head_width", input.layer.groups.front().inner_width()},
                  {"weights", input.layer.parameters()}};
  if (input.heldout) {
    result.sizes.emplace_back("heldout_rows", input.heldout->rows);
    result.sizes.emplace_back("heldout_sequences", input.heldout->sequences);
  }
  result.ranks = comm.size();
  return result;
}

ExitCode PruneCommand::run(const Communicator& comm, const std::string& command_line) {
  const RunSetup setup(comm, options_.threads);
  const Stopwatch watch;
  options_.threads = setup.threads();
  const PruneInput input = read_prune_input(comm, options_);
  PruneResult result = result_of(comm, input);
  result.provenance = collect_provenance(comm);
  result.provenance.command = command_line;
  agree_on_errors(comm, [&] {
    if (comm.is_root()) result.provenance.inputs = hashed_files(options_);
  });
  begin(comm);
  const Calibration calibration = calibration_of(comm, input.layer, input.calibration);
  const Maps heldout = input.heldout ? maps_of(comm, input.layer, *input.heldout) : Maps();

  say(comm,
      fmt::format(
          "attnewton {}: {} weights of {} head{} ({}, {}), {} rows in {} sequences{}; {} rank{} of {} "
          "thread{}\n\n{}",
          build_info().version, input.layer.parameters(), input.layer.heads(),
          input.layer.heads() == 1 ? "" : "s", result.form, result.pattern, input.calibration.rows,
          input.calibration.sequences, input.heldout ? fmt::format(", {} held out", input.heldout->rows) : "",
          comm.size(), comm.size() == 1 ? "" : "s", setup.threads(), setup.threads() == 1 ? "" : "s",
          prune_heading(!heldout.empty())));
  const std::vector<PruningOptions> runs = runs_of(options_);
  for (const PruningOptions& run : runs) {
    result.runs.push_back(prune(comm, input, calibration, heldout, run, folder_of(run, runs.size())));
    say(comm, prune_line(result.runs.back()));
    if (options_.verbose) say(comm, prune_heads(result.runs.back()));
  }

  result.threads_per_rank = setup.threads();
  result.options = table_.used();
  result.seconds = watch.seconds();
  result.peak_memory_bytes = comm.max(peak_memory_bytes());
  result.timing = summarise_timing(comm, process_timing().root());
  agree_on_errors(comm, [&] {
    if (comm.is_root()) write_file_atomically(path_in(options_.out, "result.json"), prune_json(result));
  });
  if (options_.verbose) say(comm, timing_table(result.timing));
  say(comm, fmt::format("\nResults are in {}; at most {} of memory were in use on a rank.", options_.out,
                        bytes_text(result.peak_memory_bytes)));
  return ExitCode::success;
}

}  // namespace

std::unique_ptr<Command> make_prune_command() {
  return std::make_unique<PruneCommand>();
}

}  // namespace attnewton
