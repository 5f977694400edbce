// A certificate in words.
#pragma once

#include <optional>
#include <string>

#include "attnewton/problems/context_shift.hpp"
#include "attnewton/solver/certificate.hpp"

namespace attnewton {

/// What the text says besides the certificate itself.
struct CertificateSetting {
  std::string problem;                ///< its description
  std::string hessian;                ///< name of the model whose steps were measured
  const CertificateOptions& options;  ///< that it was made with
  std::optional<double> distortion;   ///< ε₀; none where the exact Hessian is not positive definite
  std::string solution;               ///< file of θ*; empty: it was found
};

/// Several lines, the last one ended. Local.
std::string certificate_text(const Certificate& certificate, const CertificateSetting& setting);

/// Both sides of the in-context shift of `what` (x or A) to the one of `file`. Local.
std::string shift_text(const std::string& what, const std::string& file, const ContextShift& shift);

}  // namespace attnewton
