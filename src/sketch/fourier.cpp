#include "fourier.hpp"

#include <fftw3.h>

#include <limits>
#include <mutex>
#include <vector>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// FFTW's planner is the only part of it that threads may not share.
std::mutex& planner() {
  static std::mutex mutex;
  return mutex;
}

fftw_complex* as_fftw(std::complex<double>* numbers) {
  return reinterpret_cast<fftw_complex*>(numbers);
}

}  // namespace

struct RealFourier::Plans {
  fftw_plan forward = nullptr;
  fftw_plan backward = nullptr;
};

RealFourier::RealFourier(Index length) : length_(length), plans_(std::make_unique<Plans>()) {
  require(length >= 1 && length <= std::numeric_limits<int>::max(), "RealFourier: a length that FFTW takes");
  // Planning by estimate reads and writes neither.
  std::vector<double> numbers(static_cast<std::size_t>(length));
  std::vector<std::complex<double>> spectrum(static_cast<std::size_t>(frequencies()));
  constexpr unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;
  const std::lock_guard lock(planner());
  plans_->forward =
      fftw_plan_dft_r2c_1d(static_cast<int>(length), numbers.data(), as_fftw(spectrum.data()), flags);
  plans_->backward =
      fftw_plan_dft_c2r_1d(static_cast<int>(length), as_fftw(spectrum.data()), numbers.data(), flags);
  require(plans_->forward != nullptr && plans_->backward != nullptr, "RealFourier: plans of FFTW");
}

RealFourier::~RealFourier() {
  const std::lock_guard lock(planner());
  fftw_destroy_plan(plans_->forward);
  fftw_destroy_plan(plans_->backward);
}

void RealFourier::forward(const double* in, std::complex<double>* out) const {
  // A real transform into another place leaves its input as it was, though its type does not say so.
  fftw_execute_dft_r2c(plans_->forward, const_cast<double*>(in), as_fftw(out));
}

void RealFourier::backward(std::complex<double>* in, double* out) const {
  fftw_execute_dft_c2r(plans_->backward, as_fftw(in), out);
}

}  // namespace attnewton
