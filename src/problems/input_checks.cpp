#include "attnewton/problems/input_checks.hpp"

#include <cmath>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {

void check_ridge(double ridge) {
  if (!(ridge >= 0) || !std::isfinite(ridge))
    throw UsageError("the ridge must be a finite number of at least 0");
}

void check_numbers(const Vector& numbers, std::string_view what, std::string_view beside, Index rows,
                   Index first_row) {
  if (numbers.size() != rows)
    throw DataError(fmt::format("{} and {} differ in rows: {} and {}", what, beside, numbers.size(), rows));
  for (Index i = 0; i < rows; ++i) {
    if (!std::isfinite(numbers[i]))
      throw DataError(fmt::format("{}: {} at row {} (counted from 0)", what, numbers[i], first_row + i));
  }
}

void check_shares(const Communicator& comm, const RowMatrix& a, const Vector& weights,
                  std::string_view name) {
  if (comm.min(a.columns()) != comm.max(a.columns()))
    throw DataError(fmt::format("the ranks' rows of {} differ in width", name));
  if (comm.sum(a.rows()) == 0) throw DataError(fmt::format("{} has no rows", name));
  const bool lacks_weights = a.rows() > 0 && weights.size() == 0;
  if (comm.max(Index{weights.size()}) > 0 && comm.max(Index{lacks_weights ? 1 : 0}) > 0)
    throw DataError("some ranks' rows have weights and others' none");
}

}  // namespace attnewton
