// attnewton check --certificate.
#pragma once

#include "attnewton/core/error.hpp"

#include "certificate_options.hpp"
#include "loaded_problem.hpp"

namespace attnewton {

/// Finds the minimiser or reads it, certifies θ₀ = `start` and prints on rank 0. Collective. not_converged if
/// the minimiser was not found.
ExitCode run_certificate(const LoadedProblem& loaded, const CertificateRunOptions& options,
                         const Vector& start);

}  // namespace attnewton
