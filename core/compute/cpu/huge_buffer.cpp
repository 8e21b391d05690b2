#include "core/compute/cpu/huge_buffer.h"

#include <sys/mman.h>

#include <string>
#include <utility>

#include "core/base/memory_info.h"

namespace fabula::compute::cpu {

namespace {
constexpr size_t huge_page = size_t{2} << 20;
}

HugeBuffer::~HugeBuffer() {
  if (mapping_) munmap(mapping_, mapped_bytes_);
}

HugeBuffer::HugeBuffer(HugeBuffer&& other) noexcept { *this = std::move(other); }

HugeBuffer& HugeBuffer::operator=(HugeBuffer&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

Result<HugeBuffer> HugeBuffer::allocate(size_t size_bytes, std::string_view what) {
  HugeBuffer buffer;
  const auto refuse = [&](uint64_t available) {
    return Error{ErrorCode::out_of_memory, std::string(what) + " would take " + std::to_string(size_bytes >> 20) + " MiB of memory, but " +
                                               std::to_string(available >> 20) + " MiB are free"};
  };
  const uint64_t available = available_memory_bytes();  // 0: the system does not say
  if (available > 0 && size_bytes > available) return refuse(available);
  const auto keep = [&](void* mapping, size_t mapped_bytes) {
    buffer.mapping_ = mapping;
    buffer.mapped_bytes_ = mapped_bytes;
    const auto address = reinterpret_cast<uintptr_t>(mapping);
    buffer.data_ = static_cast<uint8_t*>(mapping) + ((huge_page - address % huge_page) % huge_page);
    buffer.size_bytes_ = size_bytes;
  };
  // Pages that the system set aside as huge ones (vm.nr_hugepages) are reserved here and now, or not at all; usually there are none.
  const size_t whole = (size_bytes + huge_page - 1) / huge_page * huge_page;
  if (size_bytes >= huge_page) {
    void* const set_aside = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (set_aside != MAP_FAILED) {
      keep(set_aside, whole);
      return buffer;
    }
  }
  const size_t mapped = size_bytes + huge_page;
  void* const mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return refuse(available);
  keep(mapping, mapped);
  if (size_bytes >= huge_page) madvise(buffer.data_, size_bytes, MADV_HUGEPAGE);  // a wish: ordinary pages work too
  return buffer;
}

}  // namespace fabula::compute::cpu
