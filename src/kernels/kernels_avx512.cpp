#define ATTNEWTON_VECTOR_BYTES 64
#define ATTNEWTON_MOST_VECTORS 4
#define ATTNEWTON_SUM_REGISTERS 24
#include "kernel_tables.hpp"
#include "lane_kernels.hpp"

namespace attnewton {

constinit const TileKernels<double> avx512_kernels_double = make_table<double>();
constinit const TileKernels<float> avx512_kernels_float = make_table<float>();

}  // namespace attnewton
