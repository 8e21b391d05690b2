#include "tests/support/heap_meter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/sanitized.h"

#define FABULA_METERED !FABULA_SANITIZED

namespace {

std::atomic<size_t> held{0}, peak{0};

}  // namespace

#if FABULA_METERED
namespace {

void* metered_allocate(size_t bytes) {
  void* memory = std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  const size_t now = held += malloc_usable_size(memory);
  for (size_t seen = peak; seen < now && !peak.compare_exchange_weak(seen, now);) {
  }
  return memory;
}

void metered_free(void* memory) {
  if (memory) held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(size_t bytes) {
  return metered_allocate(bytes);
}
void* operator new[](size_t bytes) {
  return metered_allocate(bytes);
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return metered_allocate(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](size_t bytes, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, tag);
}
void operator delete(void* memory) noexcept {
  metered_free(memory);
}
void operator delete[](void* memory) noexcept {
  metered_free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  metered_free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  metered_free(memory);
}
#endif

namespace fabula::test {

HeapMeter::HeapMeter() : held_before_(held) {
  peak = held_before_;
}
size_t HeapMeter::peak_bytes() const {
  return peak - held_before_;
}
bool HeapMeter::is_available() {
  return FABULA_METERED;
}

}  // namespace fabula::test
