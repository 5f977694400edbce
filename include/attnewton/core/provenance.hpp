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

/// Largest resident memory of this process, in bytes: so far, or since the last reset. Local.
Index peak_memory_bytes();

/// Gives memory that is no longer in use back to the system and lets peak_memory_bytes() begin anew, so that
/// it tells of what follows. Where the system does not allow that, the peak stays that of the whole process.
/// Local.
void reset_peak_memory();

/// Name of this host. Local.
std::string host_name();

/// Time of day in UTC as ISO 8601. Local.
std::string utc_time_now();

}  // namespace attnewton
