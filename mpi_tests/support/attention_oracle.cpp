#include "support/attention_oracle.hpp"

namespace attnewton::testing_support {
namespace {

template <class S>
std::pair<std::vector<S>, std::vector<S>> split(const std::vector<S>& theta, Index x_unknowns) {
  return {{theta.begin(), theta.begin() + x_unknowns}, {theta.begin() + x_unknowns, theta.end()}};
}

// argmin over Y of L(X, Y), from its normal equations.
template <class S>
std::vector<S> best_y(const WholeAttention& whole, const std::vector<S>& x) {
  const auto t = plain_mixed(whole, x);
  const std::size_t d3 = t[0].size();
  const auto e = static_cast<std::size_t>(whole.b.cols());
  std::vector<std::vector<S>> gram(d3, std::vector<S>(d3, S(0)));
  std::vector<std::vector<S>> y(d3, std::vector<S>(e, S(0)));
  for (std::size_t k = 0; k < d3; ++k) {
    gram[k][k] += S(whole.ridge);
    for (std::size_t j = 0; j < t.size(); ++j) {
      for (std::size_t l = 0; l < d3; ++l) gram[k][l] += t[j][k] * t[j][l];
      for (std::size_t i = 0; i < e; ++i) {
        y[k][i] += t[j][k] * S(whole.b(static_cast<Index>(j), static_cast<Index>(i)));
      }
    }
    for (Index row = 0; row < whole.key_weights.size(); ++row) {
      for (std::size_t l = 0; l < d3; ++l) {
        gram[k][l] +=
            S(whole.key_weights[row] * whole.key_weights[row] * whole.values()(row, static_cast<Index>(k)) *
              whole.values()(row, static_cast<Index>(l)));
      }
    }
  }
  plain_solve(gram, y);
  std::vector<S> flat;
  for (const auto& row : y) flat.insert(flat.end(), row.begin(), row.end());
  return flat;
}

Matrix schur_complement(const Matrix& h, Index x_unknowns) {
  const auto n = static_cast<std::size_t>(h.rows() - x_unknowns);
  std::vector<std::vector<double>> h_yy(n, std::vector<double>(n));
  std::vector<std::vector<double>> h_yx(n, std::vector<double>(static_cast<std::size_t>(x_unknowns)));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      h_yy[i][j] = h(x_unknowns + static_cast<Index>(i), x_unknowns + static_cast<Index>(j));
    }
    for (std::size_t j = 0; j < h_yx[i].size(); ++j) {
      h_yx[i][j] = h(x_unknowns + static_cast<Index>(i), static_cast<Index>(j));
    }
  }
  plain_solve(h_yy, h_yx);
  Matrix schur = h.topLeftCorner(x_unknowns, x_unknowns);
  for (Index i = 0; i < x_unknowns; ++i) {
    for (Index j = 0; j < x_unknowns; ++j) {
      for (std::size_t k = 0; k < n; ++k) {
        schur(i, j) -= h(i, x_unknowns + static_cast<Index>(k)) * h_yx[k][static_cast<std::size_t>(j)];
      }
    }
  }
  return schur;
}

}  // namespace

SecondOrder attention_oracle(const WholeAttention& whole, AttentionVariables variables, const Vector& theta) {
  const Index x_unknowns = whole.a1.cols() * whole.a2.cols();
  return differentiate(
      [&](const std::vector<HyperDual>& at) {
        if (variables == AttentionVariables::projected) return plain_loss(whole, at, best_y(whole, at));
        const auto [x, y] = split(at, x_unknowns);
        return plain_loss(whole, x, y);
      },
      theta);
}

Matrix gauss_newton_oracle(const WholeAttention& whole, AttentionVariables variables, const Vector& theta) {
  const Index x_unknowns = whole.a1.cols() * whole.a2.cols();
  std::vector<double> at(theta.begin(), theta.end());
  if (variables == AttentionVariables::projected) {
    const auto y = best_y(whole, at);
    at.insert(at.end(), y.begin(), y.end());
  }
  const auto n = static_cast<Index>(at.size());
  std::vector<HyperDual> point(at.begin(), at.end());
  Matrix jacobian(whole.b.size(), n);
  for (Index i = 0; i < n; ++i) {
    point[static_cast<std::size_t>(i)].a = 1;
    const auto [x, y] = split(point, x_unknowns);
    const auto residual = plain_residual(whole, x, y);
    point[static_cast<std::size_t>(i)].a = 0;
    for (std::size_t r = 0; r < residual.size(); ++r) jacobian(static_cast<Index>(r), i) = residual[r].a;
  }
  Matrix h = differentiate(
                 [&](const std::vector<HyperDual>& theta_all) {
                   const auto [x, y] = split(theta_all, x_unknowns);
                   return plain_regulariser(whole, x, y);
                 },
                 Eigen::Map<const Vector>(at.data(), n))
                 .hessian;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) h(i, j) += jacobian.col(i).dot(jacobian.col(j));
  }
  return variables == AttentionVariables::projected ? schur_complement(h, x_unknowns) : h;
}

}  // namespace attnewton::testing_support
