// The table of iterations that a user watches.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "attnewton/solver/iteration.hpp"

namespace attnewton {

struct ConsoleTableOptions {
  Index log_every = 1;   ///< prints every that many iterations, the first and the last one always
  bool verbose = false;  ///< adds ‖g‖ and the number of factorisations
};

/// Prints a row an iteration, the header again every 25 rows. Local: make one on rank 0 only.
class ConsoleTable : public IterationObserver {
 public:
  /// `out` must outlive this.
  ConsoleTable(std::ostream& out, const ConsoleTableOptions& options);

  void on_iteration(const IterationRecord& record) override;
  /// Prints the last iteration if log_every has passed over it.
  void finish();

 private:
  void print(const IterationRecord& record);

  std::ostream& out_;
  ConsoleTableOptions options_;
  Index rows_printed_ = 0;
  std::optional<IterationRecord> skipped_;
};

}  // namespace attnewton
