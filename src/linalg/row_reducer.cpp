#include "attnewton/linalg/row_reducer.hpp"

#include <algorithm>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

CyclicDimension dealt_in_turn(const Communicator& comm, Index rows) {
  return {rows, 1, comm.size()};
}

}  // namespace

RowReducer::RowReducer(const Communicator& comm, Index rows, Index columns)
    : comm_(comm),
      dealt_(dealt_in_turn(comm, rows)),
      sums_(Matrix::Zero(dealt_.count_below(rows, comm.rank()), columns)) {}

// Positions of a rank's share of `rows` among all its rows.
Range RowReducer::local_rows(Range rows, int rank) const {
  return {dealt_.count_below(rows.begin, rank), dealt_.count_below(rows.end, rank)};
}

void RowReducer::add(Index first_row, const Matrix& term) {
  const Range rows{first_row, first_row + term.rows()};
  require(rows.begin >= 0 && rows.end <= dealt_.length() && term.cols() == sums_.cols(),
          "RowReducer::add: rows of the matrix");
  const Index columns = term.cols();
  std::vector<double> send(static_cast<std::size_t>(term.size()));
  std::vector<Index> send_counts;
  double* to = send.data();
  for (int rank = 0; rank < comm_.size(); ++rank) {
    const Range local = local_rows(rows, rank);
    for (Index i = local.begin; i < local.end; ++i)
      to = std::copy_n(term.row(dealt_.global(i, rank) - first_row).data(), columns, to);
    send_counts.push_back(local.size() * columns);
  }
  const Range own = local_rows(rows, comm_.rank());
  const std::vector<Index> receive_counts(static_cast<std::size_t>(comm_.size()), own.size() * columns);
  PendingExchange next = comm_.start_exchange(std::move(send), send_counts, receive_counts);
  end_exchange();
  exchange_ = std::move(next);
  under_way_ = own;
}

void RowReducer::end_exchange() {
  if (under_way_.empty()) return;
  const std::vector<double>& received = exchange_.wait();
  const Index part = under_way_.size() * sums_.cols();
  for_each_task(under_way_.size(), [&](Index i) {
    double* const sum = sums_.row(under_way_.begin + i).data();
    for (int rank = 0; rank < comm_.size(); ++rank) {
      const double* from = received.data() + rank * part + i * sums_.cols();
      for (Index j = 0; j < sums_.cols(); ++j) sum[j] += from[j];
    }
  });
  under_way_ = {};
}

Matrix RowReducer::finish() {
  end_exchange();
  return std::move(sums_);
}

Vector dealt_entries(const Communicator& comm, const Vector& whole) {
  const CyclicDimension dealt = dealt_in_turn(comm, whole.size());
  Vector entries(dealt.count_below(whole.size(), comm.rank()));
  for (Index i = 0; i < entries.size(); ++i) entries[i] = whole[dealt.global(i, comm.rank())];
  return entries;
}

}  // namespace attnewton
