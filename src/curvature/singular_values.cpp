#include "attnewton/curvature/singular_values.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "attnewton/curvature/gram_assembly.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

// Eigenvalues of AᵀA below this share of ‖A‖² are rounding, whatever the error says.
constexpr double smallest_share = 1e-16;

ExtremeEigenvalues gram_extremes(const std::shared_ptr<const ProcessGrid>& grid, const RowMatrix& a,
                                 const SpectrumOptions& options) {
  const Communicator& comm = grid->comm();
  const Vector start = lanczos_start(a.columns());
  if (a.columns() > options.largest_direct) {
    const auto gram_times = [&](const Vector& v) {
      Vector product = a.transpose_times(a.times(v));
      comm.sum(std::span<double>(product.data(), static_cast<std::size_t>(product.size())));
      return product;
    };
    return extreme_eigenvalues_by_lanczos(comm, gram_times, start, options.lanczos);
  }
  DistributedMatrix gram(grid, a.columns(), a.columns());
  const Vector ones = Vector::Ones(a.rows());
  add_weighted_grams({{WeightedGram(a), ones}}, gram);
  return extreme_eigenvalues(gram, start, options);
}

}  // namespace

SingularValues singular_values(const std::shared_ptr<const ProcessGrid>& grid, const RowMatrix& a,
                               const SpectrumOptions& options) {
  SingularValues values;
  values.gram = gram_extremes(grid, a, options);
  values.largest = std::sqrt(std::max(0.0, values.gram.largest));
  const double rounding = std::max(values.gram.smallest_error, smallest_share * values.gram.largest);
  const bool has_full_rank = grid->comm().sum(a.rows()) >= a.columns() && values.gram.smallest > rounding;
  if (has_full_rank) values.smallest = std::sqrt(values.gram.smallest);
  return values;
}

Vector lanczos_start(Index size) {
  constexpr std::uint64_t seed = 1;
  const RandomStream stream(seed, RandomPurpose::krylov);
  Vector start(size);
  for (Index i = 0; i < size; ++i) start[i] = stream.normal(i);
  return start;
}

}  // namespace attnewton
