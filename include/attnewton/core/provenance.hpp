// What was built, from what: written into every result so that a figure can be traced to its program.
#pragma once

#include <string>

#include "attnewton/core/types.hpp"

namespace attnewton {

struct BuildInfo {
  std::string version;     ///< of attnewton
  std::string git_commit;  ///< commit of the sources at the build, "-dirty" appended, or "unknown"
  std::string compiler;
  std::string build_type;
};

/// What this program was built from. Local.
BuildInfo build_info();

/// Largest resident memory of this process so far, in bytes. Local.
Index peak_memory_bytes();

/// Name of this host. Local.
std::string host_name();

/// Time of day in UTC as ISO 8601. Local.
std::string utc_time_now();

}  // namespace attnewton
