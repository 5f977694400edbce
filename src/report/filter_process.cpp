#include "filter_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FilePointer = std::unique_ptr<std::FILE, CloseFile>;

[[noreturn]] void throw_system_error(const std::string& what, int error) {
  throw IoError(what + ": " + std::generic_category().message(error));
}

// Nameless files instead of pipes: no deadlock when both sides write, no SIGPIPE when the program gives up.
FilePointer temporary_file() {
  FilePointer file(std::tmpfile());
  if (!file) throw_system_error("cannot make a temporary file", errno);
  return file;
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

std::string content_of(std::FILE* file) {
  std::rewind(file);
  std::string content;
  std::array<char, 65536> part{};
  std::size_t size = 0;
  while ((size = std::fread(part.data(), 1, part.size(), file)) > 0) content.append(part.data(), size);
  return content;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw_system_error("cannot wait for a process", errno);
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

FilterOutcome run_filter(const std::vector<std::string>& command, const std::string& input) {
  const FilePointer in = temporary_file();
  const FilePointer out = temporary_file();
  if (std::fwrite(input.data(), 1, input.size(), in.get()) != input.size() || std::fflush(in.get()) != 0)
    throw_system_error("cannot write a temporary file", errno);
  std::rewind(in.get());

  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  SpawnActions actions;
  posix_spawn_file_actions_adddup2(actions.get(), fileno(in.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), fileno(out.get()), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);

  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments.front(), actions.get(), nullptr, arguments.data(), environ);
  if (error == ENOENT) return {};
  if (error != 0) throw_system_error("cannot start " + command.front(), error);
  const int exit_code = wait_for(child);
  return {true, exit_code, content_of(out.get())};
}

}  // namespace attnewton
