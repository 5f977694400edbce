#include "support/dense_spectrum.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/SVD>

namespace attnewton::testing_support {

Vector symmetric_eigenvalues(const Matrix& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric, Eigen::EigenvaluesOnly);
  return solver.eigenvalues();
}

double symmetric_norm(const Matrix& symmetric) {
  return symmetric_eigenvalues(symmetric).cwiseAbs().maxCoeff();
}

Vector singular_values_of(const Matrix& a) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd{Eigen::MatrixXd(a)};
  return svd.singularValues();
}

Matrix cholesky_factor(const Matrix& positive) {
  const Eigen::LLT<Eigen::MatrixXd> factor{Eigen::MatrixXd(positive)};
  return factor.matrixL();
}

}  // namespace attnewton::testing_support
