// Hessian of the attention problem from a sample of its query rows (MATHEMATICS §6, §8).
#pragma once

#include <cstdint>

#include "attnewton/curvature/attention_rows.hpp"
#include "attnewton/curvature/hessian_model.hpp"

namespace attnewton {

struct AttentionSamplingOptions {
  /// Importances of query rows: all alike, the size of their terms, or approximate block leverage scores in
  /// the Jacobian (docs/mathematics.md §12). By norm they take a quarter of a gradient's time, by leverage a
  /// third.
  RowSampling rule = RowSampling::leverage;
  /// s₀, the expected number of rows over all ranks before the sample grows; 0: default_sampled_query_rows().
  Index rows = 0;
  /// Distortion that the default number of rows is for, > 0. Damped steps bear more than 1 at the start, and
  /// the sample grows.
  double epsilon = 2;
  HessianForm form = HessianForm::exact;
  /// γ ≥ 0: s grows as (‖g‖/‖g₀‖)^−γ.
  double gradient_exponent = 0.5;
  /// ≥ 1: s grows at least by this factor an iteration.
  double iteration_growth = 1.2;
  std::uint64_t seed = 0;
};

/// Rows for which a sampled Gauss–Newton matrix is about (1 ± ε) the whole one, each way: c max(d₁d₂ / min(e,
/// d₂), d₃) / (√(1+ε) − 1)². What counts is residuals an unknown, s e / (d₁d₂) (MATHEMATICS §8): samples of
/// so many independent directions an unknown, 1/y, have eigenvalues within (1 ± √y)² of those of the whole
/// (Marchenko–Pastur), and 2√y + y = ε. A row knows no more than d₂ directions, and K_y needs rows as well.
/// Rows are not independent directions: on planted layers of normal inputs (d = 8 and 12, logits of standard
/// deviation 2 and 5) it takes c = 2.5 times as many by leverage (1 to 5, medians of nine draws), 3 by norm
/// and 7 to 8 uniformly; norms are given leverage's number. At ε = 2 that is 5 and 13 residuals an unknown,
/// at ε = ½ 50 and 140. Local.
Index default_sampled_query_rows(const AttentionData& data, RowSampling rule, double epsilon);

/// H̃: terms of query rows drawn anew each iteration, divided by the probability of being drawn: unbiased for
/// the joint Hessian, whose K_y, H_xx and H_xy are all of one sample (the regulariser is added whole). With
/// projected variables H̃ is the Schur complement of that estimate: eliminating with the K_y of all rows would
/// subtract too much (MATHEMATICS §8). From half of the rows on it is AttentionHessian's matrix, which is the
/// hand-over to exact curvature: a sample serves the early steps, at the end its noise is all there is.
///
/// The sample grows: s = s₀ · max((‖g‖/‖g₀‖)^−γ, ρ^iteration). Near the solution a step leaves about the
/// fraction ε of the error, and ε falls like 1/√s: with s ∝ ‖g‖^−γ steps converge with order 1 + γ/2, and
/// rows are not spent while steps are short of the solution by more than their noise. The second term hands
/// over also where noise keeps the gradient from falling: whatever it does, the steps before cost together no
/// more than ρ / (2ρ − 2) exact assemblies.
///
/// Cost: that of AttentionHessian with s in place of n, but for the elimination of Y. Memory likewise, and
/// the gathered rows. The sample does not depend on the rank count.
class SampledAttentionHessian : public HessianModel {
 public:
  /// `problem` must outlive this. Throws UsageError for options out of range. Collective on the problem's
  /// communicator.
  SampledAttentionHessian(const AttentionProblem& problem, const AttentionSamplingOptions& options);

  std::string name() const override { return "sampled"; }
  bool is_random() const override { return true; }
  void assemble(const Point& point, const Progress& progress, DistributedMatrix& h) const override;

  const AttentionSamplingOptions& options() const { return options_; }
  /// s₀ as it is used: options().rows or the default.
  Index initial_rows() const { return initial_rows_; }
  /// s at that stage of a solve; that of all rows from half of them on. Local.
  Index sampled_rows(const Progress& progress) const;
  /// The sample of `rows` expected ones that is drawn at a point and iteration, which the probes of leverage
  /// scores are addressed by as well. Collective; free for uniform draws.
  RowSample draw(const AttentionPoint& point, Index rows, Index iteration) const;

 private:
  const AttentionProblem& problem_;
  AttentionSamplingOptions options_;
  Index all_rows_;
  Index first_row_;
  Index initial_rows_;
};

}  // namespace attnewton
