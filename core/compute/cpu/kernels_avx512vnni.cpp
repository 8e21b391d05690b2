// The kernels of one ISA; compiled with its flags alone (CMakeLists.txt), so nothing but plain data crosses this file's border.
#define FABULA_ISA_SYMBOL avx512vnni
#define FABULA_ISA_NAME "avx512vnni"
#define FABULA_AVX512_VNNI
#include "core/compute/cpu/vec_avx512.h"

#include "core/compute/cpu/table_impl.h"
