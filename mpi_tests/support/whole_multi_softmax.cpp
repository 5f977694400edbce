#include "support/whole_multi_softmax.hpp"

#include "attnewton/random/stream.hpp"

#include "support/whole_regression.hpp"

namespace attnewton::testing_support {
namespace {

using Numbers = std::vector<HyperDual>;

Matrix normal_matrix(std::uint64_t seed, Index rows, Index columns) {
  return RandomStream(seed, RandomPurpose::inputs).normal_rows({0, rows}, columns);
}

// A₁XA₂ᵀ, entry (j, k).
HyperDual plain_logit(const WholeMultiSoftmax& whole, const Numbers& x, Index j, Index k) {
  HyperDual logit(0);
  for (Index a = 0; a < whole.a1.cols(); ++a) {
    for (Index b = 0; b < whole.a2.cols(); ++b)
      logit +=
          HyperDual(whole.a1(j, a) * whole.a2(k, b)) * x[static_cast<std::size_t>(a * whole.a2.cols() + b)];
  }
  return logit;
}

// All residuals, row by row.
Numbers plain_residual(const WholeMultiSoftmax& whole, const Numbers& x) {
  Numbers residual;
  for (Index j = 0; j < whole.a1.rows(); ++j) {
    Numbers u;
    HyperDual alpha(0);
    for (Index k = 0; k < whole.a2.rows(); ++k) {
      u.push_back(exp(HyperDual(whole.scale) * plain_logit(whole, x, j, k)));
      alpha += u.back();
    }
    for (Index k = 0; k < whole.a2.rows(); ++k) {
      HyperDual r = u[static_cast<std::size_t>(k)];
      if (whole.normalisation == Normalisation::softmax) r = r / alpha;
      r -= whole.normalisation == Normalisation::rescaled ? alpha * HyperDual(whole.b(j, k))
                                                          : HyperDual(whole.b(j, k));
      residual.push_back(r);
    }
  }
  return residual;
}

HyperDual plain_regulariser(const WholeMultiSoftmax& whole, const Numbers& x) {
  HyperDual twice(0);
  for (const HyperDual& entry : x) twice += HyperDual(whole.ridge) * entry * entry;
  if (whole.weights.size() == 0) return HyperDual(0.5) * twice;
  for (Index j = 0; j < whole.a1.rows(); ++j) {
    for (Index k = 0; k < whole.a2.rows(); ++k) {
      const HyperDual weighted = HyperDual(whole.weights[j]) * plain_logit(whole, x, j, k);
      twice += weighted * weighted;
    }
  }
  return HyperDual(0.5) * twice;
}

}  // namespace

std::string WholeMultiSoftmax::name() const {
  return std::string(to_string(normalisation)) + ", " + std::to_string(a1.rows()) + " × " +
         std::to_string(a2.rows()) + (weights.size() > 0 ? ", weights" : "") + (ridge > 0 ? ", ridge" : "");
}

std::vector<WholeMultiSoftmax> test_multi_softmaxes() {
  std::vector<WholeMultiSoftmax> problems;
  std::uint64_t seed = 70;
  for (const auto normalisation : {Normalisation::softmax, Normalisation::rescaled, Normalisation::none}) {
    for (int kind = 0; kind < 4; ++kind) {
      WholeMultiSoftmax whole =
          kind == 0 ? random_multi_softmax(1, 1, 1, 1, ++seed) : random_multi_softmax(13, 7, 2, 3, ++seed);
      if (kind == 2) whole = random_multi_softmax(9, 11, 3, 2, seed);
      whole.normalisation = normalisation;
      if (kind > 1) whole.scale = 0.7;
      if (kind % 2 == 1) whole.weights = 0.3 * normal_matrix(seed + 500, whole.a1.rows(), 1).col(0);
      if (kind > 1) whole.ridge = 0.05;
      problems.push_back(whole);
    }
  }
  return problems;
}

WholeMultiSoftmax random_multi_softmax(Index n, Index m, Index d1, Index d2, std::uint64_t seed) {
  WholeMultiSoftmax whole{normal_matrix(seed, n, d1), normal_matrix(seed + 1000, m, d2), Matrix(n, m)};
  const RandomStream stream(seed, RandomPurpose::noise);
  for (Index j = 0; j < n; ++j) {
    for (Index k = 0; k < m; ++k) whole.b(j, k) = 2 * stream.uniform(j, k) / static_cast<double>(m);
  }
  return whole;
}

Vector normal_point(Index unknowns, double size, std::uint64_t seed) {
  return size * RandomStream(seed, RandomPurpose::start).normal_rows({0, unknowns}, 1).col(0);
}

MultiSoftmaxData multi_softmax_data(const Communicator& comm, const WholeMultiSoftmax& whole) {
  const Range rows = rows_of_rank(whole.a1.rows(), comm.size(), comm.rank());
  return {whole.a1.middleRows(rows.begin, rows.size()), whole.a2, whole.b.middleRows(rows.begin, rows.size()),
          rows.begin, whole.scale};
}

MultiSoftmaxOptions multi_softmax_options(const Communicator& comm, const WholeMultiSoftmax& whole) {
  const Range rows = rows_of_rank(whole.a1.rows(), comm.size(), comm.rank());
  MultiSoftmaxOptions options{whole.normalisation, {}, whole.ridge};
  if (whole.weights.size() > 0) options.weights = whole.weights.segment(rows.begin, rows.size());
  return options;
}

MultiSoftmaxProblem multi_softmax_problem(const Communicator& comm, const WholeMultiSoftmax& whole) {
  return {comm, multi_softmax_data(comm, whole), multi_softmax_options(comm, whole)};
}

SecondOrder multi_softmax_oracle(const WholeMultiSoftmax& whole, const Vector& theta) {
  return differentiate(
      [&](const Numbers& x) {
        HyperDual loss = plain_regulariser(whole, x);
        for (const HyperDual& r : plain_residual(whole, x)) loss += HyperDual(0.5) * r * r;
        return loss;
      },
      theta);
}

Matrix multi_softmax_gauss_newton_oracle(const WholeMultiSoftmax& whole, const Vector& theta) {
  Numbers x(theta.begin(), theta.end());
  Matrix jacobian(whole.b.size(), theta.size());
  for (Index i = 0; i < theta.size(); ++i) {
    x[static_cast<std::size_t>(i)].a = 1;
    const Numbers residual = plain_residual(whole, x);
    x[static_cast<std::size_t>(i)].a = 0;
    for (std::size_t r = 0; r < residual.size(); ++r) jacobian(static_cast<Index>(r), i) = residual[r].a;
  }
  const Matrix regulariser =
      differentiate([&](const Numbers& at) { return plain_regulariser(whole, at); }, theta).hessian;
  return jacobian.transpose() * jacobian + regulariser;
}

}  // namespace attnewton::testing_support
