#include "attnewton/random/stream.hpp"

#include <cmath>
#include <numbers>

#include <Random123/philox.h>

namespace attnewton {
namespace {

using Philox = r123::Philox4x64;

Philox::ctr_type words_at(std::uint64_t seed, RandomPurpose purpose, std::uint64_t iteration, Index row,
                          Index column) {
  const Philox::ctr_type counter{
      {static_cast<std::uint64_t>(row), static_cast<std::uint64_t>(column), iteration, 0}};
  const Philox::key_type key{{seed, static_cast<std::uint64_t>(purpose)}};
  return Philox{}(counter, key);
}

// 52 random bits and a half: never 0, never 1 (one bit more would round to 1).
double open_unit(std::uint64_t word) {
  return (static_cast<double>(word >> 12) + 0.5) * 0x1p-52;
}

}  // namespace

double RandomStream::uniform(Index row, Index column) const {
  return open_unit(words_at(seed_, purpose_, iteration_, row, column)[0]);
}

double RandomStream::normal(Index row, Index column) const {
  const auto words = words_at(seed_, purpose_, iteration_, row, column);
  return std::sqrt(-2 * std::log(open_unit(words[0]))) * std::cos(2 * std::numbers::pi * open_unit(words[1]));
}

Matrix RandomStream::normal_rows(Range rows, Index columns) const {
  Matrix values(rows.size(), columns);
  for (Index i = 0; i < rows.size(); ++i) {
    for (Index j = 0; j < columns; ++j) values(i, j) = normal(rows.begin + i, j);
  }
  return values;
}

}  // namespace attnewton
