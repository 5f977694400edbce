#include "attnewton/sketch/tensor_sparse.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/parallel/deterministic.hpp"

#include "fourier.hpp"

namespace attnewton {
namespace {

using Complex = std::complex<double>;
// A column of spectra is contiguous, block after block.
using ComplexColumns = Eigen::Matrix<Complex, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

// Columns of a row-major matrix that a task transforms: a cache line of each row.
constexpr Index columns_of_task = 8;

// Runs task(block, columns) for all blocks and some columns at a time.
template <class Task>
void for_each_part(Index blocks, Index columns, Task&& task) {
  const Index parts = (columns + columns_of_task - 1) / columns_of_task;
  for_each_task(blocks * parts, [&](Index i) {
    const Index first = i % parts * columns_of_task;
    task(i / parts, Range{first, std::min(columns, first + columns_of_task)});
  });
}

// The spectra of columns `columns` of a block of rows, one after the other.
void transform_columns(const RealFourier& fourier, const Matrix& factor, Index block, Range columns,
                       Complex* spectra) {
  ScratchFrame scratch;
  auto* const gathered = scratch.take<double>(fourier.length() * columns.size());
  for (Index r = 0; r < fourier.length(); ++r) {
    const double* row = factor.row(block * fourier.length() + r).data() + columns.begin;
    for (Index c = 0; c < columns.size(); ++c) gathered[c * fourier.length() + r] = row[c];
  }
  for (Index c = 0; c < columns.size(); ++c)
    fourier.forward(gathered + c * fourier.length(), spectra + c * fourier.frequencies());
}

// Spectra of all blocks of some columns: (blocks · frequencies) × columns.size().
ComplexColumns spectra_of(const RealFourier& fourier, const Matrix& factor, Index blocks, Range columns) {
  ComplexColumns spectra(blocks * fourier.frequencies(), columns.size());
  for_each_part(blocks, columns.size(), [&](Index block, Range part) {
    ScratchFrame scratch;
    auto* const some = scratch.take<Complex>(fourier.frequencies() * part.size());
    transform_columns(fourier, factor, block, {columns.begin + part.begin, columns.begin + part.end}, some);
    for (Index c = 0; c < part.size(); ++c)
      std::copy_n(some + c * fourier.frequencies(), fourier.frequencies(),
                  spectra.col(part.begin + c).data() + block * fourier.frequencies());
  });
  return spectra;
}

}  // namespace

TensorSparse::TensorSparse(Index block_rows, Index blocks, const SketchDraws& draws)
    : left_(block_rows, blocks, draws.seed, draws.iteration, 2 * draws.number + 1),
      right_(block_rows, blocks, draws.seed, draws.iteration, 2 * draws.number + 2) {}

Matrix TensorSparse::convolve(const Matrix& left, const Matrix& right, Range columns) const {
  const Index d2 = right.cols();
  require(left.rows() == rows() && right.rows() == rows(), "TensorSparse: U and V have a row a sketch row");
  require(columns.begin >= 0 && columns.end <= left.cols() * d2, "TensorSparse: columns of the sketch");
  Matrix result(rows(), columns.size());
  if (columns.empty()) return result;
  const RealFourier fourier(block_rows());
  const Range needed{columns.begin / d2, (columns.end - 1) / d2 + 1};
  const ComplexColumns u = spectra_of(fourier, left, blocks(), needed);
  const ComplexColumns v = spectra_of(fourier, right, blocks(), {0, d2});
  const Index frequencies = fourier.frequencies();
  const double factor = std::sqrt(static_cast<double>(blocks())) / static_cast<double>(block_rows());
  for_each_part(blocks(), columns.size(), [&](Index block, Range part) {
    ScratchFrame scratch;
    auto* const product = scratch.take<Complex>(frequencies);
    auto* const sums = scratch.take<double>(block_rows() * part.size());
    for (Index c = 0; c < part.size(); ++c) {
      const Index column = columns.begin + part.begin + c;
      const Complex* from_u = u.col(column / d2 - needed.begin).data() + block * frequencies;
      const Complex* from_v = v.col(column % d2).data() + block * frequencies;
      for (Index f = 0; f < frequencies; ++f) product[f] = factor * from_u[f] * from_v[f];
      fourier.backward(product, sums + c * block_rows());
    }
    for (Index r = 0; r < block_rows(); ++r) {
      double* to = result.row(block * block_rows() + r).data() + part.begin;
      for (Index c = 0; c < part.size(); ++c) to[c] = sums[c * block_rows() + r];
    }
  });
  return result;
}

// Parseval: Σ_r x_r y_r = (1/b) Σ over all frequencies of conj(x̂) ŷ, and those above one half are the
// conjugates of those below. The factor s of √s·√s, 1/b and the 2 of such pairs stand in Û, by their root.
Matrix TensorSparse::spectrum(const Matrix& factor, bool is_weighted) const {
  require(factor.rows() == rows(), "TensorSparse: a row a sketch row");
  const RealFourier fourier(block_rows());
  const Index frequencies = fourier.frequencies();
  const Index width = factor.cols();
  Matrix result(spectrum_rows(), 2 * width);
  const double unit = std::sqrt(static_cast<double>(blocks()) / static_cast<double>(block_rows()));
  for_each_part(blocks(), width, [&](Index block, Range part) {
    ScratchFrame scratch;
    auto* const spectra = scratch.take<Complex>(frequencies * part.size());
    transform_columns(fourier, factor, block, part, spectra);
    for (Index f = 0; f < frequencies; ++f) {
      const bool is_alone = f == 0 || 2 * f == block_rows();
      const double weight = is_weighted ? unit * std::sqrt(is_alone ? 1.0 : 2.0) : 1;
      double* to = result.row(block * frequencies + f).data() + part.begin;
      for (Index c = 0; c < part.size(); ++c) {
        to[c] = weight * spectra[c * frequencies + f].real();
        to[width + c] = weight * spectra[c * frequencies + f].imag();
      }
    }
  });
  return result;
}

Matrix TensorSparse::left_spectrum(const Matrix& left) const {
  return spectrum(left, true);
}

Matrix TensorSparse::right_spectrum(const Matrix& right) const {
  return spectrum(right, false);
}

}  // namespace attnewton
