// Whether this program was built with a sanitizer that has an allocator of its own: what the system says of its memory is then
// no measure of ours. g++ says so with a macro, clang with a feature.
#pragma once

#if defined(__has_feature)
#define FABULA_HAS_FEATURE(name) __has_feature(name)
#else
#define FABULA_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || FABULA_HAS_FEATURE(address_sanitizer) || \
    FABULA_HAS_FEATURE(thread_sanitizer)
#define FABULA_SANITIZED 1
#else
#define FABULA_SANITIZED 0
#endif

namespace fabula::test {

inline constexpr bool is_sanitized = FABULA_SANITIZED;

}  // namespace fabula::test
