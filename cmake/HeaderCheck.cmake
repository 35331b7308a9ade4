# SPDX-License-Identifier: Apache-2.0
# Target header_check: compiles headers of src/ alone, so that none leans on what its users include before it. Opt-in (make check, CI). Most
# need not be: a .cpp of the same name that includes its header first, as almost all do, is that check in every build.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/src/*.h)
set(header_sources)
foreach(header ${headers})
  string(REGEX REPLACE "[.]h$" ".cpp" own_source ${CMAKE_SOURCE_DIR}/src/${header})
  set(first_include)
  if(EXISTS ${own_source})
    file(STRINGS ${own_source} first_include REGEX "^#include" LIMIT_COUNT 1)
  endif()
  if(first_include STREQUAL "#include \"${header}\"")
    continue()
  endif()
  set(source ${CMAKE_BINARY_DIR}/generated/headers/${header}.cpp)
  # Twice: the second time its include guard is tested too.
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@header@\"\n#include \"@header@\"\n" @ONLY)
  list(APPEND header_sources ${source})
endforeach()

add_library(header_check OBJECT EXCLUDE_FROM_ALL ${header_sources})
target_compile_options(header_check PRIVATE -O0)
target_link_libraries(header_check PRIVATE plumb_app plumb_report plumb_capi CLI11::CLI11 tomlplusplus::tomlplusplus SQLite::SQLite3 hwy::hwy OpenMP::OpenMP_CXX)
if(TARGET LibTorch::cpu)
  target_link_libraries(header_check PRIVATE LibTorch::cpu)
endif()
