# Compiler settings of the whole project, and the functions that declare rooms and tests.

find_program(FABULA_CCACHE ccache)
if(FABULA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${FABULA_CCACHE}")
endif()

# NUMERICS: no contraction of a*b+c anywhere (g++ does it by default with -mfma, and ISA files would drift apart).
# nvcc reads none of these.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off;-fno-math-errno;-Wall;-Wextra;-Wpedantic;-Wno-missing-field-initializers>")
# Debian's _FORTIFY_SOURCE and hardening are kept for release builds: model files and pages are hostile input.
add_compile_options("$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-D_FORTIFY_SOURCE=2>" "$<$<COMPILE_LANGUAGE:CXX>:-fstack-protector-strong>")
if(FABULA_WERROR)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Werror>")
endif()
if(FABULA_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${FABULA_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>")
  add_link_options(-fsanitize=${FABULA_SANITIZE})
endif()

if(FABULA_FUZZ)  # every room is instrumented; the targets themselves are in tests/fuzz
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# fabula_room(name SOURCES ... [DEPENDS rooms or libraries, public] [PRIVATE libraries])
# One static library per room of the house; includes are written from the repository's root.
function(fabula_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(fabula_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(fabula_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(fabula_${name} PUBLIC ${ROOM_DEPENDS} PRIVATE ${ROOM_PRIVATE})
endfunction()

# fabula_test(name SOURCES ... LIBRARIES ... [LABELS ...] [TIMEOUT seconds])
# One doctest executable; CTest runs it as one test. TIMEOUT is generous: nothing here asserts speed.
function(fabula_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE fabula_test_support ${TEST_LIBRARIES})
  # What is tested is built as it is shipped (or as the sanitizer wants it); the tests themselves hardly optimised,
  # which halves the time to compile them.
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:$<IF:$<CONFIG:Release>,-O1,-O0>>")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}")
  if(FABULA_SANITIZE MATCHES "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
  endif()
endfunction()
