// The kernels of one ISA; compiled with its flags alone (CMakeLists.txt), so nothing but plain data crosses this file's border.
#define FABULA_ISA_SYMBOL avx2vnni
#define FABULA_ISA_NAME "avx2vnni"
#define FABULA_AVX_VNNI
#include "core/compute/cpu/vec_avx2.h"

#include "core/compute/cpu/table_impl.h"
