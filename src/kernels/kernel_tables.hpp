// The function tables of the instruction sets that were compiled. Internal to this module.
#pragma once

#include "attnewton/kernels/tile_kernels.hpp"

namespace attnewton {

extern const TileKernels<double> portable_kernels_double;
extern const TileKernels<float> portable_kernels_float;
#ifdef ATTNEWTON_X86_KERNELS
extern const TileKernels<double> avx2_kernels_double;
extern const TileKernels<float> avx2_kernels_float;
extern const TileKernels<double> avx512_kernels_double;
extern const TileKernels<float> avx512_kernels_float;
#endif

}  // namespace attnewton
