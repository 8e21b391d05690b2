# fabula_build_info(target): what the program says about itself (core/base/build_info.h). One row per library that is part of the
# programs: name, version as found, licence (SPDX). Tools and tests are in third_party/README.md alone.
function(fabula_build_info target)
  set(rows
    "Boost|${Boost_VERSION}|BSL-1.0"
    "curl|${CURL_VERSION}|curl"
    "{fmt}|${fmt_VERSION}|MIT"
    "nlohmann/json|${NLOHMANN_JSON_VERSION}|MIT"
    "CLI11|${CLI11_VERSION}|BSD-3-Clause"
    "oneTBB|${TBB_VERSION}|Apache-2.0"
    "OpenSSL|${CRYPTO_VERSION}|Apache-2.0"
    "PCRE2|${PCRE2_VERSION}|BSD-3-Clause"
    "SentencePiece|${SENTENCEPIECE_VERSION}|Apache-2.0"
    "SQLite|${SQLITE_VERSION}|blessing"
    "utf8proc|${UTF8PROC_VERSION}|MIT AND Unicode-DFS-2016")
  if(FABULA_GUI)
    find_package(Freetype QUIET)  # pkg-config tells libtool's number, not the library's version
    list(APPEND rows
      "Dear ImGui|${IMGUI_VERSION}|MIT"
      "fontconfig|${FONTCONFIG_VERSION}|MIT"
      "FreeType|${FREETYPE_VERSION_STRING}|FTL"
      "FriBidi|${FRIBIDI_VERSION}|LGPL-2.1-or-later"
      "glad|${FABULA_GLAD_VERSION}|MIT"
      "GLFW|${GLFW_VERSION}|Zlib"
      "HarfBuzz|${HARFBUZZ_VERSION}|MIT-Modern-Variant"
      "libunibreak||Zlib"
      "md4c|${MD4C_VERSION}|MIT")
  endif()
  list(SORT rows CASE INSENSITIVE)
  set(text "")
  foreach(row IN LISTS rows)
    string(REPLACE "|" "\", \"" row "${row}")
    string(APPEND text "{\"${row}\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/build_info.inc" CONTENT "${text}" @ONLY)

  execute_process(COMMAND git -C "${CMAKE_SOURCE_DIR}" rev-parse --short=10 HEAD
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT commit)
    set(commit "no commit")
  endif()
  set_source_files_properties(build_info.cpp PROPERTIES COMPILE_DEFINITIONS
    "FABULA_VERSION=\"${PROJECT_VERSION}\";FABULA_BUILD=\"${commit}, ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, ${CMAKE_SYSTEM_PROCESSOR}\"")
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}")
endfunction()
