#include "support/whole_regression.hpp"

#include <cmath>

#include "attnewton/random/stream.hpp"

namespace attnewton::testing_support {
namespace {

HyperDual power(const HyperDual& z, double exponent) {
  const HyperDual logarithm = lift(z, std::log(z.v), 1 / z.v, -1 / (z.v * z.v));
  return exp(HyperDual(exponent) * logarithm);
}

HyperDual plain_link(const LinkFunction& link, const HyperDual& z) {
  const HyperDual half(0.5);
  HyperDual u = z;
  switch (link.kind) {
    case Link::exp:
      return exp(z);
    case Link::cosh:
      u = exp(z);
      u += HyperDual(1) / exp(z);
      return half * u;
    case Link::sinh:
      u = exp(z);
      u -= HyperDual(1) / exp(z);
      return half * u;
    case Link::soft_residual:
      u += exp(z);
      return u;
    case Link::power:
      return power(z, link.exponent);
    case Link::identity:
      break;
  }
  return u;
}

// z, and r with all of its rows.
struct PlainRows {
  std::vector<HyperDual> scores;
  std::vector<HyperDual> residual;
};

PlainRows plain_rows(const WholeRegression& whole, const std::vector<HyperDual>& x) {
  PlainRows rows;
  HyperDual alpha(0);
  for (Index i = 0; i < whole.a.rows(); ++i) {
    HyperDual z(0);
    for (Index j = 0; j < whole.a.cols(); ++j) z += HyperDual(whole.a(i, j)) * x[static_cast<std::size_t>(j)];
    rows.scores.push_back(z);
    rows.residual.push_back(plain_link(whole.link, z));
    alpha += rows.residual.back();
  }
  for (Index i = 0; i < whole.a.rows(); ++i) {
    HyperDual& r = rows.residual[static_cast<std::size_t>(i)];
    if (whole.normalisation == Normalisation::softmax) r = r / alpha;
    r -= whole.normalisation == Normalisation::rescaled ? alpha * HyperDual(whole.b[i])
                                                        : HyperDual(whole.b[i]);
  }
  return rows;
}

HyperDual plain_loss(const WholeRegression& whole, const std::vector<HyperDual>& x) {
  const PlainRows rows = plain_rows(whole, x);
  HyperDual twice(0);
  for (std::size_t i = 0; i < rows.scores.size(); ++i) {
    twice += rows.residual[i] * rows.residual[i];
    if (whole.weights.size() == 0) continue;
    const HyperDual w(whole.weights[static_cast<Index>(i)]);
    twice += w * w * rows.scores[i] * rows.scores[i];
  }
  for (const HyperDual& entry : x) twice += HyperDual(whole.ridge) * entry * entry;
  return HyperDual(0.5) * twice;
}

Matrix half_empty(Index rows, Index columns, std::uint64_t seed) {
  const RandomStream stream(seed, RandomPurpose::inputs);
  Matrix a = Matrix::Zero(rows, columns);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      if (j == i % columns || stream.uniform(i, columns + j) < 0.4) a(i, j) = 0.2 + stream.uniform(i, j);
    }
  }
  return a;
}

}  // namespace

std::string WholeRegression::name() const {
  return formula(link) + ", " + to_string(normalisation) + (weights.size() > 0 ? ", weights" : "") +
         (ridge > 0 ? ", ridge" : "");
}

std::vector<WholeRegression> test_regressions() {
  const std::vector<LinkFunction> links = {{Link::exp},      {Link::cosh},         {Link::sinh},
                                           {Link::power, 2}, {Link::power, 0.5},   {Link::power, -1.5},
                                           {Link::identity}, {Link::soft_residual}};
  std::vector<WholeRegression> problems;
  std::uint64_t seed = 40;
  for (const LinkFunction& link : links) {
    for (const auto normalisation : {Normalisation::none, Normalisation::rescaled, Normalisation::softmax}) {
      const RandomStream stream(++seed, RandomPurpose::noise);
      WholeRegression whole{half_empty(23, 5, seed), Vector(23), {}, link, normalisation, 0};
      for (Index i = 0; i < whole.b.size(); ++i) whole.b[i] = 0.1 * stream.normal(i);
      if (seed % 2 == 0) {
        whole.weights = Vector(23);
        for (Index i = 0; i < whole.weights.size(); ++i) whole.weights[i] = 0.1 + stream.uniform(i, 1);
      }
      if (seed % 3 != 0) whole.ridge = 0.05;
      problems.push_back(whole);
    }
  }
  return problems;
}

Vector positive_point(Index unknowns, std::uint64_t seed) {
  const RandomStream stream(seed, RandomPurpose::start);
  Vector x(unknowns);
  for (Index j = 0; j < unknowns; ++j) x[j] = 0.2 + 0.6 * stream.uniform(j);
  return x;
}

RegressionData regression_data(const Communicator& comm, const WholeRegression& whole, Storage storage) {
  const Range rows = rows_of_rank(whole.a.rows(), comm.size(), comm.rank());
  return {share_of(comm, whole.a, storage), whole.b.segment(rows.begin, rows.size()), rows.begin};
}

RegressionOptions regression_options(const Communicator& comm, const WholeRegression& whole) {
  const Range rows = rows_of_rank(whole.a.rows(), comm.size(), comm.rank());
  RegressionOptions options{whole.link, whole.normalisation, {}, whole.ridge};
  if (whole.weights.size() > 0) options.weights = whole.weights.segment(rows.begin, rows.size());
  return options;
}

RegressionProblem regression_problem(const Communicator& comm, const WholeRegression& whole,
                                     Storage storage) {
  return {comm, regression_data(comm, whole, storage), regression_options(comm, whole)};
}

SecondOrder regression_oracle(const WholeRegression& whole, const Vector& x) {
  return differentiate([&](const std::vector<HyperDual>& point) { return plain_loss(whole, point); }, x);
}

Matrix regression_gauss_newton_oracle(const WholeRegression& whole, const Vector& x) {
  Matrix jacobian(whole.a.rows(), x.size());
  for (Index j = 0; j < x.size(); ++j) {
    std::vector<HyperDual> point(x.begin(), x.end());
    point[static_cast<std::size_t>(j)].a = 1;
    const PlainRows rows = plain_rows(whole, point);
    for (Index i = 0; i < jacobian.rows(); ++i) jacobian(i, j) = rows.residual[static_cast<std::size_t>(i)].a;
  }
  Matrix sum = jacobian.transpose() * jacobian;
  if (whole.weights.size() > 0)
    sum += whole.a.transpose() * whole.weights.array().square().matrix().asDiagonal() * whole.a;
  sum.diagonal().array() += whole.ridge;
  return sum;
}

}  // namespace attnewton::testing_support
