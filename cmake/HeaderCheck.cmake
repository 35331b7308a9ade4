# SPDX-License-Identifier: Apache-2.0
# Target header_check: compiles every header of src/ alone, so that none leans on what its users include before it. Opt-in (make check, CI).
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/src/*.h)
set(header_sources)
foreach(header ${headers})
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
