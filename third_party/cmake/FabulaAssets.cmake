# Text files of assets/ become functions that return a string_view:
#   fabula_embed(output.cpp header namespace function file [function file]...)
# Run as a script (cmake -P) it writes one such file; a raw string literal keeps the bytes as they are.
if(CMAKE_SCRIPT_MODE_FILE)
  set(text "// Generated from assets/; not edited by hand.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
  string(REPLACE "|" ";" PAIRS "${PAIRS}")
  while(PAIRS)
    list(POP_FRONT PAIRS name file)
    file(READ "${file}" content)
    string(APPEND text "\nstd::string_view ${name}() {\n  return R\"FABULA_ASSET(${content})FABULA_ASSET\";\n}\n")
  endwhile()
  string(APPEND text "\n}  // namespace ${NAMESPACE}\n")
  file(WRITE "${OUTPUT}" "${text}")
  return()
endif()

set(FABULA_ASSETS_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")
function(fabula_embed output header namespace)
  set(files ${ARGN})
  set(depends)
  list(LENGTH files n)
  math(EXPR last "${n} - 1")
  foreach(i RANGE 1 ${last} 2)
    list(GET files ${i} file)
    list(APPEND depends "${file}")
  endforeach()
  string(REPLACE ";" "|" pairs "${files}")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${output}" "-DHEADER=${header}" "-DNAMESPACE=${namespace}" "-DPAIRS=${pairs}" -P
            "${FABULA_ASSETS_SCRIPT}"
    DEPENDS ${depends} "${FABULA_ASSETS_SCRIPT}"
    COMMENT "Embedding assets" VERBATIM)
endfunction()
