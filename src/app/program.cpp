#include "program.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "attnewton/core/provenance.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "command_line.hpp"
#include "help_text.hpp"
#include "option_text.hpp"

namespace attnewton {
namespace {

using Arguments = std::vector<std::string>;

Commands all_commands() {
  Commands commands;
  commands.push_back(make_solve_command());
  commands.push_back(make_prune_command());
  commands.push_back(make_generate_command());
  commands.push_back(make_check_command());
  commands.push_back(make_bench_command());
  return commands;
}

ExitCode print_once(const Communicator& comm, const std::string& text) {
  if (comm.is_root()) {
    fmt::print("{}", text);
    std::fflush(stdout);
  }
  return ExitCode::success;
}

std::string version_text() {
  const BuildInfo build = build_info();
  return fmt::format("attnewton {} ({}, {}, {})\n", build.version, build.git_commit, build.compiler,
                     build.build_type);
}

Command& command_named(const Commands& commands, const std::string& word) {
  Arguments names = {"help"};
  for (const auto& command : commands) {
    if (command->table().command() == word) return *command;
    names.push_back(command->table().command());
  }
  throw UsageError(fmt::format("unknown {} '{}'{} (attnewton --help lists all)",
                               word.starts_with('-') ? "option" : "command", word,
                               did_you_mean(word, names)));
}

bool contains(const Arguments& arguments, const std::string& word) {
  return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
}

ExitCode print_help(const Communicator& comm, const Commands& commands, const Arguments& topics) {
  if (topics.empty()) return print_once(comm, program_help(commands));
  if (topics.front() == "--markdown") return print_once(comm, markdown_reference(commands));
  return print_once(comm, command_help(command_named(commands, topics.front()).table()));
}

// What the user typed, such that a shell would take it apart again alike.
std::string command_line_text(const Arguments& arguments) {
  std::string text = "attnewton";
  for (const std::string& argument : arguments) {
    const bool plain =
        !argument.empty() && argument.find_first_of(" \t\n'\"\\$`*?[](){}<>|&;#~!") == std::string::npos;
    std::string quoted;
    for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += plain ? fmt::format(" {}", argument) : fmt::format(" '{}'", quoted);
  }
  return text;
}

}  // namespace

ExitCode run_program(const Communicator& comm, const Arguments& arguments) {
  const Commands commands = all_commands();
  if (arguments.empty()) throw UsageError("no command is given (attnewton --help lists them)");
  const std::string& word = arguments.front();
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (word == "--version") return print_once(comm, version_text());
  if (word == "--help" || word == "-h" || word == "help") return print_help(comm, commands, rest);

  Command& command = command_named(commands, word);
  if (contains(rest, "--help") || contains(rest, "-h"))
    return print_once(comm, command_help(command.table()));
  agree_on_errors(comm, [&] {
    read_options(command.table(), rest);
    command.check_options();
  });
  return command.run(comm, command_line_text(arguments));
}

}  // namespace attnewton
