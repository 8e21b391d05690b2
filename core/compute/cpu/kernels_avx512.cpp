// The kernels of one ISA; compiled with its flags alone (CMakeLists.txt), so nothing but plain data crosses this file's border.
#define FABULA_ISA_SYMBOL avx512
#define FABULA_ISA_NAME "avx512"
#include "core/compute/cpu/vec_avx512.h"

#include "core/compute/cpu/table_impl.h"
