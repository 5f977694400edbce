#include "attnewton/curvature/attention_hessian.hpp"

#include "attention_assembly.hpp"

namespace attnewton {

void AttentionHessian::assemble(const Point& base, const Progress& /*progress*/, DistributedMatrix& h) const {
  const auto& point = static_cast<const AttentionPoint&>(base);
  const Matrix gram = problem_.variables() == AttentionVariables::joint ? problem_.gram_y(point) : Matrix();
  assemble_attention_hessian(problem_, point, all_rows(problem_, point), form_, {gram, point.factor_y}, h);
}

}  // namespace attnewton
