#include "attnewton/problems/regression_generator.hpp"

#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

// The columns of a row's entries: gaps between them are geometric, drawn one after another.
template <class Use>
void for_each_column(const RandomStream& gaps, const RowsRecipe& recipe, Index row, const Use& use) {
  const double log_of_empty = std::log1p(-recipe.density);
  Index column = -1;
  for (Index k = 0;; ++k) {
    const double gap = std::floor(std::log(gaps.uniform(row, k)) / log_of_empty);
    if (gap >= static_cast<double>(recipe.width - column - 1)) return;
    column += 1 + static_cast<Index>(gap);
    use(column);
  }
}

double factor_of(const RowsRecipe& recipe, Index row) {
  return row < recipe.heavy_rows ? recipe.heavy_factor : 1;
}

Matrix dense_rows(const RowsRecipe& recipe, Range rows) {
  Matrix a = RandomStream(recipe.seed, RandomPurpose::inputs).normal_rows(rows, recipe.width);
  if (recipe.positive) a = a.cwiseAbs();
  for (Index i = 0; i < rows.size() && rows.begin + i < recipe.heavy_rows; ++i)
    a.row(i) *= recipe.heavy_factor;
  return a;
}

SparseRows sparse_rows(const RowsRecipe& recipe, Range rows) {
  const RandomStream values(recipe.seed, RandomPurpose::inputs);
  const RandomStream gaps(recipe.seed, RandomPurpose::pattern);
  SparseRows a;
  a.columns = recipe.width;
  for (Index row = rows.begin; row < rows.end; ++row) {
    for_each_column(gaps, recipe, row, [&](Index column) {
      const double value = factor_of(recipe, row) * values.normal(row, column);
      a.column_indices.push_back(column);
      a.values.push_back(recipe.positive ? std::abs(value) : value);
    });
    a.offsets.push_back(a.entries());
  }
  return a;
}

void check(const RowsRecipe& recipe) {
  if (recipe.rows < 1 || recipe.width < 1)
    throw UsageError("rows and width of a generated problem must be at least 1");
  if (!(recipe.density > 0) || recipe.density > 1)
    throw UsageError("the density of a generated matrix must be above 0 and at most 1");
  if (recipe.heavy_rows < 0 || !std::isfinite(recipe.heavy_factor))
    throw UsageError("the number of heavy rows must not be negative, and their factor a finite number");
}

double squared_norm(const RowMatrix& a) {
  if (!a.is_sparse()) return a.dense().squaredNorm();
  const auto& values = a.sparse().values;
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size())).squaredNorm();
}

// Entries such that a score has variance score_scale² for independent entries of A.
Vector planted_x(const Communicator& comm, const RowMatrix& a, const PlantRecipe& recipe) {
  const double mean_row_square = comm.sum(squared_norm(a)) / static_cast<double>(comm.sum(a.rows()));
  const RandomStream stream(recipe.seed, RandomPurpose::planted_x);
  Vector x = stream.normal_rows({0, a.columns()}, 1).col(0);
  if (mean_row_square > 0) x *= recipe.score_scale / std::sqrt(mean_row_square);
  const bool needs_sign =
      recipe.link.kind == Link::power && recipe.link.exponent != std::floor(recipe.link.exponent);
  if (needs_sign) x = x.cwiseAbs();
  comm.broadcast(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
  return x;
}

// φ(A x), divided by its sum if there is a normalisation: the target that leaves no residual at x.
Vector noiseless_target(const Communicator& comm, const RowMatrix& a, Range rows, const Vector& x,
                        const PlantRecipe& recipe) {
  const bool is_normalised = recipe.normalisation != Normalisation::none;
  Vector z = a.times(x);
  if (is_normalised && recipe.link.kind == Link::exp)
    z.array() -= comm.max(z.size() > 0 ? z.maxCoeff() : -std::numeric_limits<double>::infinity());
  const LinkValues u = evaluate_link(recipe.link, z);
  agree_on_errors(comm, [&] {
    constexpr double largest = 1e140;  // squares of the target are to be numbers
    if (const auto row = first_outside_domain(z, u, largest))
      throw NumericalError("the planted point makes no target: " +
                           domain_message(recipe.link, z[*row], rows.begin + *row));
  });
  if (!is_normalised) return u.value;
  const double alpha = comm.sum(u.value.sum());
  const double magnitude = comm.sum(u.value.cwiseAbs().sum());
  constexpr double smallest_share = 1e-3;  // below it b = u/α would be huge beside its sum, 1
  if (!(std::abs(alpha) > smallest_share * magnitude))
    throw NumericalError(
        fmt::format("the planted point makes no target: the sum of {} over all rows is {}, next to nothing "
                    "beside that of absolute values, {}; take another seed or link",
                    formula(recipe.link), alpha, magnitude));
  return u.value / alpha;
}

}  // namespace

RowMatrix random_rows(const RowsRecipe& recipe, Range rows) {
  check(recipe);
  if (recipe.density < 1) return {sparse_rows(recipe, rows)};
  return {dense_rows(recipe, rows)};
}

PlantedRegression plant_regression(const Communicator& comm, const RowMatrix& a, Range rows,
                                   const PlantRecipe& recipe) {
  PlantedRegression planted;
  planted.x = planted_x(comm, a, recipe);
  planted.target = noiseless_target(comm, a, rows, planted.x, recipe);
  if (recipe.noise == 0) return planted;
  const double mean_square =
      comm.sum(planted.target.squaredNorm()) / static_cast<double>(comm.sum(rows.size()));
  const Matrix noise = RandomStream(recipe.seed, RandomPurpose::noise).normal_rows(rows, 1);
  planted.target += recipe.noise * std::sqrt(mean_square) * noise.col(0);
  return planted;
}

}  // namespace attnewton
