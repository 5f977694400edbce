// attnewton solve: read, minimise, write.
#include <cstdio>
#include <iostream>
#include <memory>
#include <new>
#include <optional>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/file_hash.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/report/iteration_log.hpp"

#include "attention_memory.hpp"
#include "command.hpp"
#include "run_setup.hpp"
#include "solve_options.hpp"
#include "solve_output.hpp"
#include "stop_signal.hpp"

namespace attnewton {
namespace {

// The weights to compare with, if there are any.
struct Reference {
  Matrix x;
  Matrix y;
};

// What watches the solve on rank 0; nothing elsewhere.
struct Watchers {
  std::optional<ConsoleTable> table;
  std::optional<IterationLog> log;
  IterationHistory history;

  std::vector<IterationObserver*> observers() {
    std::vector<IterationObserver*> all = {&history};
    if (table) all.push_back(&*table);
    if (log) all.push_back(&*log);
    return all;
  }
};

class SolveCommand : public Command {
 public:
  SolveCommand() : table_("solve", "Fits a layer to its captured output by damped Newton.") {
    add_solve_options(table_, options_);
  }

  OptionTable& table() override { return table_; }
  void check_options() const override { check_solve_options(options_); }
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  AttentionInput load(const Communicator& comm) const;
  std::optional<Reference> load_reference(const AttentionProblem& problem) const;
  std::vector<InputFile> hash_inputs(const Communicator& comm) const;
  SolveSummary minimise(const AttentionProblem& problem, Watchers& watchers, const Vector& start) const;
  void open_watchers(const Communicator& comm, Watchers& watchers) const;
  void say(const Communicator& comm, const std::string& line) const;
  void draw(const Communicator& comm, const Watchers& watchers, const SolveResult& result) const;

  SolveOptions options_;
  OptionTable table_;
};

void SolveCommand::say(const Communicator& comm, const std::string& line) const {
  if (options_.quiet || !comm.is_root()) return;
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

AttentionInput SolveCommand::load(const Communicator& comm) const {
  const TimingScope timing("load");
  AttentionInput input;
  agree_on_errors(comm, [&] { input = read_attention_share(options_.input, comm.rank(), comm.size()); });
  return input;
}

std::optional<Reference> SolveCommand::load_reference(const AttentionProblem& problem) const {
  if (options_.reference_x.empty()) return std::nullopt;
  const TimingScope timing("load");
  Reference reference;
  agree_on_errors(problem.comm(), [&] {
    reference.x = read_x(problem, options_.reference_x);
    reference.y = read_y(problem, options_.reference_y);
  });
  return reference;
}

std::vector<InputFile> SolveCommand::hash_inputs(const Communicator& comm) const {
  const TimingScope timing("hash");
  std::vector<InputFile> inputs;
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    for (const auto& [option, path] : attention_files(options_.input))
      inputs.push_back({option, path, file_hash(path)});
    for (const std::string& path : start_files(options_.start))
      inputs.push_back({inputs.back().option == "init" ? "init-y" : "init", path, file_hash(path)});
    if (!options_.reference_x.empty()) {
      inputs.push_back({"reference-x", options_.reference_x, file_hash(options_.reference_x)});
      inputs.push_back({"reference-y", options_.reference_y, file_hash(options_.reference_y)});
    }
  });
  return inputs;
}

std::string description(const AttentionProblem& problem, const AttentionInput& sizes, int threads) {
  const AttentionData& data = problem.data();
  return fmt::format(
      "attnewton {}: attention, {} queries and {} keys in {} sequence{}, widths {} {} {} {}, {} unknowns; {} "
      "rank{} of {} thread{}, about {} a rank",
      build_info().version, sizes.rows, sizes.keys, sizes.sequences, sizes.sequences == 1 ? "" : "s",
      data.query_width(), data.key_width(), data.value_width(), data.output_width(), problem.unknowns(),
      problem.comm().size(), problem.comm().size() == 1 ? "" : "s", threads, threads == 1 ? "" : "s",
      bytes_text(attention_memory_bytes(problem)));
}

std::vector<std::pair<std::string, Index>> sizes_of(const AttentionProblem& problem,
                                                    const AttentionInput& input) {
  const AttentionData& data = problem.data();
  return {{"rows", input.rows},
          {"keys", input.keys},
          {"sequences", input.sequences},
          {"query_width", data.query_width()},
          {"key_width", data.key_width()},
          {"value_width", data.value_width()},
          {"output_width", data.output_width()},
          {"unknowns", problem.unknowns()}};
}

void SolveCommand::open_watchers(const Communicator& comm, Watchers& watchers) const {
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    watchers.log.emplace(path_in(options_.out, "iterations.jsonl"));
    if (!options_.quiet) watchers.table.emplace(std::cout, options_.console);
  });
}

SolveSummary SolveCommand::minimise(const AttentionProblem& problem, Watchers& watchers,
                                    const Vector& start) const {
  const AttentionHessian hessian(problem, options_.hessian);
  const StopSignal stop_signal;
  NewtonOptions newton = options_.newton;
  newton.stop_requested = StopSignal::came;
  try {
    SolveSummary summary = minimise_by_newton(problem, hessian, start, newton, watchers.observers());
    if (watchers.table) watchers.table->finish();
    return summary;
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(attention_memory_bytes(problem));
  }
}

void SolveCommand::draw(const Communicator& comm, const Watchers& watchers, const SolveResult& result) const {
  if (!comm.is_root()) return;
  const PlotLabels labels{
      fmt::format("attnewton: {} after {} iterations", to_string(result.status), result.iterations),
      options_.newton.tolerance};
  const auto failure =
      draw_convergence(path_in(options_.out, "convergence.png"), watchers.history.records(), labels);
  if (failure) say(comm, fmt::format("Note: no convergence.png: {}.", *failure));
}

ExitCode SolveCommand::run(const Communicator& comm, const std::string& command_line) {
  const RunSetup setup(comm, options_.threads);
  options_.threads = setup.threads();  // as used, for effective.ini and result.json
  AttentionInput input = load(comm);
  const AttentionProblem problem(comm, std::move(input.data), input.regulariser, options_.variables,
                                 options_.precision);
  check_memory(comm, attention_memory_bytes(problem));
  const Vector start = starting_point(problem, options_.start);
  const std::optional<Reference> reference = load_reference(problem);
  Provenance provenance = collect_provenance(comm);
  provenance.command = command_line;
  provenance.seed = static_cast<Index>(options_.start.seed);
  provenance.inputs = hash_inputs(comm);

  begin_output(comm, options_.out, table_);
  Watchers watchers;
  open_watchers(comm, watchers);
  say(comm, description(problem, input, setup.threads()));
  const SolveSummary summary = minimise(problem, watchers, start);
  const auto& point = static_cast<const AttentionPoint&>(*summary.point);

  SolveResult result = result_of(summary);
  if (reference) result.reference = errors_against_reference(problem, point, reference->x, reference->y);
  result.problem = "attention";
  result.sizes = sizes_of(problem, input);
  result.ranks = comm.size();
  result.threads_per_rank = setup.threads();
  result.options = table_.used();
  result.provenance = std::move(provenance);
  write_weights(comm, options_.out, point);
  result.peak_memory_bytes = comm.max(peak_memory_bytes());
  result.timing = summarise_timing(comm, process_timing().root());
  write_result(comm, options_.out, result);
  draw(comm, watchers, result);
  if (watchers.log && watchers.log->failed()) warn(comm, "iterations.jsonl could not be written to its end");

  say(comm, "\n" + closing_words(result));
  say(comm, options_.console.verbose ? timing_table(result.timing) : timing_line(result.timing));
  say(comm, fmt::format("Results are in {}; at most {} of memory were in use on a rank.", options_.out,
                        bytes_text(result.peak_memory_bytes)));
  const ExitCode code = exit_code_of(result.status);
  if (code != ExitCode::success && comm.is_root()) {
    fmt::print(stderr, "attnewton: {}: {}; the last point is in {}\n", to_string(result.status),
               result.reason, options_.out);
  }
  return code;
}

}  // namespace

std::unique_ptr<Command> make_solve_command() {
  return std::make_unique<SolveCommand>();
}

}  // namespace attnewton
