#include "shared_output.hpp"

#include <fcntl.h>

#include <cerrno>
#include <optional>

#include "attnewton/parallel/agreement.hpp"

#include "pending_file.hpp"

namespace attnewton {
namespace {

using file_access::Descriptor;

// `path` is the one that messages name.
Descriptor open_to_write(const std::string& temporary_path, const std::string& path) {
  Descriptor file(::open(temporary_path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) throw file_access::system_failure(path, "cannot be opened to write", errno);
  return file;
}

}  // namespace

void write_together(const Communicator& comm, const std::string& path,
                    const std::function<void(const PutBytes&)>& write) {
  std::optional<PendingFile> pending;  // of rank 0; removes the temporary file however this function ends
  agree_on_errors(comm, [&] {
    if (comm.is_root()) pending.emplace(path);
  });
  const std::string temporary_path = comm.broadcast(pending ? pending->temporary_path() : std::string{});
  agree_on_errors(comm, [&] {
    std::optional<Descriptor> file;  // opened with the first bytes: a rank may have none
    write([&](Index offset, std::span<const std::byte> bytes) {
      if (!file) file = open_to_write(temporary_path, path);
      file_access::write_exactly(*file, path, offset, bytes);
    });
    if (file) file_access::flush_to_disk(*file, path);
  });
  agree_on_errors(comm, [&] {
    if (pending) pending->commit();
  });
}

}  // namespace attnewton
