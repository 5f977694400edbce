// What the program can be told to do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/communicator.hpp"

#include "option_table.hpp"

namespace attnewton {

/// One word of `attnewton WORD [options]`.
class Command {
 public:
  virtual ~Command() = default;

  virtual OptionTable& table() = 0;

  /// Throws UsageError if the options that were read do not go together. Local, the same on every rank.
  virtual void check_options() const = 0;

  /// Does it. `command_line` is what the user typed, for the record. Collective on `comm`.
  virtual ExitCode run(const Communicator& comm, const std::string& command_line) = 0;
};

using Commands = std::vector<std::unique_ptr<Command>>;

std::unique_ptr<Command> make_solve_command();
std::unique_ptr<Command> make_prune_command();
std::unique_ptr<Command> make_generate_command();
std::unique_ptr<Command> make_check_command();
std::unique_ptr<Command> make_bench_command();

}  // namespace attnewton
