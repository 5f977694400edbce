#include "attnewton/io/matrix_file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/libsvm.hpp"
#include "attnewton/io/matrix_market.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/parallel/agreement.hpp"

namespace attnewton {
namespace {

constexpr std::array<std::pair<const char*, MatrixFormat>, 9> endings = {{
    {".npy", MatrixFormat::npy},
    {".csv", MatrixFormat::csv},
    {".tsv", MatrixFormat::csv},
    {".txt", MatrixFormat::csv},
    {".libsvm", MatrixFormat::libsvm},
    {".svmlight", MatrixFormat::libsvm},
    {".svm", MatrixFormat::libsvm},
    {".mtx", MatrixFormat::matrix_market},
    {".mm", MatrixFormat::matrix_market},
}};

MatrixFormat format_of(const std::string& path) {
  if (const auto format = matrix_format(path)) return *format;
  throw DataError(
      fmt::format("{}: the ending names no format that is read; known are {}", path, matrix_endings()));
}

MatrixFileShare read_npy_share(const Communicator& comm, const std::string& path) {
  MatrixFileShare share;
  agree_on_errors(comm, [&] {
    const NpyFile file = open_npy(path);
    const Range rows = even_row_partition(file.rows(), comm.size()).range(comm.rank());
    share.rows = read_npy_rows(file, rows);
    share.first_row = rows.begin;
    share.total_rows = file.rows();
  });
  return share;
}

MatrixFileShare share_of(CsvTable table) {
  return {std::move(table.rows), std::nullopt, table.first_row, table.total_rows, std::move(table.names)};
}

MatrixFileShare share_of(LibsvmRows file) {
  return {std::move(file.rows), std::move(file.labels), file.first_row, file.total_rows, {}};
}

MatrixFileShare share_of(MatrixMarketRows file) {
  MatrixFileShare share;
  std::visit([&share](auto& rows) { share.rows = std::move(rows); }, file.rows);
  share.first_row = file.first_row;
  share.total_rows = file.total_rows;
  return share;
}

// What a column is called in messages, whose rows it goes with, and how many it must have.
struct WantedColumn {
  const char* what;
  const std::string& whose;
  Index rows;
};

void check_is_column(const std::string& path, Index rows, Index columns, const WantedColumn& wanted) {
  if (columns != 1)
    throw DataError(fmt::format("{}: {} has {} columns, it must have one", path, wanted.what, columns));
  if (rows != wanted.rows)
    throw DataError(fmt::format("{}: {} has {} rows, but {} has {}: they must be as many", path, wanted.what,
                                rows, wanted.whose, wanted.rows));
}

Vector read_npy_column(const std::string& path, Range rows, const WantedColumn& wanted) {
  const NpyFile file = open_npy(path);
  check_is_column(path, file.rows(), file.columns(), wanted);
  return read_npy_rows(file, rows).col(0);
}

// The whole column on every rank, from each rank's part.
Vector gathered(const Communicator& comm, const MatrixFileShare& share) {
  Vector column = Vector::Zero(share.total_rows);
  column.segment(share.first_row, share.local_rows()) = std::get<Matrix>(share.rows).col(0);
  comm.sum(std::span<double>(column.data(), static_cast<std::size_t>(column.size())));
  return column;
}

}  // namespace

std::optional<MatrixFormat> matrix_format(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [known, format] : endings) {
    if (ending == known) return format;
  }
  return std::nullopt;
}

std::string matrix_endings() {
  std::string text;
  for (const auto& [ending, format] : endings) text += fmt::format("{}{}", text.empty() ? "" : ", ", ending);
  return text;
}

Index MatrixFileShare::local_rows() const {
  if (const auto* dense = std::get_if<Matrix>(&rows)) return dense->rows();
  return std::get<SparseRows>(rows).rows();
}

Index MatrixFileShare::columns() const {
  if (const auto* dense = std::get_if<Matrix>(&rows)) return dense->cols();
  return std::get<SparseRows>(rows).columns;
}

MatrixFileShare read_matrix_file_share(const Communicator& comm, const std::string& path, CsvHeader header) {
  switch (format_of(path)) {
    case MatrixFormat::npy:
      return read_npy_share(comm, path);
    case MatrixFormat::csv:
      return share_of(read_csv_share(comm, path, {.header = header}));
    case MatrixFormat::libsvm:
      return share_of(read_libsvm_share(comm, path));
    case MatrixFormat::matrix_market:
      break;
  }
  return share_of(read_matrix_market_share(comm, path));
}

Vector read_column_share(const Communicator& comm, const std::string& path, Range rows, const char* what,
                         const std::string& whose, CsvHeader header) {
  const Index wanted_rows = comm.sum(rows.size());
  if (format_of(path) != MatrixFormat::npy)
    return read_column(comm, path, wanted_rows, what, whose, header).segment(rows.begin, rows.size());
  Vector column;
  agree_on_errors(comm, [&] { column = read_npy_column(path, rows, {what, whose, wanted_rows}); });
  return column;
}

Vector read_column(const Communicator& comm, const std::string& path, Index rows, const char* what,
                   const std::string& whose, CsvHeader header) {
  const WantedColumn wanted{what, whose, rows};
  if (format_of(path) == MatrixFormat::npy) {
    Vector column;
    agree_on_errors(comm, [&] { column = read_npy_column(path, {0, rows}, wanted); });
    return column;
  }
  const MatrixFileShare share = read_matrix_file_share(comm, path, header);
  if (!std::holds_alternative<Matrix>(share.rows))
    throw DataError(fmt::format(
        "{}: {} is sparse there; give it as .npy, .csv or Matrix Market's array format", path, what));
  check_is_column(path, share.total_rows, share.columns(), wanted);
  return gathered(comm, share);
}

}  // namespace attnewton
