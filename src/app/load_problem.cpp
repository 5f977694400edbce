#include "attnewton/core/error.hpp"
#include "attnewton/core/timing.hpp"
#include "attnewton/curvature/kronecker_hessian.hpp"

#include "loaded_problem.hpp"

namespace attnewton {

RowMatrix LoadedProblem::read_moved_rows(const std::string& /*path*/) const {
  throw UsageError("--shift-a goes with --problem regression alone");
}

std::unique_ptr<DampedHessian> LoadedProblem::damped_hessian(const HessianOptions& options) const {
  if (options.kind == HessianKind::none) return make_identity_hessian(problem());
  return make_assembled_hessian(problem(), std::shared_ptr<const HessianModel>(hessian(options)));
}

std::unique_ptr<LoadedProblem> load_problem(const Communicator& comm, const ProblemOptions& options) {
  const TimingScope timing("load");
  switch (options.kind) {
    case ProblemKind::attention:
      return load_attention(comm, options);
    case ProblemKind::multi_softmax:
      return load_multi_softmax(comm, options);
    case ProblemKind::regression:
      return load_regression(comm, options);
    case ProblemKind::two_layer:
      break;
  }
  return load_two_layer(comm, options);
}

}  // namespace attnewton
