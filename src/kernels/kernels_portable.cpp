#define ATTNEWTON_VECTOR_BYTES 16
#define ATTNEWTON_MOST_VECTORS 2
#define ATTNEWTON_SUM_REGISTERS 12
#include "kernel_tables.hpp"
#include "lane_kernels.hpp"

namespace attnewton {

constinit const TileKernels<double> portable_kernels_double = make_table<double>();
constinit const TileKernels<float> portable_kernels_float = make_table<float>();

}  // namespace attnewton
