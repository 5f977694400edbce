#include "attnewton/bench/machine_figures.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "attnewton/kernels/exp.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

// Numbers without a pattern that a processor could gain from, and far from underflow.
Matrix busy_matrix(Index side) {
  Matrix matrix(side, side);
  for_each_task(side, [&](Index i) {
    for (Index j = 0; j < side; ++j) matrix(i, j) = static_cast<double>((37 * i + 17 * j) % 101 - 50) / 50;
  });
  return matrix;
}

double total_over_threads(const Communicator& comm, double amount_a_thread) {
  return comm.sum(static_cast<double>(thread_limit()) * amount_a_thread);
}

// A thread's arguments and results together fill a part of its second cache.
constexpr Index exponentials_a_call = 4096;
constexpr Index calls_a_repetition = 512;

template <class Number>
Rate measure_exponentials(const Communicator& comm, const RepetitionRule& rule) {
  std::vector<Number> x(exponentials_a_call);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<Number>(-20 * static_cast<double>(i) / static_cast<double>(x.size()));
  std::vector<std::vector<Number>> results(static_cast<std::size_t>(thread_limit()));
  for (std::vector<Number>& result : results) result.resize(x.size());

  Rate rate;
  rate.amount = total_over_threads(comm, static_cast<double>(exponentials_a_call * calls_a_repetition));
  rate.repetitions = repeat(comm, rule, [&] {
    for_each_task(static_cast<Index>(results.size()), [&](Index thread) {
      std::vector<Number>& result = results[static_cast<std::size_t>(thread)];
      for (Index call = 0; call < calls_a_repetition; ++call)
        exponential(std::span<const Number>(x), std::span<Number>(result));
    });
  });
  return rate;
}

// More than a core's part of any last cache: on processors with several of these the system tells the size of
// one.
constexpr Index triad_bytes_a_thread = Index{48} << 20;

constexpr Index triad_arrays = 3;

}  // namespace

Index dgemm_memory_bytes(Index side) {
  return static_cast<Index>(sizeof(double)) * side * side * (2 + thread_limit());
}

Rate measure_dgemm(const Communicator& comm, Index side, const RepetitionRule& rule) {
  const Matrix a = busy_matrix(side);
  const Matrix b = busy_matrix(side);
  std::vector<Matrix> products(static_cast<std::size_t>(thread_limit()), Matrix::Zero(side, side));
  const auto length = static_cast<double>(side);
  Rate rate;
  rate.amount = total_over_threads(comm, 2 * length * length * length);
  rate.repetitions = repeat(comm, rule, [&] {
    for_each_task(static_cast<Index>(products.size()),
                  [&](Index thread) { multiply(a, b, products[static_cast<std::size_t>(thread)]); });
  });
  return rate;
}

Rate measure_double_exponentials(const Communicator& comm, const RepetitionRule& rule) {
  return measure_exponentials<double>(comm, rule);
}

Rate measure_float_exponentials(const Communicator& comm, const RepetitionRule& rule) {
  return measure_exponentials<float>(comm, rule);
}

Index bandwidth_memory_bytes(int ranks) {
  const Index last_cache = std::max<Index>(0, sysconf(_SC_LEVEL3_CACHE_SIZE));
  return std::max(4 * last_cache / ranks, triad_bytes_a_thread * thread_limit());
}

Rate measure_bandwidth(const Communicator& comm, const RepetitionRule& rule) {
  const Index parts = thread_limit();
  const Index numbers_a_part =
      bandwidth_memory_bytes(comm.size()) / (triad_arrays * static_cast<Index>(sizeof(double)) * parts);
  const Index numbers = parts * numbers_a_part;
  // Not filled here: the threads that work on a part touch it first, which decides where its memory lies.
  Vector a(numbers);
  Vector b(numbers);
  Vector c(numbers);
  const auto on_parts = [&](const auto& work) {
    for_each_task(parts, [&](Index part) {
      const Index first = part * numbers_a_part;
      work(a.segment(first, numbers_a_part), b.segment(first, numbers_a_part),
           c.segment(first, numbers_a_part));
    });
  };
  on_parts([](auto a_part, auto b_part, auto c_part) {
    a_part.setZero();
    b_part.setConstant(1);
    c_part.setConstant(2);
  });
  Rate rate;
  rate.amount = comm.sum(static_cast<double>(numbers * triad_arrays) * sizeof(double));
  rate.repetitions = repeat(comm, rule, [&] {
    on_parts([](auto a_part, auto b_part, auto c_part) { a_part = b_part + 0.5 * c_part; });
  });
  return rate;
}

}  // namespace attnewton
