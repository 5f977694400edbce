// Random numbers as functions of their address: any rank draws any entry, and the rank count changes nothing.
#pragma once

#include <cstdint>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// What a random number is for: numbers of two purposes are independent although seed, row and column agree.
enum class RandomPurpose : std::uint32_t {
  inputs = 1,         ///< A₁ (and A₂, A₃) of generated problems
  planted_x = 2,      ///< X* of generated problems
  planted_y = 3,      ///< Y* of generated problems
  noise = 4,          ///< noise on the target
  start = 5,          ///< --init random
  directions = 6,     ///< directions of the derivative check
  planted_k = 7,      ///< the factor K of a planted low-rank X* = QKᵀ
  sketch = 8,         ///< entries of sketching matrices
  leverage = 9,       ///< the Gaussian matrix that leverage scores are estimated with
  row_sample = 10,    ///< which rows a sample takes
  pattern = 11,       ///< where generated sparse matrices have entries
  second_layer = 12,  ///< A₂ of generated problems that have another
  krylov = 16,        ///< start vectors of Lanczos' method
  hadamard = 20,      ///< signs and sampled rows of randomised Hadamard transforms
};

/// The stream of (seed, purpose, iteration): entry (row, column) is Philox4x64-10 at that counter (Salmon et
/// al., SC'11).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t iteration = 0)
      : seed_(seed), purpose_(purpose), iteration_(iteration) {}

  /// Uniform in (0, 1). Local, O(1).
  double uniform(Index row, Index column = 0) const;
  /// Standard normal (Box–Muller). Local, O(1).
  double normal(Index row, Index column = 0) const;
  /// Rows [rows.begin, rows.end) of the infinite matrix of standard normals, `columns` wide. Local.
  Matrix normal_rows(Range rows, Index columns) const;

 private:
  std::uint64_t seed_;
  RandomPurpose purpose_;
  std::uint64_t iteration_;
};

}  // namespace attnewton
