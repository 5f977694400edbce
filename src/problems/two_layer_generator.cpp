#include "attnewton/problems/two_layer_generator.hpp"

#include <cmath>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/row_partition.hpp"
#include "attnewton/problems/evaluation.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {

PlantedTwoLayer generate_two_layer(const Communicator& comm, const TwoLayerRecipe& recipe) {
  if (recipe.rows < 1 || recipe.width < 1 || recipe.outputs < 1)
    throw UsageError("rows, width and outputs of a generated problem must be at least 1");
  PlantedTwoLayer planted;
  planted.rows = even_row_partition(recipe.rows, comm.size()).range(comm.rank());
  const RandomStream unknowns(recipe.seed, RandomPurpose::planted_x);
  planted.x = unknowns.normal_rows({0, recipe.width}, 1).col(0);
  planted.x *= recipe.score_scale / std::sqrt(static_cast<double>(recipe.width));

  TwoLayerData& data = planted.data;
  data.first_row = planted.rows.begin;
  data.a1 = RandomStream(recipe.seed, RandomPurpose::inputs).normal_rows(planted.rows, recipe.width);
  const Vector f = softmax(comm, data.a1.times(planted.x));
  const double spread = std::sqrt(comm.sum(f.squaredNorm()));
  const RandomStream second(recipe.seed, RandomPurpose::second_layer);
  data.a2 = second.normal_rows(planted.rows, recipe.outputs).transpose() / spread;

  Vector outputs = data.a2 * f;
  const std::span<double> all(outputs.data(), static_cast<std::size_t>(outputs.size()));
  comm.sum(all);
  comm.broadcast(all);
  data.target = evaluate_activation(recipe.activation, outputs).value;
  if (recipe.noise == 0) return planted;
  const double root_mean_square = data.target.norm() / std::sqrt(static_cast<double>(recipe.outputs));
  const RandomStream noise(recipe.seed, RandomPurpose::noise);
  data.target += recipe.noise * root_mean_square * noise.normal_rows({0, recipe.outputs}, 1).col(0);
  return planted;
}

}  // namespace attnewton
