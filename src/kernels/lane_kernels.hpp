// The table of kernels of one instruction set: see lane_vector.hpp for what the including file defines.
#pragma once

#include "lane_butterfly.hpp"
#include "lane_exponential.hpp"
#include "lane_hessian.hpp"
#include "lane_products.hpp"
#include "lane_rows.hpp"
#include "lane_softmax.hpp"
#include "lane_transpose.hpp"
#include "lane_vector.hpp"

namespace attnewton {
namespace {

template <class Real>
constexpr TileKernels<Real> make_table() {
  TileKernels<Real> table;
  table.lanes = lanes<Real>;
  table.most_vectors = most_vectors;
  table.exponential = exponential<Real>;
  table.dots = dots<Real>;
  table.mix = mix<Real>;
  table.softmax = softmax<Real>;
  table.shifted_exponential = shifted_exponential<Real>;
  table.backward = backward<Real>;
  table.weigh = weigh<Real>;
  table.residual = residual<Real>;
  table.add_square = add_square<Real>;
  table.backward_direction = backward_direction<Real>;
  table.khatri_rao = khatri_rao<Real>;
  table.khatri_rao_square = khatri_rao_square<Real>;
  table.subtract_outer = subtract_outer<Real>;
  table.add_low_rank = add_low_rank<Real>;
  table.round_to = round_to<Real>;
  table.add = add<Real>;
  table.scale = scale<Real>;
  table.pack = pack<Real>;
  table.unpack = unpack<Real>;
  table.unpack_real = unpack_real<Real>;
  table.scale_rows = scale_rows<Real>;
  table.row_dots = row_dots<Real>;
  table.butterfly = butterfly<Real>;
  return table;
}

}  // namespace
}  // namespace attnewton
