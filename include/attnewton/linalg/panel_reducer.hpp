// Sums panels over ranks into a distributed matrix while the next panel is being computed.
#pragma once

#include <deque>
#include <vector>

#include "attnewton/linalg/distributed_matrix.hpp"

namespace attnewton {

/// Every rank brings its term of the same panels in the same order. Each rank sends every other its part of
/// the panel, whatever number of ranks there are, and adds up what it owns in rank order: the volume is that
/// of an ideal reduce-scatter, and the sum does not depend on timing.
class PanelReducer {
 public:
  /// `matrix` must outlive this.
  explicit PanelReducer(DistributedMatrix& matrix) : matrix_(matrix) {}
  /// Drops what has not been added: an error is under way.
  ~PanelReducer() = default;
  PanelReducer(const PanelReducer&) = delete;
  PanelReducer& operator=(const PanelReducer&) = delete;

  /// Begins to add Σ over ranks of `panel`, this rank's term, to the entries from (first_row, first_column)
  /// on. Returns with the exchange under way, and with earlier ones as long as they all send less than some
  /// tens of MiB. Collective on the matrix's grid; a panel has fewer than 2³¹ entries, as have its owners'
  /// shares of it from all ranks; memory 2 panels for each under way.
  void add(Index first_row, Index first_column, const ConstMatrixRef& panel);

  /// Returns when the matrix holds all panels. Collective.
  void finish();

 private:
  struct Panel {
    Index first_row = 0;
    Index first_column = 0;
    std::vector<Index> rows;     // offsets of those that this rank owns
    std::vector<Index> columns;  // likewise
    Index entries = 0;           // of the whole panel
    std::vector<double> own;     // of the only rank, which has nobody to exchange with
    PendingExchange exchange;
  };

  void end_oldest();

  DistributedMatrix& matrix_;
  std::deque<Panel> under_way_;
  Index entries_under_way_ = 0;
};

}  // namespace attnewton
