#include "attnewton/problems/multi_softmax_generator.hpp"

#include <algorithm>
#include <cmath>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

constexpr Index rows_a_task = 64;

// exp of the scores, each row divided by its sum if there is a normalisation.
Matrix noiseless_target(const MultiSoftmaxData& data, const Matrix& x, Normalisation normalisation) {
  const Matrix keys_of_x = data.keys * x.transpose();  // m × d₁
  const Index rows = data.queries.rows();
  Matrix target(rows, data.keys.rows());
  for_each_task((rows + rows_a_task - 1) / rows_a_task, [&](Index task) {
    const Index begin = task * rows_a_task;
    const Index count = std::min(rows_a_task, rows - begin);
    auto part = target.middleRows(begin, count);
    part = data.queries.middleRows(begin, count) * keys_of_x.transpose();
    if (normalisation == Normalisation::none) {
      part = part.array().exp().matrix();
      return;
    }
    const Vector largest = part.rowwise().maxCoeff();
    part = (part.colwise() - largest).array().exp().matrix();
    const Vector sums = part.rowwise().sum();
    part.array().colwise() /= sums.array();
  });
  return target;
}

}  // namespace

PlantedMultiSoftmax generate_multi_softmax(const Communicator& comm, const MultiSoftmaxRecipe& recipe) {
  if (recipe.rows < 1 || recipe.width < 1 || recipe.keys < 0)
    throw UsageError("rows and width of a generated problem must be at least 1, keys not negative");
  const Index keys = recipe.keys > 0 ? recipe.keys : recipe.rows;
  PlantedMultiSoftmax planted;
  planted.rows = even_row_partition(recipe.rows, comm.size()).range(comm.rank());
  MultiSoftmaxData& data = planted.data;
  data.first_row = planted.rows.begin;
  data.queries = RandomStream(recipe.seed, RandomPurpose::inputs).normal_rows(planted.rows, recipe.width);
  data.keys = RandomStream(recipe.seed, RandomPurpose::second_layer).normal_rows({0, keys}, recipe.width);
  const RandomStream unknowns(recipe.seed, RandomPurpose::planted_x);
  planted.x = recipe.score_scale / static_cast<double>(recipe.width) *
              unknowns.normal_rows({0, recipe.width}, recipe.width);

  data.target = noiseless_target(data, planted.x, recipe.normalisation);
  if (recipe.noise == 0) return planted;
  const double mean_square =
      comm.sum(data.target.squaredNorm()) / (static_cast<double>(recipe.rows) * static_cast<double>(keys));
  const RandomStream noise(recipe.seed, RandomPurpose::noise);
  data.target += recipe.noise * std::sqrt(mean_square) * noise.normal_rows(planted.rows, keys);
  return planted;
}

}  // namespace attnewton
