// Link functions φ of the regressions on one vector (MATHEMATICS §2).
#pragma once

#include <optional>
#include <string>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// φ(z): exp(z), cosh(z), sinh(z), exp(z) + z, z^β, z.
enum class Link { exp, cosh, sinh, soft_residual, power, identity };

/// A link, with the β of a power.
struct LinkFunction {
  Link kind = Link::exp;
  double exponent = 2;  ///< β; read by Link::power alone
};

/// "exp", "cosh", "sinh", "soft-residual", "power", "identity".
const char* to_string(Link link);
/// The formula for messages, such as "exp(z) + z" and "z^0.5".
std::string formula(const LinkFunction& link);

/// φ, φ′ and φ″ of some rows, entry by entry.
struct LinkValues {
  Vector value;
  Vector slope;
  Vector curvature;
};

/// φ, φ′ and φ″ at z (MATHEMATICS §2, second table). Entries outside the domain come out NaN or infinite.
/// Local, one thread, O(n) with one or two elementary functions an entry; `values` keeps its memory from one
/// block of rows to the next of the same length.
void evaluate_link(const LinkFunction& link, const Eigen::Ref<const Vector>& z, LinkValues& values);

/// The first row in which z, φ, φ′ or φ″ is not a number of at most `largest` in absolute value; none if all
/// are. Local, O(n).
std::optional<Index> first_outside_domain(const Eigen::Ref<const Vector>& z, const LinkValues& values,
                                          double largest);

/// Why z lies outside the domain, and how to mend it; for a row in which first_outside_domain() found it.
std::string domain_message(const LinkFunction& link, double z, Index global_row);

}  // namespace attnewton
