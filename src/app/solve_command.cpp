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

#include "command.hpp"
#include "run_setup.hpp"
#include "solve_options.hpp"
#include "solve_output.hpp"
#include "step_methods.hpp"
#include "stop_signal.hpp"

namespace attnewton {
namespace {

// What watches the solve: on rank 0, but for the history, which every rank keeps.
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
  SolveCommand()
      : table_("solve",
               "Fits an attention layer to its captured output, or a regression, by Newton and quasi-Newton "
               "methods.") {
    add_solve_options(table_, options_);
  }

  OptionTable& table() override { return table_; }
  void check_options() const override {
    table_.check_scopes();
    check_solve_options(options_);
  }
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  std::vector<InputFile> hash_inputs(const Communicator& comm) const;
  Index assembled_hessians() const {
    return attnewton::assembled_hessians(hessians_of(options_.method, options_.problem.kind));
  }
  // What helps where memory does not hold the solve.
  std::string remedy() const {
    return assembled_hessians() > 0 ? "take --method lbfgs, which assembles no Hessian" : "";
  }
  SolveSummary minimise(const LoadedProblem& loaded, Watchers& watchers, const Vector& start) const;
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

std::vector<InputFile> SolveCommand::hash_inputs(const Communicator& comm) const {
  const TimingScope timing("hash");
  std::vector<InputFile> inputs;
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    for (const auto& [option, path] : problem_files(options_.problem))
      inputs.push_back({option, path, file_hash(path)});
    for (const std::string& path : options_.start.files())
      inputs.push_back({inputs.back().option == "init" ? "init-y" : "init", path, file_hash(path)});
    const ReferenceFiles& reference = options_.reference;
    if (reference.is_given()) inputs.push_back({"reference-x", reference.x, file_hash(reference.x)});
    if (!reference.y.empty()) inputs.push_back({"reference-y", reference.y, file_hash(reference.y)});
  });
  return inputs;
}

std::string first_line(const LoadedProblem& loaded, int threads, Index memory) {
  const Communicator& comm = loaded.problem().comm();
  return fmt::format("attnewton {}: {}, {} unknowns; {} rank{} of {} thread{}, about {} a rank",
                     build_info().version, loaded.description(), loaded.problem().unknowns(), comm.size(),
                     comm.size() == 1 ? "" : "s", threads, threads == 1 ? "" : "s", bytes_text(memory));
}

void SolveCommand::open_watchers(const Communicator& comm, Watchers& watchers) const {
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    watchers.log.emplace(path_in(options_.out, "iterations.jsonl"));
    if (!options_.quiet) watchers.table.emplace(std::cout, options_.console);
  });
}

SolveSummary SolveCommand::minimise(const LoadedProblem& loaded, Watchers& watchers,
                                    const Vector& start) const {
  MethodOptions method_options = options_.method;
  method_options.hessian.seed = options_.start.seed;
  const StopSignal stop_signal;
  MinimiseOptions limits = limits_of(method_options);
  limits.stop_requested = StopSignal::came;
  try {
    const OwnedMethod method = make_method(loaded, options_.problem.kind, method_options);
    SolveSummary summary =
        attnewton::minimise(loaded.problem(), *method.steps, start, limits, watchers.observers());
    if (watchers.table) watchers.table->finish();
    return summary;
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(loaded.memory_bytes(assembled_hessians()), remedy());
  }
}

void SolveCommand::draw(const Communicator& comm, const Watchers& watchers, const SolveResult& result) const {
  if (!comm.is_root()) return;
  const PlotLabels labels{
      fmt::format("attnewton: {} after {} iterations", to_string(result.status), result.iterations),
      options_.method.limits.tolerance};
  const auto failure =
      draw_convergence(path_in(options_.out, "convergence.png"), watchers.history.records(), labels);
  if (failure) say(comm, fmt::format("Note: no convergence.png: {}.", *failure));
}

ExitCode SolveCommand::run(const Communicator& comm, const std::string& command_line) {
  const RunSetup setup(comm, options_.threads);
  // As used, for effective.ini and result.json.
  options_.threads = setup.threads();
  settle_method_options(options_.method, options_.problem.kind);
  const std::unique_ptr<LoadedProblem> loaded = load_problem(comm, options_.problem);
  const Index memory = loaded->memory_bytes(assembled_hessians());
  check_memory(comm, memory, remedy());
  if (options_.start.words.empty()) options_.start.words = {loaded->default_start()};
  const Vector start = loaded->start(options_.start);
  if (options_.reference.is_given()) loaded->load_reference(options_.reference);
  Provenance provenance = collect_provenance(comm);
  provenance.command = command_line;
  provenance.seed = static_cast<Index>(options_.start.seed);
  provenance.inputs = hash_inputs(comm);

  begin_output(comm, options_.out, table_);
  Watchers watchers;
  open_watchers(comm, watchers);
  say(comm, first_line(*loaded, setup.threads(), memory));
  const SolveSummary summary = minimise(*loaded, watchers, start);

  SolveResult result = result_of(summary);
  result.reference = loaded->compare_with_reference(*summary.point);
  result.last_method = watchers.history.records().back().method;
  result.problem = to_string(options_.problem.kind);
  result.sizes = loaded->sizes();
  result.ranks = comm.size();
  result.threads_per_rank = setup.threads();
  result.options = table_.used();
  result.provenance = std::move(provenance);
  {
    const TimingScope timing("write");
    loaded->write_solution(options_.out, *summary.point);
  }
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
