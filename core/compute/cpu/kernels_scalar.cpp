// The kernels of one ISA; compiled with its flags alone (CMakeLists.txt), so nothing but plain data crosses this file's border.
#define FABULA_ISA_SYMBOL scalar
#define FABULA_ISA_NAME "scalar"
#include "core/compute/cpu/vec_scalar.h"

#include "core/compute/cpu/table_impl.h"
