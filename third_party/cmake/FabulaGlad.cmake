# The OpenGL 3.3 core loader, generated at build time by Debian's glad from the specification it ships (no network).
find_program(GLAD_PROGRAM glad REQUIRED)
execute_process(COMMAND python3 -c "import glad; print(glad.__version__)"
  OUTPUT_VARIABLE FABULA_GLAD_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(FABULA_GLAD_DIR "${CMAKE_BINARY_DIR}/glad")
add_custom_command(
  OUTPUT "${FABULA_GLAD_DIR}/src/gl.c" "${FABULA_GLAD_DIR}/include/glad/gl.h"
  COMMAND ${GLAD_PROGRAM} --quiet --reproducible --api gl:core=3.3 --out-path "${FABULA_GLAD_DIR}" c
  COMMENT "Generating the OpenGL loader")
enable_language(C)
add_library(fabula_glad STATIC "${FABULA_GLAD_DIR}/src/gl.c")
target_include_directories(fabula_glad SYSTEM PUBLIC "${FABULA_GLAD_DIR}/include")
target_compile_options(fabula_glad PRIVATE -w)
