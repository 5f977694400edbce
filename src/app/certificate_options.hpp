// What `attnewton check --certificate` can be told.
#pragma once

#include <string>

#include "attnewton/solver/certificate.hpp"

#include "hessian_options.hpp"
#include "problem_options.hpp"
#include "start_options.hpp"

namespace attnewton {

struct CertificateRunOptions {
  bool wanted = false;     ///< --certificate
  std::string solution;    ///< file of θ*; empty: it is found from the start
  HessianOptions hessian;  ///< whose steps are measured
  CertificateOptions limits;
  std::string shift_a;
  std::string shift_x;
};

/// Adds them. `options` and `problem` must outlive the table's use.
void add_certificate_options(OptionTable& table, CertificateRunOptions& options,
                             const ProblemOptions& problem);

/// With --certificate alone, and without it alone.
OptionScope with_certificate(const CertificateRunOptions& options);
OptionScope without_certificate(const CertificateRunOptions& options);

}  // namespace attnewton
