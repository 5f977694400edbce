// Link functions φ of the regressions on one vector (MATHEMATICS §2).
#pragma once

#include <optional>
#include <string>

#include "attnewton/problems/entrywise.hpp"

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

/// φ, φ′ and φ″ of a vector of scores.
using LinkValues = EntrywiseValues;

/// φ, φ′ and φ″ at z (MATHEMATICS §2, second table). Entries outside the domain come out NaN or infinite.
/// Local, one thread, O(n) with one or two elementary functions an entry; `values` keeps its memory from one
/// block of rows to the next of the same length.
void evaluate_link(const LinkFunction& link, const Eigen::Ref<const Vector>& z, LinkValues& values);

/// The same of a whole vector.
LinkValues evaluate_link(const LinkFunction& link, const Vector& z);

/// A change ψ of z that scales φ(z) by about one factor in all rows, φ′∘ψ ≈ φ, which a normalised residual
/// hardly sees: 1 for exp, z for z^β and z, tanh z for sinh and, as coth z has a pole, for cosh, φ/φ′ for
/// exp(z) + z. `values` are those at z, or at z less a constant for exp. Local, O(n).
Vector scaling_direction(const LinkFunction& link, const Vector& z, const LinkValues& values);

/// The first row in which z, φ, φ′ or φ″ is not a number of at most `largest` in absolute value; none if all
/// are. Local, O(n).
std::optional<Index> first_outside_domain(const Eigen::Ref<const Vector>& z, const LinkValues& values,
                                          double largest);

/// Why z lies outside the domain, and how to mend it; for a row in which first_outside_domain() found it.
std::string domain_message(const LinkFunction& link, double z, Index global_row);

}  // namespace attnewton
