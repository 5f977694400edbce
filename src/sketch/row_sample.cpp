#include "attnewton/sketch/row_sample.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "attnewton/core/error.hpp"
#include "attnewton/parallel/agreement.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

// Rows that c takes for certain, and the importances of the others.
struct Split {
  double certain = 0;
  double rest = 0;
};

Split split_at(const Communicator& comm, const Vector& importances, double c) {
  std::array<double, 2> sums{0, 0};
  for (const double importance : importances) {
    if (c * importance >= 1) {
      sums[0] += 1;
    } else {
      sums[1] += importance;
    }
  }
  comm.sum(std::span<double>(sums));
  return {sums[0], sums[1]};
}

}  // namespace

const char* to_string(RowSampling rule) {
  switch (rule) {
    case RowSampling::uniform:
      return "uniform";
    case RowSampling::norm:
      return "norm";
    case RowSampling::leverage:
      break;
  }
  return "leverage";
}

Vector inclusion_probabilities(const Communicator& comm, const Vector& importances, double expected_rows) {
  agree_on_errors(comm, [&] {
    require(importances.allFinite() && (importances.array() >= 0).all() && expected_rows >= 0,
            "inclusion_probabilities: finite numbers of at least 0");
  });
  const double largest = comm.max(importances.size() > 0 ? importances.maxCoeff() : 0.0);
  if (largest == 0) return Vector::Zero(importances.size());
  const Vector relative = importances / largest;
  const Index candidates = comm.sum(Index{(relative.array() > 0).count()});
  if (expected_rows >= static_cast<double>(candidates)) return (relative.array() > 0).cast<double>();
  // Newton's method on the concave, piecewise linear c ↦ Σ min(1, c·importance): from the left it never
  // overshoots but for rounding, and it ends on the piece that holds s.
  double c = 0;
  for (Split split{0, split_at(comm, relative, 0).rest}, before{-1, 0}; split.certain > before.certain;) {
    c = std::max(c, (expected_rows - split.certain) / split.rest);
    before = split;
    split = split_at(comm, relative, c);
  }
  return (c * relative.array()).min(1);
}

RowSample draw_rows(const Communicator& comm, const Vector& importances, Index first_row,
                    const RowSampleOptions& options) {
  const Vector probabilities = inclusion_probabilities(comm, importances, options.expected_rows);
  const RandomStream stream(options.seed, RandomPurpose::row_sample,
                            static_cast<std::uint64_t>(options.iteration));
  RowSample sample;
  for (Index i = 0; i < probabilities.size(); ++i) {
    if (stream.uniform(first_row + i) < probabilities[i]) sample.rows.push_back(i);
  }
  sample.weights.resize(static_cast<Index>(sample.rows.size()));
  for (std::size_t k = 0; k < sample.rows.size(); ++k)
    sample.weights[static_cast<Index>(k)] = 1 / probabilities[sample.rows[k]];
  return sample;
}

}  // namespace attnewton
