// iterations.jsonl: one JSON object a line, readable while the solve runs.
#pragma once

#include <fstream>
#include <string>

#include "attnewton/solver/iteration.hpp"

namespace attnewton {

/// The record as one JSON object without a line end; numbers that are not finite are the strings "nan",
/// "inf", "-inf".
std::string iteration_json(const IterationRecord& record);

/// Writes every record as a line and flushes it. Local: make one on rank 0 only.
class IterationLog : public IterationObserver {
 public:
  /// Opens `path`, emptying it. Throws IoError with the system's reason.
  explicit IterationLog(const std::string& path);

  void on_iteration(const IterationRecord& record) override;
  /// A line could not be written. The solve goes on without: a full disk should not cost its result.
  bool failed() const { return !file_; }

 private:
  std::ofstream file_;
};

}  // namespace attnewton
