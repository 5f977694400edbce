#include "attnewton/curvature/regression_hessian.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/curvature/gram_assembly.hpp"

#include "regression_sums.hpp"

namespace attnewton {

void RegressionHessian::assemble(const Point& base, const Progress& /*progress*/,
                                 DistributedMatrix& h) const {
  const auto& point = static_cast<const RegressionPoint&>(base);
  require(h.rows() == problem_.unknowns() && h.columns() == problem_.unknowns(),
          "RegressionHessian::assemble: h is unknowns × unknowns");
  h.set_zero();
  add_weighted_grams({{gram_, problem_.curvature_diagonal(point, form_)}}, h);
  add_rank_two_and_ridge(problem_, point, form_, h);
}

}  // namespace attnewton
