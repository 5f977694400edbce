#include "attnewton/pruning/attention_layer.hpp"

#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

Index head_width(const StoredProjections& stored, Index heads) {
  const Index rows = stored.query.rows();
  if (heads < 1 || rows < 1 || rows % heads != 0)
    throw DataError(
        fmt::format("Wq has {} rows, which is no whole number for each of {} heads", rows, heads));
  return rows / heads;
}

// Query heads that share one key head.
Index sharing_heads(const StoredProjections& stored, Index heads, Index width) {
  const Index key_heads = stored.key.rows() / width;
  if (key_heads < 1 || stored.key.rows() % width != 0 || heads % key_heads != 0) {
    throw DataError(
        fmt::format("Wk has {} rows, which are no key heads of width {} that divide {} query heads evenly",
                    stored.key.rows(), width, heads));
  }
  return heads / key_heads;
}

void check(const StoredProjections& stored) {
  if (stored.query.cols() != stored.key.cols())
    throw DataError(fmt::format("Wq has {} columns and Wk {}: both must have one for each input",
                                stored.query.cols(), stored.key.cols()));
  if (stored.bias.size() > 0 && stored.bias.size() != stored.query.rows())
    throw DataError(fmt::format("bq has {} entries, Wq {} rows", stored.bias.size(), stored.query.rows()));
}

}  // namespace

Index AttentionLayer::heads() const {
  Index count = 0;
  for (const HeadGroup& group : groups) count += group.heads();
  return count;
}

Index AttentionLayer::parameters() const {
  Index count = 0;
  for (const HeadGroup& group : groups) count += group.parameters();
  return count;
}

AttentionLayer layer_of(const StoredProjections& stored, Index heads) {
  check(stored);
  const Index width = head_width(stored, heads);
  const Index sharing = sharing_heads(stored, heads, width);
  AttentionLayer layer;
  for (Index first = 0; first < heads; first += sharing) {
    HeadGroup group;
    group.key = stored.key.middleRows(first / sharing * width, width).transpose();
    for (Index h = first; h < first + sharing; ++h) {
      group.query.push_back(stored.query.middleRows(h * width, width).transpose());
      if (stored.bias.size() > 0) group.bias.push_back(stored.bias.segment(h * width, width));
    }
    layer.groups.push_back(std::move(group));
  }
  return layer;
}

AttentionLayer layer_of_fused(const Matrix& weights) {
  if (weights.rows() != weights.cols() || weights.rows() < 1)
    throw DataError(fmt::format("W is {} x {}: fused weights are square", weights.rows(), weights.cols()));
  return {{HeadGroup{.query = {weights}}}};
}

AttentionLayer fused(const AttentionLayer& layer) {
  if (layer.is_fused()) return layer;
  AttentionLayer result;
  for (const HeadGroup& group : layer.groups) {
    for (std::size_t h = 0; h < group.query.size(); ++h) {
      HeadGroup head;
      head.query.push_back(group.query[h] * group.key.transpose());
      if (!group.bias.empty()) head.bias.push_back(group.key * group.bias[h]);
      result.groups.push_back(std::move(head));
    }
  }
  return result;
}

StoredProjections stored(const AttentionLayer& layer) {
  require(!layer.is_fused(), "stored: a layer of factors");
  const Index width = layer.groups.front().inner_width();
  StoredProjections result;
  result.query.resize(layer.heads() * width, layer.width());
  result.key.resize(static_cast<Index>(layer.groups.size()) * width, layer.width());
  if (!layer.groups.front().bias.empty()) result.bias.resize(result.query.rows());
  Index head = 0;
  for (std::size_t g = 0; g < layer.groups.size(); ++g) {
    const HeadGroup& group = layer.groups[g];
    result.key.middleRows(static_cast<Index>(g) * width, width) = group.key.transpose();
    for (std::size_t h = 0; h < group.query.size(); ++h, ++head) {
      result.query.middleRows(head * width, width) = group.query[h].transpose();
      if (result.bias.size() > 0) result.bias.segment(head * width, width) = group.bias[h];
    }
  }
  return result;
}

Matrix stacked(const AttentionLayer& layer) {
  require(layer.is_fused(), "stacked: fused weights");
  const Index d = layer.width();
  Matrix result(layer.heads() * d, d);
  Index head = 0;
  for (const HeadGroup& group : layer.groups) {
    for (const Matrix& weights : group.query) result.middleRows(head++ * d, d) = weights;
  }
  return result;
}

}  // namespace attnewton
