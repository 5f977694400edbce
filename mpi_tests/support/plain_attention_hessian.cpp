#include "support/plain_attention_hessian.hpp"

#include <Eigen/LU>

#include "support/dense_kronecker.hpp"

namespace attnewton::testing_support {
namespace {

// Row j against the keys that it sees.
struct PlainRow {
  Vector a, t, c;
  Matrix m, n, k;  // M_j, N_j, K_j
};

PlainRow plain_row(const WholeAttention& whole, const Matrix& x, const Matrix& y, Index row, Range keys,
                   HessianForm form) {
  const Matrix a2 = whole.a2.middleRows(keys.begin, keys.size());
  const Matrix a3 = whole.values().middleRows(keys.begin, keys.size());
  PlainRow out;
  out.a = whole.a1.row(row).transpose();
  const Vector logits = whole.scale * (a2 * (x.transpose() * out.a));
  Vector f = (logits.array() - logits.maxCoeff()).exp();
  f /= f.sum();
  out.t = a3.transpose() * f;
  const Vector o = y.transpose() * out.t;
  out.c = o - whole.b.row(row).transpose();
  const Vector p = a2.transpose() * f;
  out.n = a2.transpose() * f.asDiagonal() * a3 - p * out.t.transpose();
  out.k = out.n * y;
  out.m = out.k * out.k.transpose();
  if (form == HessianForm::gauss_newton) return out;
  const Vector big_g = a3 * (y * out.c);
  const double s = o.dot(out.c);
  const Vector g = a2.transpose() * f.cwiseProduct(big_g);
  out.m += a2.transpose() * f.cwiseProduct(Vector(big_g.array() - s)).asDiagonal() * a2;
  out.m += 2 * s * p * p.transpose() - g * p.transpose() - p * g.transpose();
  return out;
}

void add_row(const PlainRow& row, double weight, double scale, HessianForm form, Matrix& h) {
  const Index d1 = row.a.size(), d2 = row.m.rows(), d3 = row.t.size(), e = row.c.size();
  const Index x_unknowns = d1 * d2;
  h.topLeftCorner(x_unknowns, x_unknowns) +=
      weight * scale * scale * kronecker(row.a * row.a.transpose(), row.m);
  h.bottomRightCorner(d3 * e, d3 * e) +=
      weight * kronecker(row.t * row.t.transpose(), Matrix::Identity(e, e));
  for (Index a = 0; a < d1; ++a) {
    for (Index b = 0; b < d2; ++b) {
      for (Index k = 0; k < d3; ++k) {
        for (Index i = 0; i < e; ++i) {
          double entry = row.t[k] * row.k(b, i);
          if (form == HessianForm::exact) entry += row.c[i] * row.n(b, k);
          entry *= weight * scale * row.a[a];
          h(a * d2 + b, x_unknowns + k * e + i) += entry;
          h(x_unknowns + k * e + i, a * d2 + b) += entry;
        }
      }
    }
  }
}

void add_regulariser(const WholeAttention& whole, Index e, Matrix& h) {
  h.diagonal().array() += whole.ridge;
  if (whole.query_weights.size() == 0) return;
  const Index x_unknowns = whole.a1.cols() * whole.a2.cols();
  const Index y_unknowns = whole.values().cols() * e;
  const Matrix wv = whole.key_weights.asDiagonal() * whole.values();
  h.bottomRightCorner(y_unknowns, y_unknowns) += kronecker(wv.transpose() * wv, Matrix::Identity(e, e));
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    const Range q{whole.query_offsets[s], whole.query_offsets[s + 1]};
    const Range k{whole.key_offsets[s], whole.key_offsets[s + 1]};
    const Matrix wa =
        whole.query_weights.segment(q.begin, q.size()).asDiagonal() * whole.a1.middleRows(q.begin, q.size());
    const Matrix a2 = whole.a2.middleRows(k.begin, k.size());
    h.topLeftCorner(x_unknowns, x_unknowns) += kronecker(wa.transpose() * wa, a2.transpose() * a2);
  }
}

}  // namespace

Matrix plain_joint_hessian(const WholeAttention& whole, const Matrix& x, const Matrix& y,
                           const Vector& weights, HessianForm form) {
  const Index unknowns = x.size() + y.size();
  Matrix h = Matrix::Zero(unknowns, unknowns);
  for (std::size_t s = 0; s + 1 < whole.query_offsets.size(); ++s) {
    for (Index j = whole.query_offsets[s]; j < whole.query_offsets[s + 1]; ++j) {
      if (weights[j] == 0) continue;
      const Range keys{whole.key_offsets[s], whole.causal
                                                 ? whole.key_offsets[s] + j - whole.query_offsets[s] + 1
                                                 : whole.key_offsets[s + 1]};
      add_row(plain_row(whole, x, y, j, keys, form), weights[j], whole.scale, form, h);
    }
  }
  add_regulariser(whole, whole.b.cols(), h);
  return h;
}

Matrix plain_schur_complement(const Matrix& joint, Index x_unknowns) {
  const Index rest = joint.rows() - x_unknowns;
  const Matrix h_xy = joint.topRightCorner(x_unknowns, rest);
  const Matrix solved = joint.bottomRightCorner(rest, rest).partialPivLu().solve(h_xy.transpose());
  return joint.topLeftCorner(x_unknowns, x_unknowns) - h_xy * solved;
}

}  // namespace attnewton::testing_support
