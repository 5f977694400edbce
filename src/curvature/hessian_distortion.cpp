#include "attnewton/curvature/hessian_distortion.hpp"

#include <cmath>
#include <limits>

#include "attnewton/linalg/generalised_eigenvalues.hpp"

namespace attnewton {

std::optional<double> hessian_distortion(const DistributedMatrix& exact,
                                         const DistributedMatrix& approximate) {
  const auto eigenvalues = generalised_eigenvalues(approximate, exact);
  if (!eigenvalues) return std::nullopt;
  return (eigenvalues->array() - 1).abs().maxCoeff();
}

double predicted_contraction(double distortion) {
  return distortion < 1 ? distortion / (1 - distortion) : std::numeric_limits<double>::infinity();
}

}  // namespace attnewton
