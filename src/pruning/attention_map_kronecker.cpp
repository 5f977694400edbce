#include "attnewton/pruning/attention_map_kronecker.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// A pull or a unit may differ by so much, relatively, from what it stands for: rounding.
constexpr double rounding = 1e-10;

void append(const Matrix& values, Vector& packed, Index& end) {
  MatrixView(packed.data() + end, values.rows(), values.cols()) = values;
  end += values.size();
}

void extract(const Vector& packed, Matrix& values, Index& end) {
  values = ConstMatrixView(packed.data() + end, values.rows(), values.cols());
  end += values.size();
}

// Sums over ranks, in one reduction.
void sum_over_ranks(const Communicator& comm, MapCurvature& sums) {
  Index size = sums.weights.size();
  for (const auto* matrices : {&sums.inputs, &sums.outputs}) {
    for (const Matrix& m : *matrices) size += m.size();
  }
  Vector packed(size);
  packed.head(sums.weights.size()) = sums.weights;
  Index end = sums.weights.size();
  for (auto* matrices : {&sums.inputs, &sums.outputs}) {
    for (const Matrix& m : *matrices) append(m, packed, end);
  }
  comm.sum(packed);
  comm.broadcast(packed);
  sums.weights = packed.head(sums.weights.size());
  end = sums.weights.size();
  for (auto* matrices : {&sums.inputs, &sums.outputs}) {
    for (Matrix& m : *matrices) extract(packed, m, end);
  }
}

void check_scale(const BlockScale& scale, const KroneckerBlock& block) {
  if (scale.row.size() != block.input.rows() || scale.column.size() != block.output.rows())
    throw UsageError(fmt::format("a block of {} × {} weights has scales of {} rows and {} columns",
                                 block.input.rows(), block.output.rows(), scale.row.size(),
                                 scale.column.size()));
  if (!(scale.row.minCoeff() > 0) || !(scale.column.minCoeff() > 0))
    throw UsageError("the scales of a block must be positive");
}

// A/(a aᵀ).
Matrix scaled(const Matrix& a, const Vector& scale) {
  const Vector inverse = scale.cwiseInverse();
  return inverse.asDiagonal() * a * inverse.asDiagonal();
}

}  // namespace

std::vector<KroneckerBlock> kronecker_blocks(const AttentionMap& map, const Vector& weights) {
  const MapForward at = map.evaluate(weights, MapPass::point);
  if (!at.obstacle.empty()) throw NumericalError("Kronecker blocks: " + at.obstacle);
  MapCurvature sums = map.local_curvature(at, weights);
  sum_over_ranks(map.comm(), sums);
  std::vector<KroneckerBlock> blocks;
  for (std::size_t i = 0; i < sums.inputs.size(); ++i) {
    const double total = sums.weights[static_cast<Index>(i)];
    // No row whose softmax could change: the block is 0 either way.
    if (total > 0) sums.outputs[i] /= total;
    blocks.push_back({std::move(sums.inputs[i]), std::move(sums.outputs[i])});
  }
  return blocks;
}

KroneckerSpectra::KroneckerSpectra(const Communicator& comm, const std::vector<KroneckerBlock>& blocks,
                                   std::vector<BlockScale> scales)
    : scales_(std::move(scales)) {
  if (!scales_.empty() && scales_.size() != blocks.size())
    throw UsageError(
        fmt::format("{} blocks have {} scales: give none, or one for each", blocks.size(), scales_.size()));
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    KroneckerProduct product{blocks[i].input, blocks[i].output};
    if (!scales_.empty()) {
      check_scale(scales_[i], blocks[i]);
      product = {scaled(product.left, scales_[i].row), scaled(product.right, scales_[i].column)};
    }
    diagonals_.push_back({product.left.diagonal(), product.right.diagonal()});
    spectra_.emplace_back(comm, product);
  }
}

double KroneckerSpectra::smallest() const {
  double smallest = std::numeric_limits<double>::infinity();
  for (const KroneckerSpectrum& spectrum : spectra_) smallest = std::min(smallest, spectrum.smallest());
  return smallest;
}

MapKroneckerHessian::MapKroneckerHessian(const AttentionMapProblem& problem,
                                         std::shared_ptr<const KroneckerSpectra> spectra)
    : problem_(problem), spectra_(std::move(spectra)) {
  const auto& blocks = problem_.map().blocks();
  require(spectra_ != nullptr && spectra_->blocks() == static_cast<Index>(blocks.size()),
          "MapKroneckerHessian: a spectrum for each of the map's blocks");
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockScale& diagonals = spectra_->diagonals(static_cast<Index>(i));
    require(diagonals.row.size() == blocks[i].rows && diagonals.column.size() == blocks[i].columns,
            "MapKroneckerHessian: spectra of the map's blocks");
  }
  blocks_weight_ = 1 + problem_.options().prior_weight;
  const Vector& pull = problem_.options().pull;
  if (pull.size() > 0) pull_ = pull[0];
  if (pull.size() > 0 && pull.maxCoeff() - pull.minCoeff() > rounding * pull.maxCoeff())
    throw UsageError(fmt::format("a Kronecker Hessian needs one pull for all weights, not {} to {}",
                                 pull.minCoeff(), pull.maxCoeff()));
  check_units();
  mean_abs_diagonal_ = pull_ + blocks_weight_ * diagonal_mean();
}

// 1/(a cᵀ) of every block, row by row; ones where there are no scales.
Vector MapKroneckerHessian::units_of_scales() const {
  const auto& blocks = problem_.map().blocks();
  Vector units = Vector::Ones(problem_.map().parameters());
  for (std::size_t i = 0; i < spectra_->scales().size(); ++i) {
    const BlockScale& scale = spectra_->scales()[i];
    MatrixView(units.data() + blocks[i].range.begin, blocks[i].rows, blocks[i].columns) =
        scale.row.cwiseInverse() * scale.column.cwiseInverse().transpose();
  }
  return units;
}

void MapKroneckerHessian::check_units() const {
  const Vector expected = problem_.on_support(units_of_scales());
  const Vector& unit = problem_.options().unit;
  for (Index i = 0; i < expected.size(); ++i) {
    const double u = unit.size() == 0 ? 1 : unit[i];
    if (!(std::abs(u - expected[i]) <= rounding * expected[i]))
      throw UsageError(
          fmt::format("the unit of weight {} in the support is {}, but the Kronecker Hessian was "
                      "made for {}",
                      i, u, expected[i]));
  }
}

double MapKroneckerHessian::diagonal_mean() const {
  const auto& blocks = problem_.map().blocks();
  Vector diagonal(problem_.map().parameters());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockScale& of = spectra_->diagonals(static_cast<Index>(i));
    MatrixView(diagonal.data() + blocks[i].range.begin, blocks[i].rows, blocks[i].columns) =
        of.row * of.column.transpose();
  }
  return problem_.on_support(diagonal).mean();
}

void MapKroneckerHessian::update(const Point& /*point*/, const Progress& /*progress*/) {
  shift_.reset();
  factorisations_ = 0;
}

bool MapKroneckerHessian::factor(double shift) {
  ++factorisations_;
  shift_.reset();
  if (pull_ + shift + blocks_weight_ * spectra_->smallest() > 0) shift_ = pull_ + shift;
  return shift_.has_value();
}

Vector MapKroneckerHessian::solve(const Vector& rhs) const {
  require(shift_.has_value(), "MapKroneckerHessian::solve: after a factor() that succeeded");
  const auto& blocks = problem_.map().blocks();
  Vector all = problem_.extended(rhs);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const MatrixView part(all.data() + blocks[i].range.begin, blocks[i].rows, blocks[i].columns);
    const Matrix solution =
        spectra_->block(static_cast<Index>(i)).solve(*shift_ / blocks_weight_, part) / blocks_weight_;
    MatrixView(all.data() + blocks[i].range.begin, blocks[i].rows, blocks[i].columns) = solution;
  }
  Vector solution = problem_.on_support(all);
  problem_.comm().broadcast(solution);
  return solution;
}

}  // namespace attnewton
