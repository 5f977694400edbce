#include "attnewton/io/npy_writer.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "npy_header.hpp"
#include "pending_file.hpp"
#include "shared_output.hpp"

namespace attnewton {
namespace {

std::span<const std::byte> bytes_of(const Matrix& values) {
  return std::as_bytes(std::span(values.data(), static_cast<std::size_t>(values.size())));
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void write_whole(const std::string& path, const std::string& preamble, std::span<const std::byte> data) {
  PendingFile file(path);
  file.write_at(0, bytes_of(preamble));
  file.write_at(static_cast<Index>(preamble.size()), data);
  file.commit();
}

// Collective. Every rank sees all ranges, so all come to the same verdict.
void require_ranges_tile(const Communicator& comm, Range mine, Index rows_total) {
  const auto begins = comm.all_gather(mine.begin);
  const auto ends = comm.all_gather(mine.end);
  std::vector<std::pair<Index, Index>> ranges;
  for (std::size_t r = 0; r < begins.size(); ++r) {
    require(begins[r] <= ends[r], "write_npy_rows: a range ends after its beginning");
    if (begins[r] < ends[r]) ranges.emplace_back(begins[r], ends[r]);
  }
  std::sort(ranges.begin(), ranges.end());
  Index covered = 0;
  for (const auto& [begin, end] : ranges) {
    require(begin == covered, "write_npy_rows: the ranges of the ranks leave no gap and do not overlap");
    covered = end;
  }
  require(covered == rows_total, "write_npy_rows: the ranges of the ranks cover all rows");
}

// Collective.
void require_shapes_fit(const Communicator& comm, const Matrix& rows_local, Range rows_global,
                        Index rows_total, Index columns) {
  std::array<Index, 2> shape_of_root = {rows_total, columns};
  comm.broadcast(std::span<Index>(shape_of_root));
  agree_on_errors(comm, [&] {
    require(shape_of_root == std::array<Index, 2>{rows_total, columns},
            "write_npy_rows: all ranks name the same shape");
    require(rows_total >= 0 && columns >= 0, "write_npy_rows: the shape is not negative");
    require(rows_local.rows() == rows_global.size(), "write_npy_rows: the range fits the local rows");
    require(rows_local.rows() == 0 || rows_local.cols() == columns,
            "write_npy_rows: the local rows have all columns");
  });
  require_ranges_tile(comm, rows_global, rows_total);
}

}  // namespace

void write_npy(const std::string& path, const Matrix& values) {
  write_whole(path, npy_preamble("<f8", std::array{Index{values.rows()}, Index{values.cols()}}),
              bytes_of(values));
}

void write_npy_vector(const std::string& path, const Vector& values) {
  write_whole(path, npy_preamble("<f8", std::array{Index{values.size()}}),
              std::as_bytes(std::span(values.data(), static_cast<std::size_t>(values.size()))));
}

void write_npy_indices(const std::string& path, std::span<const Index> values) {
  write_whole(path, npy_preamble("<i8", std::array{static_cast<Index>(values.size())}),
              std::as_bytes(values));
}

void write_npy_rows(const Communicator& comm, const std::string& path, const Matrix& rows_local,
                    Range rows_global, Index rows_total, Index columns) {
  require_shapes_fit(comm, rows_local, rows_global, rows_total, columns);
  const std::string preamble = npy_preamble("<f8", std::array{rows_total, columns});

  write_together(comm, path, [&](const PutBytes& put) {
    if (comm.is_root()) put(0, bytes_of(preamble));
    if (rows_local.size() == 0) return;
    put(static_cast<Index>(preamble.size()) + rows_global.begin * columns * Index{sizeof(double)},
        bytes_of(rows_local));
  });
}

}  // namespace attnewton
