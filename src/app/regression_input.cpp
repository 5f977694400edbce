#include "regression_input.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/matrix_file.hpp"
#include "attnewton/io/npy_writer.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "option_text.hpp"
#include "solve_output.hpp"

namespace attnewton {
namespace {

using Rows = std::variant<Matrix, SparseRows>;

// The number of the column that `word` names.
Index column_named(const std::string& word, const MatrixFileShare& share, const std::string& path) {
  const auto found = std::find(share.names.begin(), share.names.end(), word);
  if (found != share.names.end()) return found - share.names.begin();
  if (const auto number = parse_integer(word)) {
    const Index column = *number < 0 ? share.columns() + *number : *number;
    if (column >= 0 && column < share.columns()) return column;
  }
  const std::string known =
      share.names.empty() ? "it has no names" : fmt::format("its names are {}", fmt::join(share.names, ", "));
  throw DataError(fmt::format("{}: no column '{}' for --target-column: there are columns 0 to {}, and {}",
                              path, word, share.columns() - 1, known));
}

// Takes a column out.
Vector take_column(Matrix& rows, Index column) {
  Vector taken = rows.col(column);
  Matrix rest(rows.rows(), rows.cols() - 1);
  rest << rows.leftCols(column), rows.rightCols(rows.cols() - column - 1);
  rows = std::move(rest);
  return taken;
}

Vector take_column(SparseRows& rows, Index column) {
  Vector taken = Vector::Zero(rows.rows());
  SparseRows rest;
  rest.columns = rows.columns - 1;
  for (Index i = 0; i < rows.rows(); ++i) {
    const Range entries = rows.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k) {
      if (rows.column(k) == column) {
        taken[i] = rows.value(k);
        continue;
      }
      rest.column_indices.push_back(rows.column(k) - (rows.column(k) > column ? 1 : 0));
      rest.values.push_back(rows.value(k));
    }
    rest.offsets.push_back(rest.entries());
  }
  rows = std::move(rest);
  return taken;
}

void append_ones(Matrix& rows) {
  Matrix extended(rows.rows(), rows.cols() + 1);
  extended << rows, Vector::Ones(rows.rows());
  rows = std::move(extended);
}

void append_ones(SparseRows& rows) {
  SparseRows extended;
  extended.columns = rows.columns + 1;
  for (Index i = 0; i < rows.rows(); ++i) {
    const Range entries = rows.entries_of(i);
    for (Index k = entries.begin; k < entries.end; ++k) {
      extended.column_indices.push_back(rows.column(k));
      extended.values.push_back(rows.value(k));
    }
    extended.column_indices.push_back(rows.columns);
    extended.values.push_back(1);
    extended.offsets.push_back(extended.entries());
  }
  rows = std::move(extended);
}

std::optional<Vector> take_target(const MatrixName& a, const ProblemOptions& options,
                                  MatrixFileShare& share) {
  if (options.target_column.empty()) return std::move(share.labels);
  const Index column = column_named(options.target_column, share, a.path);
  if (share.columns() == 1)
    throw DataError(fmt::format("{}: its only column is the target, so that {} has none", a.path, a.name));
  return std::visit([column](auto& rows) { return take_column(rows, column); }, share.rows);
}

void check_can_be_prepared(const MatrixName& a, const ProblemOptions& options, const MatrixFileShare& share) {
  if (share.columns() < 1) throw DataError(fmt::format("{}: {} has no columns", a.path, a.name));
  if (options.standardise && !std::holds_alternative<Matrix>(share.rows))
    throw UsageError(fmt::format(
        "--standardise would fill all of {}, which is sparse: give it as .npy or .csv, or do without",
        a.described()));
}

// The rows of all ranks, in their order, of which this one then has `wanted`; text files are shared by bytes.
void deal_out(const Communicator& comm, Range wanted, const std::string& path, MatrixFileShare& share) {
  const Range held{share.first_row, share.first_row + share.local_rows()};
  if (comm.min(Index{held == wanted ? 1 : 0}) == 1) return;
  if (!std::holds_alternative<Matrix>(share.rows))
    throw DataError(
        fmt::format("{}: its rows fall to other ranks than those of the sparse A; run on one rank, or give "
                    "both as Matrix Market files",
                    path));
  const auto overlap = [](Range a, Range b) {
    return std::max(Index{0}, std::min(a.end, b.end) - std::max(a.begin, b.begin));
  };
  const std::vector<Index> wanted_begins = comm.all_gather(wanted.begin);
  const std::vector<Index> wanted_ends = comm.all_gather(wanted.end);
  const std::vector<Index> held_begins = comm.all_gather(held.begin);
  const std::vector<Index> held_ends = comm.all_gather(held.end);
  const Matrix& rows = std::get<Matrix>(share.rows);
  std::vector<Index> send;
  std::vector<Index> receive;
  for (std::size_t r = 0; r < wanted_begins.size(); ++r) {
    send.push_back(overlap(held, {wanted_begins[r], wanted_ends[r]}) * rows.cols());
    receive.push_back(overlap(wanted, {held_begins[r], held_ends[r]}) * rows.cols());
  }
  auto exchange = comm.start_exchange({rows.data(), rows.data() + rows.size()}, send, receive);
  const Matrix dealt = Eigen::Map<const Matrix>(exchange.wait().data(), wanted.size(), rows.cols());
  share.rows = dealt;
}

}  // namespace

std::string MatrixName::described() const {
  return fmt::format("{} ({})", name, path);
}

Vector read_weights(const Communicator& comm, const MatrixName& a, const ProblemOptions& options,
                    Range rows) {
  if (options.weights.empty()) return {};
  if (const auto weight = parse_number(options.weights))
    return *weight > 0 ? Vector(Vector::Constant(rows.size(), *weight)) : Vector();
  Vector weights = read_column_share(comm, options.weights, rows, "w", a.described());
  agree_on_errors(comm, [&] {
    for (Index i = 0; i < weights.size(); ++i) {
      if (weights[i] < 0)
        throw DataError(fmt::format("{}: the weight in row {} is {}, it must be at least 0", options.weights,
                                    rows.begin + i, weights[i]));
    }
  });
  return weights;
}

PreparedRows read_rows(const Communicator& comm, const MatrixName& a, const ProblemOptions& options) {
  MatrixFileShare share = read_matrix_file_share(comm, a.path, options.csv_header);
  check_can_be_prepared(a, options, share);
  PreparedRows prepared;
  prepared.total_rows = share.total_rows;
  prepared.rows = {share.first_row, share.first_row + share.local_rows()};
  prepared.target = take_target(a, options, share);
  if (options.standardise) prepared.standardisation = standardise(comm, std::get<Matrix>(share.rows));
  if (options.append_ones) std::visit([](auto& rows) { append_ones(rows); }, share.rows);
  std::visit([&prepared](auto& rows) { prepared.a = RowMatrix(std::move(rows)); }, share.rows);
  return prepared;
}

RowMatrix read_moved_rows(const Communicator& comm, const MatrixName& moved, const ProblemOptions& options,
                          const Preparation& preparation) {
  MatrixFileShare share = read_matrix_file_share(comm, moved.path, options.csv_header);
  check_can_be_prepared(moved, options, share);
  if (!options.target_column.empty()) take_target(moved, options, share);
  const std::optional<Standardisation>& standardisation = preparation.standardisation;
  const Index wanted_rows = comm.sum(preparation.rows.size());
  if (share.total_rows != wanted_rows)
    throw DataError(
        fmt::format("{}: it has {} rows, but A has {}", moved.path, share.total_rows, wanted_rows));
  if (share.columns() + (options.append_ones ? 1 : 0) != preparation.columns)
    throw DataError(fmt::format("{}: it does not have A's columns: {} besides the target, A has {}",
                                moved.path, share.columns(),
                                preparation.columns - (options.append_ones ? 1 : 0)));
  deal_out(comm, preparation.rows, moved.path, share);
  if (standardisation) apply(*standardisation, std::get<Matrix>(share.rows));
  if (options.append_ones) std::visit([](auto& rows) { append_ones(rows); }, share.rows);
  return std::visit([](auto& rows) { return RowMatrix(std::move(rows)); }, share.rows);
}

RegressionInput read_regression_share(const Communicator& comm, const ProblemOptions& options) {
  const MatrixName a{"A", options.a};
  PreparedRows prepared = read_rows(comm, a, options);
  RegressionInput input;
  input.rows = prepared.total_rows;
  input.data.first_row = prepared.rows.begin;
  input.data.target = options.b.empty() ? std::move(*prepared.target)
                                        : read_column_share(comm, options.b, prepared.rows, "b",
                                                            a.described(), options.csv_header);
  input.data.a = std::move(prepared.a);
  input.options.link = link_named(options.link);
  input.options.normalisation = options.normalisation;
  input.options.ridge = options.ridge;
  input.options.weights = read_weights(comm, a, options, prepared.rows);
  input.standardisation = std::move(prepared.standardisation);
  return input;
}

void write_standardisation(const std::string& folder, const Standardisation& standardisation) {
  Matrix rows(2, standardisation.mean.size());
  rows << standardisation.mean.transpose(), standardisation.deviation.transpose();
  write_npy(path_in(folder, "standardisation.npy"), rows);
}

}  // namespace attnewton
