#include "core/compute/cpu/isa.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fabula::compute::cpu {

namespace {

struct Features {
  bool avx2 = false, avx_vnni = false, avx512 = false, avx512_vnni = false;
};

#if defined(__x86_64__)
uint64_t extended_control_register() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

Features detect() {
  Features found;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  const bool os_saves = c & bit_OSXSAVE, fma = c & bit_FMA, f16c = c & bit_F16C, avx = c & bit_AVX;
  if (!os_saves || !avx || !fma || !f16c) return found;
  const uint64_t saved = extended_control_register();
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6;
  if (!ymm || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  found.avx2 = b & bit_AVX2;
  constexpr unsigned wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  found.avx512 = found.avx2 && zmm && (b & wanted) == wanted;
  found.avx512_vnni = found.avx512 && (c & bit_AVX512VNNI);
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) found.avx_vnni = found.avx2 && (a & (1u << 4));
  return found;
}
#else
Features detect() { return {}; }
#endif

std::array<Isa, 5> make_list() {
  const Features has = detect();
  return {{{"scalar", &kernels_scalar(), true},
           {"avx2", &kernels_avx2(), has.avx2},
           {"avx2vnni", &kernels_avx2vnni(), has.avx_vnni},
           {"avx512", &kernels_avx512(), has.avx512},
           {"avx512vnni", &kernels_avx512vnni(), has.avx512_vnni}}};
}

}  // namespace

std::span<const Isa> isa_list() {
  static const std::array<Isa, 5> list = make_list();
  return list;
}

Result<const KernelTable*> choose_kernels(std::string_view override_name) {
  const KernelTable* best = nullptr;
  std::string offered;
  bool known = override_name.empty();
  for (const Isa& isa : isa_list()) {
    known = known || isa.name == override_name;
    if (!isa.supported) continue;
    offered += (offered.empty() ? "" : ", ") + std::string(isa.name);
    if (override_name.empty() || isa.name == override_name) best = isa.kernels;
  }
  if (!known)
    return Error{ErrorCode::invalid_argument, "no instruction set is called '" + std::string(override_name) + "'; this machine offers " + offered};
  if (!best)
    return Error{ErrorCode::unsupported, "this machine cannot run '" + std::string(override_name) + "'; it offers " + offered};
  return best;
}

int physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::pair<int, int>> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    int package = 0, core = cpu;
    std::ifstream(folder + "physical_package_id") >> package;
    std::ifstream(folder + "core_id") >> core;
    cores.emplace(package, core);
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

}  // namespace fabula::compute::cpu
