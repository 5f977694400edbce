#include "plain_stream.hpp"

#include <cmath>

namespace attnewton::testing_support {
namespace {

using Exact = long double;
using Column = Eigen::Matrix<Exact, Eigen::Dynamic, 1>;

ExactMatrix exact(const Matrix& a) {
  return a.cast<Exact>();
}

// Products of a sequence's keys and values that all its query rows need.
struct Sequence {
  ExactMatrix keys, values, outputs, d_outputs;
};

PlainStream empty_stream(const AttentionData& data) {
  const Index n = data.queries.rows();
  const auto rows = [n](Index columns) { return ExactMatrix(n, columns); };
  return {rows(data.value_width()), rows(1), rows(data.output_width()), rows(data.key_width()),
          rows(data.value_width()), rows(1), rows(data.output_width()), rows(data.key_width())};
}

// One query row: `query` is a₁X and `d_query` a₁X′, of which the scale is still missing.
class Row {
 public:
  Row(const AttentionData& data, const Sequence& sequence, Index j, Index visible)
      : data_(data), sequence_(sequence), j_(j), visible_(visible) {}

  void forward(const Column& query, const Column& d_query, PlainStream& out) {
    const Column logits = sequence_.keys.topRows(visible_) * query * Exact{data_.scale};
    z_ = sequence_.keys.topRows(visible_) * d_query * Exact{data_.scale};
    const Exact maximum = logits.maxCoeff();
    f_ = (logits.array() - maximum).exp();
    const Exact sum = f_.sum();
    f_ /= sum;
    out.log_sum(j_, 0) = maximum + std::log(sum);
    out.mixed.row(j_) = f_.transpose() * sequence_.values.topRows(visible_);
    out.logit_mean(j_, 0) = f_.dot(z_);
    df_ = f_.cwiseProduct((z_.array() - out.logit_mean(j_, 0)).matrix());
    out.d_mixed.row(j_) = df_.transpose() * sequence_.values.topRows(visible_);
  }

  void back(PlainStream& out) const {
    const Column c = out.residual.row(j_).transpose();
    const Column dc = out.d_residual.row(j_).transpose();
    const auto outputs = sequence_.outputs.topRows(visible_);
    const Column g = outputs * c;
    const Column dg = outputs * dc + sequence_.d_outputs.topRows(visible_) * c;
    const Exact s = f_.dot(g);
    const Exact ds = df_.dot(g) + f_.dot(dg);
    const Column p = f_.cwiseProduct((g.array() - s).matrix());
    const Column dp =
        df_.cwiseProduct((g.array() - s).matrix()) + f_.cwiseProduct((dg.array() - ds).matrix());
    out.pulled_back.row(j_) = p.transpose() * sequence_.keys.topRows(visible_);
    out.d_pulled_back.row(j_) = dp.transpose() * sequence_.keys.topRows(visible_);
  }

 private:
  const AttentionData& data_;
  const Sequence& sequence_;
  Index j_;
  Index visible_;
  Column f_, df_, z_;
};

}  // namespace

PlainStream plain_stream(const AttentionData& data, const XY& point, const XY& direction) {
  PlainStream out = empty_stream(data);
  const ExactMatrix y = exact(point.y);
  const ExactMatrix dy = exact(direction.y);
  const ExactMatrix queries = exact(data.queries) * exact(point.x);
  const ExactMatrix d_queries = exact(data.queries) * exact(direction.x);
  for (const LocalSequence& local : data.sequences) {
    const ExactMatrix values = exact(data.values().middleRows(local.keys.begin, local.keys.size()));
    const Sequence sequence{exact(data.keys.middleRows(local.keys.begin, local.keys.size())), values,
                            values * y, values * dy};
    for (Index j = local.queries.begin; j < local.queries.end; ++j) {
      const Index position = local.first_position + j - local.queries.begin;
      Row row(data, sequence, j, data.causal ? position + 1 : local.keys.size());
      row.forward(queries.row(j).transpose(), d_queries.row(j).transpose(), out);
      out.residual.row(j) = out.mixed.row(j) * y - exact(data.target).row(j);
      out.d_residual.row(j) = out.d_mixed.row(j) * y + out.mixed.row(j) * dy;
      row.back(out);
    }
  }
  return out;
}

}  // namespace attnewton::testing_support
