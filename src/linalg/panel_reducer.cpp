#include "attnewton/linalg/panel_reducer.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// Entries of the panels that may be under way at once, if they are more than one: 32 MiB.
constexpr Index most_entries_under_way = Index{1} << 22;

// The indices of `range` that each process of a cyclic dimension owns, as offsets into the range.
std::vector<std::vector<Index>> offsets_by_owner(const CyclicDimension& dimension, Range range) {
  std::vector<std::vector<Index>> offsets(static_cast<std::size_t>(dimension.processes()));
  for (Index i = range.begin; i < range.end; ++i) {
    offsets[static_cast<std::size_t>(dimension.owner(i))].push_back(i - range.begin);
  }
  return offsets;
}

Index count_of(const std::vector<Index>& rows, const std::vector<Index>& columns) {
  return static_cast<Index>(rows.size() * columns.size());
}

// The panel's entries of one owner, column by column.
double* pack(const ConstMatrixRef& panel, const std::vector<Index>& rows, const std::vector<Index>& columns,
             double* out) {
  for_each_task(static_cast<Index>(columns.size()), [&](Index c) {
    double* to = out + c * static_cast<Index>(rows.size());
    const Index column = columns[static_cast<std::size_t>(c)];
    for (const Index row : rows) *to++ = panel(row, column);
  });
  return out + rows.size() * columns.size();
}

}  // namespace

void PanelReducer::add(Index first_row, Index first_column, const ConstMatrixRef& panel) {
  const ProcessGrid& grid = *matrix_.grid();
  const GridShape shape = grid.shape();
  const BlockCyclicLayout& layout = matrix_.layout();
  auto rows = offsets_by_owner(layout.rows, {first_row, first_row + panel.rows()});
  auto columns = offsets_by_owner(layout.columns, {first_column, first_column + panel.cols()});

  Panel next;
  next.first_row = first_row;
  next.first_column = first_column;
  next.entries = panel.size();
  std::vector<double> send(static_cast<std::size_t>(panel.size()));
  std::vector<Index> send_counts(static_cast<std::size_t>(shape.size()));
  double* to = send.data();
  for (int rank = 0; rank < shape.size(); ++rank) {
    const auto& rows_of_rank = rows[static_cast<std::size_t>(shape.row_of(rank))];
    const auto& columns_of_rank = columns[static_cast<std::size_t>(shape.column_of(rank))];
    send_counts[static_cast<std::size_t>(rank)] = count_of(rows_of_rank, columns_of_rank);
    to = pack(panel, rows_of_rank, columns_of_rank, to);
  }
  next.rows = std::move(rows[static_cast<std::size_t>(grid.row())]);
  next.columns = std::move(columns[static_cast<std::size_t>(grid.column())]);
  if (shape.size() == 1) {
    next.own = std::move(send);
  } else {
    const std::vector<Index> receive_counts(static_cast<std::size_t>(shape.size()),
                                            count_of(next.rows, next.columns));
    next.exchange = grid.comm().start_exchange(std::move(send), send_counts, receive_counts);
  }
  entries_under_way_ += next.entries;
  under_way_.push_back(std::move(next));
  for (Panel& earlier : under_way_) earlier.exchange.progress();
  while (under_way_.size() > 1 && entries_under_way_ > most_entries_under_way) end_oldest();
}

void PanelReducer::end_oldest() {
  Panel& panel = under_way_.front();
  const int ranks = matrix_.grid()->shape().size();
  const std::vector<double>& received = ranks == 1 ? panel.own : panel.exchange.wait();
  const BlockCyclicLayout& layout = matrix_.layout();
  const Index part = count_of(panel.rows, panel.columns);
  std::vector<Index> local_rows(panel.rows);
  for (Index& row : local_rows) row = layout.rows.local(panel.first_row + row);
  for_each_task(static_cast<Index>(panel.columns.size()), [&](Index c) {
    const Index column =
        layout.columns.local(panel.first_column + panel.columns[static_cast<std::size_t>(c)]);
    const double* from = received.data() + c * static_cast<Index>(panel.rows.size());
    double* to = matrix_.local().col(column).data();
    for (const Index row : local_rows) {
      double sum = *from;
      for (int rank = 1; rank < ranks; ++rank) sum += from[rank * part];
      to[row] += sum;
      ++from;
    }
  });
  entries_under_way_ -= panel.entries;
  under_way_.pop_front();
}

void PanelReducer::finish() {
  while (!under_way_.empty()) end_oldest();
}

}  // namespace attnewton
