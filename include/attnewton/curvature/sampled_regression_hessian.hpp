// Hessian of the regressions on one vector with a sparsified diagonal (arXiv 2303.15725, 2304.10411;
// MATHEMATICS §2, §6).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "attnewton/curvature/hessian_model.hpp"
#include "attnewton/problems/regression.hpp"
#include "attnewton/sketch/row_sample.hpp"

namespace attnewton {

/// Importances of the rows, D being the diagonal of the Hessian by the scores: all alike, |D_ii| ‖a_i‖², or
/// the leverage score of row i of |D|^{1/2}A.
struct RowSamplingOptions {
  RowSampling rule = RowSampling::leverage;
  /// s, the expected number of rows over all ranks; 0: default_sampled_rows(). n or more takes every row.
  Index rows = 0;
  std::uint64_t seed = 0;
};

/// 8 d (1 + ln d): by leverage that leaves the Hessian a distortion of about ½, which makes Newton's method
/// converge without damping.
Index default_sampled_rows(Index unknowns);

/// H̃ = Aᵀ D̃ A + κ g gᵀ − g mᵀ − m gᵀ + λI, of which all but the first term is exact; D̃_ii = D_ii / p_i on
/// the rows of a sample, else 0, D = diag(δ) + W². D_ii keeps its sign, so H̃ is unbiased for H and equals it
/// once every row is taken; it need not be positive definite where H is. With a normalisation rows are
/// sampled as a_i − ψ_i k instead of a_i and the rest of AᵀDA is added from all rows: H̃ is then exact along
/// the change ψ of the scores that scales φ, in which the two parts of H cancel (docs/mathematics.md §10).
/// Cost, with s sampled rows in place of n, that of RegressionHessian: s d (d + 64) flops or Σ nnz_row² over
/// the sample, and 4·entries of all rows for the rank-2 part; besides 4·entries for ψ, 4·entries for norms or
/// what approximate_leverage_scores() takes. Memory per rank: its sampled rows, and RegressionHessian's.
class SampledRegressionHessian : public HessianModel {
 public:
  /// `problem` must outlive this. Throws UsageError for a negative number of rows. Local.
  SampledRegressionHessian(const RegressionProblem& problem, const RowSamplingOptions& options);

  std::string name() const override { return "sampled"; }
  bool is_random() const override { return true; }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

  const RowSamplingOptions& options() const { return options_; }
  /// s as it is used: options().rows or the default.
  Index sampled_rows() const { return sampled_rows_; }

 private:
  struct Diagonal;

  Diagonal diagonal_at(const RegressionPoint& point, const Vector& entries) const;
  Vector importances(const Diagonal& diagonal, Index iteration,
                     const std::shared_ptr<const ProcessGrid>& grid) const;
  std::optional<RowSample> sample(const Diagonal& diagonal, Index iteration,
                                  const std::shared_ptr<const ProcessGrid>& grid) const;
  void add_sample(const Diagonal& diagonal, const RowSample& taken, DistributedMatrix& h) const;

  const RegressionProblem& problem_;
  RowSamplingOptions options_;
  Index sampled_rows_;
};

}  // namespace attnewton
