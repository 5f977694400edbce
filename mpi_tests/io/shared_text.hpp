// A text file that all ranks read together.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "attnewton/linalg/sparse_rows.hpp"
#include "attnewton/parallel/communicator.hpp"

#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {

/// Tests on all ranks of one file in a folder that they share.
class SharedText : public testing::Test {
 protected:
  /// Collective.
  void put(const std::string& text) const {
    comm_.barrier();
    if (comm_.is_root()) put_file(path(), text);
    comm_.barrier();
  }
  std::string path() const { return folder_.file("table.txt"); }
  const Communicator& comm() const { return comm_; }
  const TemporaryFolder& folder() const { return folder_; }

  /// Collective: `read` of `text` fails on every rank as bad data, at `where` (":LINE:COLUMN: ", or ": "),
  /// and the message has `cause` in it.
  template <class Read>
  void expect_refused(const std::string& text, const std::string& where, const std::string& cause,
                      Read&& read) const {
    put(text);
    try {
      read();
      ADD_FAILURE() << "accepted: " << text.substr(0, 200);
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(error.code(), ExitCode::bad_data) << message;
      EXPECT_EQ(message.rfind(path() + where, 0), 0U) << message << "\nlacks: " << where;
      EXPECT_NE(message.find(cause), std::string::npos) << message << "\nlacks: " << cause;
    }
  }

 private:
  Communicator comm_ = Communicator::world();
  TemporaryFolder folder_{comm_};
};

/// Collective: the whole matrix from each rank's consecutive rows.
inline Matrix gather_rows(const Communicator& comm, const Matrix& rows, Index first_row, Index total_rows) {
  Matrix whole = Matrix::Zero(total_rows, rows.cols());
  whole.middleRows(first_row, rows.rows()) = rows;
  comm.sum(whole);
  return whole;
}

/// The rows with their zeros.
inline Matrix dense(const SparseRows& sparse) {
  Matrix rows = Matrix::Zero(sparse.rows(), sparse.columns);
  for (Index i = 0; i < sparse.rows(); ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (auto k = static_cast<std::size_t>(sparse.offsets[row]);
         k < static_cast<std::size_t>(sparse.offsets[row + 1]); ++k) {
      rows(i, sparse.column_indices[k]) = sparse.values[k];
    }
  }
  return rows;
}

}  // namespace attnewton
