#include "attnewton/problems/attention_regulariser.hpp"

#include "attnewton/core/error.hpp"
#include "attnewton/linalg/packed_symmetric.hpp"
#include "attnewton/parallel/deterministic.hpp"

namespace attnewton {
namespace {

// AᵀW²A of rows `range`.
Matrix weighted_gram(const Matrix& a, const Vector& weights, Range range) {
  const Matrix weighted =
      weights.segment(range.begin, range.size()).asDiagonal() * a.middleRows(range.begin, range.size());
  Matrix gram(a.cols(), a.cols());
  gemm(Transpose::yes, Transpose::no, 1, weighted, weighted, 0, gram);
  return gram;
}

}  // namespace

AttentionRegulariser::AttentionRegulariser(const Communicator& comm, const AttentionData& data,
                                           const RegulariserOptions& options)
    : comm_(comm), ridge_(options.ridge), is_weighted_(comm.max(Index{options.query_weights.size()}) > 0) {
  const Index d3 = data.value_width();
  gram_y_ = Matrix::Zero(d3, d3);
  if (is_weighted_) {
    require(
        options.query_weights.size() == data.queries.rows() && options.key_weights.size() == data.keys.rows(),
        "weights: one a local row");
    const Index count = static_cast<Index>(data.sequences.size());
    packed_u_.resize(count, packed_size(data.query_width()));
    packed_v_.resize(count, packed_size(data.key_width()));
    const Vector ones = Vector::Ones(data.keys.rows());
    for_each_task(count, [&](Index s) {
      const LocalSequence& sequence = data.sequences[static_cast<std::size_t>(s)];
      pack_symmetric(weighted_gram(data.queries, options.query_weights, sequence.queries),
                     packed_u_.row(s).data());
      pack_symmetric(weighted_gram(data.keys, ones, sequence.keys), packed_v_.row(s).data());
    });
    for (const LocalSequence& sequence : data.sequences) {
      if (sequence.owns_keys) gram_y_ += weighted_gram(data.values(), options.key_weights, sequence.keys);
    }
    comm_.sum(gram_y_);
  }
  gram_y_.diagonal().array() += ridge_;
}

double AttentionRegulariser::value(const Matrix& x, const Matrix& y) const {
  const Matrix gram_times_y = gram_y_ * y;
  return 0.5 * x.cwiseProduct(times_x(x)).sum() + 0.5 * y.cwiseProduct(gram_times_y).sum();
}

Matrix AttentionRegulariser::times_x(const Matrix& x) const {
  if (!is_weighted_) return ridge_ * x;
  const Matrix zero = Matrix::Zero(x.rows(), x.cols());
  Matrix product = deterministic_sum(packed_u_.rows(), zero, [&](Index s) {
    Matrix u(x.rows(), x.rows());
    Matrix v(x.cols(), x.cols());
    unpack_symmetric(packed_u_.row(s).data(), u);
    unpack_symmetric(packed_v_.row(s).data(), v);
    Matrix ux(x.rows(), x.cols());
    Matrix term(x.rows(), x.cols());
    multiply(u, x, ux);
    multiply(ux, v, term);
    return term;
  });
  comm_.sum(product);
  return product + ridge_ * x;
}

}  // namespace attnewton
