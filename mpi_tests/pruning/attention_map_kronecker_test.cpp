// Kronecker blocks of an attention map against their definition row by row, and solves against the dense
// matrix.
#include "attnewton/pruning/attention_map_kronecker.hpp"

#include <gtest/gtest.h>

#include "attnewton/core/error.hpp"

#include "support/dense_kronecker.hpp"
#include "support/plain_solution.hpp"
#include "support/whole_map.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// J² of a row.
Matrix squared_jacobian(const std::vector<double>& row) {
  const Vector f = Eigen::Map<const Vector>(row.data(), static_cast<Index>(row.size()));
  const Matrix j = Matrix(f.asDiagonal()) - f * f.transpose();
  return j * j;
}

// The sums over rows, with J_j² written out.
std::vector<KroneckerBlock> plain_blocks(const WholeMap& whole, const Vector& weights) {
  HeadGroup at = whole.heads;
  at.set(weights);
  const bool fused = at.is_fused();
  std::vector<KroneckerBlock> blocks;
  Matrix key_input = Matrix::Zero(whole.x.cols(), whole.x.cols());
  Matrix key_output = Matrix::Zero(at.key.cols(), at.key.cols());
  double key_weight = 0;
  for (Index h = 0; h < at.heads(); ++h) {
    const auto f = plain_probabilities(whole, numbers_of(weights), h);
    const Matrix& p = at.query[static_cast<std::size_t>(h)];
    Matrix input = Matrix::Zero(whole.x.cols(), whole.x.cols());
    Matrix output = Matrix::Zero(p.cols(), p.cols());
    double weight = 0;
    for (std::size_t s = 0; s + 1 < whole.offsets.size(); ++s) {
      for (Index j = whole.offsets[s]; j < whole.offsets[s + 1]; ++j) {
        const Matrix squared = squared_jacobian(f[static_cast<std::size_t>(j)]);
        const Matrix seen = whole.x.middleRows(whole.offsets[s], squared.rows());
        const Matrix of_inputs = seen.transpose() * squared * seen;
        Vector q = p.transpose() * whole.x.row(j).transpose();
        if (!at.bias.empty()) q += at.bias[static_cast<std::size_t>(h)];
        const double scale_squared = whole.scale * whole.scale;
        input += scale_squared * squared.trace() * whole.x.row(j).transpose() * whole.x.row(j);
        weight += squared.trace();
        if (fused) {
          output += of_inputs;
        } else {
          output += at.key.transpose() * of_inputs * at.key;
          key_input += scale_squared * of_inputs;
          key_output += squared.trace() * q * q.transpose();
        }
      }
    }
    blocks.push_back({input, weight > 0 ? Matrix(output / weight) : output});
    key_weight += weight;
  }
  if (!fused) blocks.push_back({key_input, key_weight > 0 ? Matrix(key_output / key_weight) : key_output});
  return blocks;
}

double relative_distance(const Matrix& found, const Matrix& expected) {
  return (found - expected).cwiseAbs().maxCoeff() / (1e-6 + expected.cwiseAbs().maxCoeff());
}

TEST(KroneckerBlocks, AgreeWithTheirDefinition) {
  for (const WholeMap& whole : test_maps()) {
    if (whole.x.rows() == 1) continue;  // no row's softmax can change
    for (const MapStorage& storage : {keeps_all, keeps_none}) {
      SCOPED_TRACE(whole.name);
      const auto map = attention_map(Communicator::world(), whole, storage);
      const Vector weights = whole.heads.to_vector() + normal_numbers(map->parameters(), 0.2, 21);
      const auto found = kronecker_blocks(*map, weights);
      const auto expected = plain_blocks(whole, weights);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_LE(relative_distance(found[i].input, expected[i].input), 1e-12);
        EXPECT_LE(relative_distance(found[i].output, expected[i].output), 1e-12);
      }
    }
  }
}

TEST(KroneckerBlocks, OfASoftmaxThatCannotChangeAreZero) {
  const WholeMap whole = test_maps().back();
  const auto map = attention_map(Communicator::world(), whole);
  for (const KroneckerBlock& block : kronecker_blocks(*map, whole.heads.to_vector())) {
    EXPECT_EQ(kronecker(block.input, block.output).norm(), 0);
  }
}

// Uniform attention: every row of a sequence has the same J.
TEST(KroneckerBlocks, AreTheGaussNewtonHessianWhereAllRowsHaveOneJacobian) {
  const WholeMap fused = make_whole_map({.name = "", .lengths = {9}, .d = 3, .scale = 0.8}, 22);
  const WholeMap factors =
      make_whole_map({.name = "", .lengths = {9}, .d = 3, .r = 2, .biased = true, .scale = 0.8}, 23);
  for (const WholeMap& whole : {fused, factors}) {
    const auto map = attention_map(Communicator::world(), whole);
    Vector weights = whole.heads.to_vector();
    weights.head(map->blocks()[0].range.end).setZero();
    if (!whole.heads.is_fused()) {
      // A bias orthogonal to all keys leaves attention uniform: keys of one column, the bias in the other.
      for (Index a = 0; a < 3; ++a) weights[map->blocks()[1].range.begin + 2 * a + 1] = 0;
    }
    WholeMap uniform = whole;
    if (!uniform.heads.bias.empty()) uniform.heads.bias[0] << 0, 1.5;
    const auto uniform_map = attention_map(Communicator::world(), uniform);
    const AttentionMapProblem problem(uniform_map, {.form = HessianForm::gauss_newton});
    const auto point = problem.evaluate(weights);
    const auto blocks = kronecker_blocks(*uniform_map, weights);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Range range = uniform_map->blocks()[i].range;
      const Matrix expected = kronecker(blocks[i].input, blocks[i].output);
      EXPECT_GT(expected.norm(), 0.01);
      Matrix found(range.size(), range.size());
      for (Index k = 0; k < range.size(); ++k)
        found.col(k) = problem.hessian_vector(*point, Vector::Unit(problem.unknowns(), range.begin + k))
                           .segment(range.begin, range.size());
      EXPECT_LE(relative_distance(found, expected), 1e-12);
    }
  }
}

struct ScaledMap {
  std::shared_ptr<const AttentionMap> map;
  std::vector<KroneckerBlock> blocks;
  std::vector<BlockScale> scales;
  Vector units;
  Matrix dense;  // of A′ ⊗ C′
};

ScaledMap scaled_map(const WholeMap& whole) {
  ScaledMap scaled{attention_map(Communicator::world(), whole), {}, {}, {}, {}};
  scaled.blocks = kronecker_blocks(*scaled.map, whole.heads.to_vector());
  scaled.units = Vector(scaled.map->parameters());
  scaled.dense = Matrix::Zero(scaled.map->parameters(), scaled.map->parameters());
  std::uint64_t seed = 30;
  for (std::size_t i = 0; i < scaled.blocks.size(); ++i) {
    const ParameterBlock& block = scaled.map->blocks()[i];
    const Vector a = normal_numbers(block.rows, 1, ++seed).cwiseAbs().array() + 0.5;
    const Vector c = normal_numbers(block.columns, 1, ++seed).cwiseAbs().array() + 0.5;
    scaled.scales.push_back({a, c});
    for (Index k = 0; k < block.rows; ++k) {
      for (Index l = 0; l < block.columns; ++l)
        scaled.units[block.range.begin + k * block.columns + l] = 1 / (a[k] * c[l]);
    }
    scaled.dense.block(block.range.begin, block.range.begin, block.range.size(), block.range.size()) =
        kronecker(scaled.blocks[i].input, scaled.blocks[i].output);
  }
  scaled.dense = scaled.units.asDiagonal() * scaled.dense * scaled.units.asDiagonal();
  return scaled;
}

TEST(MapKroneckerHessian, SolvesWithTheDenseMatrix) {
  for (const WholeMap& whole : test_maps()) {
    SCOPED_TRACE(whole.name);
    const ScaledMap scaled = scaled_map(whole);
    const auto spectra =
        std::make_shared<const KroneckerSpectra>(Communicator::world(), scaled.blocks, scaled.scales);
    const Index n = scaled.map->parameters();
    AttentionMapOptions options;
    for (Index i = 0; i < n; ++i) {
      if (n == 2 || i % 3 != 2) options.support.push_back(i);
    }
    const auto size = static_cast<Index>(options.support.size());
    options.unit = AttentionMapProblem(scaled.map, {.support = options.support}).on_support(scaled.units);
    options.pull = Vector::Constant(size, 0.02);
    const AttentionMapProblem problem(scaled.map, options);
    MapKroneckerHessian hessian(problem, spectra);
    const auto point = problem.evaluate(Vector::Ones(size));
    hessian.update(*point, 0);
    EXPECT_EQ(hessian.factorisations(), 0);
    EXPECT_NEAR(hessian.mean_abs_diagonal(), problem.on_support(scaled.dense.diagonal()).mean() + 0.02,
                1e-12);
    ASSERT_TRUE(hessian.factor(0.05));
    EXPECT_EQ(hessian.factorisations(), 1);
    const Vector rhs = normal_numbers(size, 1, 41);
    const Vector whole_solution =
        plain_solution(scaled.dense + 0.07 * Matrix::Identity(n, n), problem.extended(rhs));
    const Vector expected = problem.on_support(whole_solution);
    EXPECT_LE((hessian.solve(rhs) - expected).norm(), 1e-11 * expected.norm());
  }
}

TEST(MapKroneckerHessian, NeedsAPositiveShiftOrPullWhereTheBlocksAreSingular) {
  // As many rows as columns in one sequence: C has the null vector that softmax ignores.
  const WholeMap whole = make_whole_map({.name = "", .lengths = {3}, .d = 3}, 24);
  const auto map = attention_map(Communicator::world(), whole);
  const auto spectra = std::make_shared<const KroneckerSpectra>(
      Communicator::world(), kronecker_blocks(*map, whole.heads.to_vector()));
  const AttentionMapProblem problem(map, {});
  MapKroneckerHessian hessian(problem, spectra);
  EXPECT_FALSE(hessian.factor(-1e-3));
  EXPECT_THROW(hessian.solve(Vector::Ones(9)), InternalError);
  EXPECT_TRUE(hessian.factor(1e-9));
  EXPECT_EQ(hessian.factorisations(), 2);
}

TEST(MapKroneckerHessian, RefusesOtherUnitsAndUnevenPulls) {
  const ScaledMap scaled = scaled_map(test_maps()[3]);
  const auto spectra =
      std::make_shared<const KroneckerSpectra>(Communicator::world(), scaled.blocks, scaled.scales);
  const Index n = scaled.map->parameters();
  const AttentionMapProblem plain(scaled.map, {});
  EXPECT_THROW(MapKroneckerHessian(plain, spectra), UsageError);
  const AttentionMapProblem uneven(scaled.map,
                                   {.unit = scaled.units, .pull = Vector::LinSpaced(n, 0.1, 0.2)});
  EXPECT_THROW(MapKroneckerHessian(uneven, spectra), UsageError);
  auto wrong = scaled.scales;
  wrong[0].row = Vector::Ones(1);
  EXPECT_THROW(KroneckerSpectra(Communicator::world(), scaled.blocks, wrong), UsageError);
  wrong = scaled.scales;
  wrong[1].column[0] = 0;
  EXPECT_THROW(KroneckerSpectra(Communicator::world(), scaled.blocks, wrong), UsageError);
  wrong.pop_back();
  EXPECT_THROW(KroneckerSpectra(Communicator::world(), scaled.blocks, wrong), UsageError);
}

}  // namespace
}  // namespace attnewton
