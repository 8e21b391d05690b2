// Which kernels this machine can run. Chosen once per executor from CPUID and XCR0; an override may name any that it can run.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/compute/cpu/kernels.h"

namespace fabula::compute::cpu {

struct Isa {
  std::string_view name;
  const KernelTable* kernels;
  bool supported;  // by the processor and by the operating system's saving of its registers
};

std::span<const Isa> isa_list();  // slowest first; scalar is always supported

// "" picks the fastest. Errors: unsupported (names what the machine offers), invalid_argument (no such name).
Result<const KernelTable*> choose_kernels(std::string_view override_name);

int physical_cores();  // of those this process may run on

}  // namespace fabula::compute::cpu
