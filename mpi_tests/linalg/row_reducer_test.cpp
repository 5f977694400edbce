#include "attnewton/linalg/row_reducer.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Entry (i, j) of a rank's term: an integer, so that sums are exact in any order.
double term(int rank, Index i, Index j) {
  return static_cast<double>((rank + 1) * (1000 * i + j));
}

Matrix terms(int rank, Range rows, Index columns) {
  Matrix part(rows.size(), columns);
  for (Index i = 0; i < rows.size(); ++i) {
    for (Index j = 0; j < columns; ++j) part(i, j) = term(rank, rows.begin + i, j);
  }
  return part;
}

TEST(RowReducer, SumsEveryRowOnItsOwner) {
  const auto comm = Communicator::world();
  constexpr Index columns = 3;
  for (const Index rows : {Index{0}, Index{1}, Index{2}, Index{17}}) {
    for (const Index height : {Index{1}, Index{2}, Index{5}, Index{17}}) {
      RowReducer reducer(comm, rows, columns);
      for (Index row = 0; row < rows; row += height)
        reducer.add(row, terms(comm.rank(), {row, std::min(rows, row + height)}, columns));
      const Matrix own = reducer.finish();
      Vector numbers(rows);
      for (Index i = 0; i < rows; ++i) numbers[i] = static_cast<double>(i);
      const Vector here = dealt_entries(comm, numbers);
      ASSERT_EQ(own.rows(), here.size());
      ASSERT_EQ(own.cols(), columns);
      for (Index i = 0; i < own.rows(); ++i) {
        EXPECT_EQ(here[i], static_cast<double>(comm.rank() + i * comm.size()));
        for (Index j = 0; j < columns; ++j) {
          double expected = 0;
          for (int rank = 0; rank < comm.size(); ++rank)
            expected += term(rank, static_cast<Index>(here[i]), j);
          EXPECT_EQ(own(i, j), expected) << i << ' ' << j;
        }
      }
      EXPECT_EQ(comm.sum(own.rows()), rows);
    }
  }
}

TEST(RowReducer, RefusesRowsThatAreNotThere) {
  RowReducer reducer(Communicator::world(), 4, 2);
  EXPECT_THROW(reducer.add(3, Matrix::Ones(2, 2)), InternalError);
  EXPECT_THROW(reducer.add(-1, Matrix::Ones(1, 2)), InternalError);
  EXPECT_THROW(reducer.add(0, Matrix::Ones(1, 3)), InternalError);
}

}  // namespace
}  // namespace attnewton
