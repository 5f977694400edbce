#include "attnewton/curvature/kronecker_hessian.hpp"

#include <cmath>
#include <optional>
#include <utility>

#include <Eigen/Cholesky>

#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"

#include "attention_kronecker_terms.hpp"

namespace attnewton {
namespace {

// H̃ in X: P ⊗ Q, or c·I as the product of c·I and I.
using BlockOfX = KroneckerProduct (*)(const AttentionProblem&, const AttentionPoint&);

std::vector<KroneckerTerms> all_terms(const AttentionProblem& problem, const AttentionPoint& point) {
  std::vector<KroneckerTerms> terms{attention_kronecker_terms(problem, point)};
  const AttentionRegulariser& regulariser = problem.regulariser();
  if (regulariser.is_weighted()) terms.push_back({regulariser.packed_u(), regulariser.packed_v()});
  return terms;
}

KroneckerProduct nearest_product(const AttentionProblem& problem, const AttentionPoint& point) {
  const AttentionData& data = problem.data();
  return nearest_kronecker_product(problem.comm(), all_terms(problem, point), data.query_width(),
                                   data.key_width());
}

double packed_trace(const double* packed, Index width) {
  double sum = 0;
  for (Index a = 0; a < width; ++a) sum += packed[packed_index(a, a)];
  return sum;
}

KroneckerProduct mean_diagonal(const AttentionProblem& problem, const AttentionPoint& point) {
  const Index d1 = problem.data().query_width();
  const Index d2 = problem.data().key_width();
  double trace = 0;
  for (const KroneckerTerms& group : all_terms(problem, point)) {
    for (Index s = 0; s < group.lefts.rows(); ++s)
      trace += packed_trace(group.lefts.row(s).data(), d1) * packed_trace(group.rights.row(s).data(), d2);
  }
  const double mean = problem.comm().sum(trace) / static_cast<double>(problem.unknowns_x());
  return {mean * Matrix::Identity(d1, d1), Matrix::Identity(d2, d2)};
}

// A Kronecker product and the ridge in X, K_y ⊗ I_e in Y where θ holds Y.
class BlockDiagonalHessian : public DampedHessian {
 public:
  BlockDiagonalHessian(const AttentionProblem& problem, std::string name, BlockOfX block_of_x)
      : problem_(problem), name_(std::move(name)), block_of_x_(block_of_x) {}

  std::string name() const override { return name_; }
  bool is_rough() const override { return true; }

  void update(const Point& base, const Progress& /*progress*/) override {
    const TimingScope timing("hessian");
    const auto& point = static_cast<const AttentionPoint&>(base);
    shift_.reset();
    factorisations_ = 0;
    const KroneckerProduct product = block_of_x_(problem_, point);
    diagonal_sum_ = product.left.trace() * product.right.trace() +
                    problem_.regulariser().ridge() * static_cast<double>(problem_.unknowns_x());
    x_.reset();
    if (std::isfinite(diagonal_sum_)) x_.emplace(problem_.comm(), product);
    if (problem_.variables() == AttentionVariables::joint) update_y(point);
  }

  double mean_abs_diagonal() const override {
    return diagonal_sum_ / static_cast<double>(problem_.unknowns());
  }

  bool factor(double shift) override {
    ++factorisations_;
    shift_.reset();
    const double whole_shift = shift + problem_.regulariser().ridge();
    if (x_ && y_is_positive_ && x_->smallest() + whole_shift > 0) shift_ = whole_shift;
    return shift_.has_value();
  }

  Index factorisations() const override { return factorisations_; }

  Vector solve(const Vector& rhs) const override {
    require(shift_.has_value(), "BlockDiagonalHessian::solve: after a factor() that succeeded");
    const AttentionData& data = problem_.data();
    const Index size = problem_.unknowns_x();
    Vector solution(rhs.size());
    MatrixView(solution.data(), data.query_width(), data.key_width()) =
        x_->solve(*shift_, ConstMatrixView(rhs.data(), data.query_width(), data.key_width()));
    if (problem_.variables() == AttentionVariables::joint) {
      MatrixView(solution.data() + size, data.value_width(), data.output_width()) =
          y_.solve(ConstMatrixView(rhs.data() + size, data.value_width(), data.output_width()));
    }
    problem_.comm().broadcast(solution);
    return solution;
  }

 private:
  void update_y(const AttentionPoint& point) {
    Matrix gram = problem_.gram_y(point);
    problem_.comm().broadcast(std::span<double>(gram.data(), static_cast<std::size_t>(gram.size())));
    diagonal_sum_ += gram.trace() * static_cast<double>(problem_.data().output_width());
    y_.compute(gram);
    y_is_positive_ = problem_.comm().min(Index{y_.info() == Eigen::Success}) == 1;
  }

  const AttentionProblem& problem_;
  std::string name_;
  BlockOfX block_of_x_;
  double diagonal_sum_ = 0;
  Index factorisations_ = 0;
  std::optional<KroneckerSpectrum> x_;  // none if an entry is not finite
  Eigen::LLT<Eigen::MatrixXd> y_;       // of K_y, for joint variables
  bool y_is_positive_ = true;
  std::optional<double> shift_;  // with the ridge; of the last factor
};

class IdentityHessian : public DampedHessian {
 public:
  explicit IdentityHessian(const Problem& problem) : damped_(problem.damped_unknowns()) {}

  std::string name() const override { return "none"; }
  bool is_rough() const override { return true; }
  void update(const Point& /*point*/, const Progress& /*progress*/) override {
    diagonal_.reset();
    factorisations_ = 0;
  }
  double mean_abs_diagonal() const override { return 1; }
  bool factor(double shift) override {
    ++factorisations_;
    diagonal_.reset();
    if (1 + shift > 0) diagonal_ = 1 + shift;
    return diagonal_.has_value();
  }
  Index factorisations() const override { return factorisations_; }
  Vector solve(const Vector& rhs) const override {
    require(diagonal_.has_value(), "IdentityHessian::solve: after a factor() that succeeded");
    Vector solution = rhs;
    solution.head(damped_) /= *diagonal_;
    return solution;
  }

 private:
  Index damped_;
  Index factorisations_ = 0;
  std::optional<double> diagonal_;  // of the damped unknowns
};

}  // namespace

std::unique_ptr<DampedHessian> make_kronecker_hessian(const AttentionProblem& problem) {
  return std::make_unique<BlockDiagonalHessian>(problem, "kronecker", nearest_product);
}

std::unique_ptr<DampedHessian> make_y_block_hessian(const AttentionProblem& problem) {
  return std::make_unique<BlockDiagonalHessian>(problem, "y-block", mean_diagonal);
}

std::unique_ptr<DampedHessian> make_identity_hessian(const Problem& problem) {
  return std::make_unique<IdentityHessian>(problem);
}

}  // namespace attnewton
