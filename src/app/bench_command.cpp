// attnewton bench: how fast the kernels are, against what the machine can do.
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "attnewton/io/atomic_file.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "bench_options.hpp"
#include "bench_run.hpp"
#include "command.hpp"
#include "run_setup.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

class BenchCommand : public Command {
 public:
  BenchCommand()
      : table_("bench", "Times the kernels on random inputs, as GFLOP/s and as a share of dgemm's speed.") {
    add_bench_options(table_, options_);
  }

  OptionTable& table() override { return table_; }
  void check_options() const override { check_bench_options(table_, options_); }
  ExitCode run(const Communicator& comm, const std::string& command_line) override;

 private:
  void begin_output(const Communicator& comm) const;
  void write(const Communicator& comm, const BenchReport& report) const;

  BenchOptions options_;
  OptionTable table_;
};

// An old bench.json is not taken for this run's; and a folder that cannot be made is found out at once.
void BenchCommand::begin_output(const Communicator& comm) const {
  if (options_.out.empty()) return;
  agree_on_errors(comm, [&] {
    if (!comm.is_root()) return;
    make_directories(options_.out);
    std::error_code ignored;
    std::filesystem::remove(path_in(options_.out, "bench.json"), ignored);
  });
}

void BenchCommand::write(const Communicator& comm, const BenchReport& report) const {
  if (options_.out.empty()) return;
  agree_on_errors(comm, [&] {
    if (comm.is_root()) write_file_atomically(path_in(options_.out, "bench.json"), bench_json(report));
  });
}

void print_header(const BenchReport& report) {
  fmt::print("attnewton {}: {} rank{} of {} thread{}; kernels: {}; BLAS: {}\n",
             report.provenance.build.version, report.ranks, report.ranks == 1 ? "" : "s",
             report.threads_per_rank, report.threads_per_rank == 1 ? "" : "s", report.provenance.kernels,
             report.provenance.blas);
  std::fflush(stdout);
}

ExitCode BenchCommand::run(const Communicator& comm, const std::string& command_line) {
  const RunSetup setup(comm, options_.threads);
  options_.threads = setup.threads();  // as used, for bench.json
  begin_output(comm);
  BenchReport report;
  report.ranks = comm.size();
  report.threads_per_rank = setup.threads();
  report.options = table_.used();
  report.provenance = collect_provenance(comm);
  report.provenance.command = command_line;
  report.provenance.seed = static_cast<Index>(options_.seed);
  if (comm.is_root() && !options_.quiet) print_header(report);

  BenchRun bench(comm, options_);
  bench.measure_machine();
  const auto write_so_far = [&] {
    report.machine = bench.machine();
    report.kernels = bench.rows();
    write(comm, report);
  };
  write_so_far();
  for (const AttentionCase& point : grid_of(options_)) {
    bench.measure_case(point);
    write_so_far();  // what was measured stays, whatever comes
  }
  for (const RegressionCase& point : regression_grid_of(options_)) {
    bench.measure_case(point);
    write_so_far();
  }
  for (const SketchCase& point : sketch_grid_of(options_)) {
    bench.measure_case(point);
    write_so_far();
  }
  bench.finish();
  write_so_far();
  return ExitCode::success;
}

}  // namespace

std::unique_ptr<Command> make_bench_command() {
  return std::make_unique<BenchCommand>();
}

}  // namespace attnewton
