#include "attnewton/pruning/map_metric.hpp"

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Diagonal entries below this share of the largest count as that.
constexpr double least_diagonal = 1e-12;

Vector root_diagonal(const Matrix& matrix, Index block) {
  const Vector diagonal = matrix.diagonal();
  const double largest = diagonal.maxCoeff();
  if (!(largest > 0)) {
    throw NumericalError(fmt::format(
        "no weight of matrix {} changes the attention maps: every query sees one key alone, or inputs "
        "are all 0",
        block));
  }
  return diagonal.cwiseMax(least_diagonal * largest).cwiseSqrt();
}

}  // namespace

MapMetric make_map_metric(const AttentionMap& map) {
  auto blocks =
      std::make_shared<const std::vector<KroneckerBlock>>(kronecker_blocks(map, map.reference().to_vector()));
  std::vector<BlockScale> scales;
  MapMetric metric;
  metric.unit.resize(map.parameters());
  for (std::size_t b = 0; b < blocks->size(); ++b) {
    const auto number = static_cast<Index>(b);
    scales.push_back({root_diagonal((*blocks)[b].input, number), root_diagonal((*blocks)[b].output, number)});
    const ParameterBlock& place = map.blocks()[b];
    MatrixView(metric.unit.data() + place.range.begin, place.rows, place.columns) =
        (scales[b].row * scales[b].column.transpose()).cwiseInverse();
  }
  metric.spectra = std::make_shared<const KroneckerSpectra>(map.comm(), *blocks, std::move(scales));
  metric.blocks = std::move(blocks);
  return metric;
}

}  // namespace attnewton
