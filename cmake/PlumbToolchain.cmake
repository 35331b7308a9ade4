# SPDX-License-Identifier: Apache-2.0
# Compiler, linker and cache: C++20, warnings as errors, ccache and mold where present, sanitizers on request.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Sloppiness: without it ccache refuses every file that uses a precompiled header. Base folder: two clones share what they compile.
find_program(PLUMB_CCACHE ccache)
if(PLUMB_CCACHE AND (NOT CMAKE_CXX_COMPILER_LAUNCHER OR CMAKE_CXX_COMPILER_LAUNCHER STREQUAL "ccache"))
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${PLUMB_CCACHE})
endif()

include(CheckLinkerFlag)
find_program(PLUMB_MOLD mold)
if(PLUMB_MOLD)
  check_linker_flag(CXX -fuse-ld=mold PLUMB_LINKS_WITH_MOLD)
  if(PLUMB_LINKS_WITH_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

if(PLUMB_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# A sanitizer build stays on the machine that made it, and takes long: it leaves out what that machine cannot run.
if(PLUMB_SANITIZE AND EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo has_avx512 REGEX "^flags.* avx512f" LIMIT_COUNT 1)
  if(NOT has_avx512)
    add_compile_definitions(PLUMB_WITHOUT_AVX512)
  endif()
endif()
if(PLUMB_SANITIZE)
  add_compile_options(-fsanitize=${PLUMB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # What the address sanitizer stops at too, once such a pointer is used. A third of the compile time of a kernel goes into checking it twice.
  add_compile_options(-fno-sanitize=null,object-size,pointer-overflow,vptr)
  add_link_options(-fsanitize=${PLUMB_SANITIZE})
endif()

add_library(plumb_options INTERFACE)
target_compile_options(plumb_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion;-Werror>)
target_include_directories(plumb_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
# GCC 12 warns of an overlap that cannot happen in std::string's operator+ (GCC bug 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(plumb_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
# With sanitizers GCC takes members of std::regex's own variant for uninitialized (GCC bug 105562).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND PLUMB_SANITIZE)
  target_compile_options(plumb_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
endif()
