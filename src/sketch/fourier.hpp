// Real discrete Fourier transforms of one length, by FFTW. Internal to this module.
#pragma once

#include <complex>
#include <memory>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// Plans chosen by FFTW's rules, not by measurements: the same bits in every run. Transforms may run in
/// several threads at once.
class RealFourier {
 public:
  /// For `length` ≥ 1 numbers. Throws InternalError if FFTW cannot take that many.
  explicit RealFourier(Index length);
  ~RealFourier();
  RealFourier(const RealFourier&) = delete;
  RealFourier& operator=(const RealFourier&) = delete;

  Index length() const { return length_; }
  /// Frequencies 0 … ⌊length/2⌋: the others are their conjugates.
  Index frequencies() const { return length_ / 2 + 1; }

  /// out_ω = Σ_r in_r exp(−2πi rω/length). Local, O(length log length).
  void forward(const double* in, std::complex<double>* out) const;
  /// out_r = Σ_ω in_ω exp(2πi rω/length) over all frequencies: length times the inverse. `in` is lost.
  void backward(std::complex<double>* in, double* out) const;

 private:
  struct Plans;

  Index length_;
  std::unique_ptr<Plans> plans_;
};

}  // namespace attnewton
