#include "attnewton/linalg/distributed_qr.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"
#include "attnewton/random/stream.hpp"

#include "support/gather.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

Matrix normals(Index rows, Index columns, std::uint64_t seed) {
  return RandomStream(seed, RandomPurpose::inputs).normal_rows({0, rows}, columns);
}

// X = R⁻¹ has Xᵀ (MᵀM) X = I and is upper triangular with a positive diagonal: no other matrix is.
TEST(DistributedQr, GivesTheTriangleOfTheGramMatrix) {
  for (const Index block : {2, 64}) {
    for (const auto& [rows, columns] : {std::array<Index, 2>{1, 1}, {5, 1}, {7, 7}, {40, 13}, {300, 130}}) {
      const Matrix m = normals(rows, columns, 3);
      const DistributedQr qr(distributed(m, block));
      const Matrix inverse = qr.solve_r(Matrix::Identity(columns, columns));
      const Matrix product = m * inverse;
      EXPECT_LE((product.transpose() * product - Matrix::Identity(columns, columns)).norm(), 1e-10);
      for (Index i = 0; i < columns; ++i) {
        EXPECT_GT(inverse(i, i), 0);
        for (Index j = 0; j < i; ++j) EXPECT_EQ(inverse(i, j), 0);
      }
      const Matrix b = normals(columns, 3, 4);
      EXPECT_LE((qr.solve_r(b) - inverse * b).norm(), 1e-10 * b.norm() * inverse.norm());
    }
  }
}

TEST(DistributedQr, RefusesShapesThatHaveNoR) {
  EXPECT_THROW(DistributedQr(distributed(normals(3, 4, 5), 2)), InternalError);
  const DistributedQr qr(distributed(normals(4, 3, 5), 2));
  EXPECT_THROW(qr.solve_r(normals(4, 1, 6)), InternalError);
}

}  // namespace
}  // namespace attnewton
