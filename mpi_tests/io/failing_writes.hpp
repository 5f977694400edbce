// Writes that fail half-way, as they do on a full disk.
#pragma once

#include <sys/resource.h>

#include <csignal>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// While it lives this process cannot write past `bytes` of any file: the system refuses with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(Index bytes) : handler_before_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit tight{static_cast<rlim_t>(bytes), before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_before_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_before_)(int);
  rlimit before_{};
};

}  // namespace attnewton
