# SPDX-License-Identifier: Apache-2.0
# LibTorch::cpu from the torch wheel that deps/setup unpacked, or from -DPLUMB_TORCH_ROOT=<folder with include/ and lib/>. The wheel's own
# TorchConfig.cmake wants a CUDA toolkit, so the two libraries are linked by path; libtorch_cuda.so is opened at run time when asked for.
set(PLUMB_TORCH_ROOT "" CACHE PATH "Folder of LibTorch with include/ and lib/; empty: the torch wheel in .deps/venv")

set(torch_root ${PLUMB_TORCH_ROOT})
if(NOT torch_root)
  file(GLOB wheels ${CMAKE_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch)
  list(POP_FRONT wheels torch_root)
endif()
foreach(file include/ATen/ATen.h lib/libtorch_cpu.so lib/libc10.so)
  if(NOT torch_root OR NOT EXISTS ${torch_root}/${file})
    message(FATAL_ERROR "LibTorch not found: no ${file} under '${torch_root}'. Run deps/setup, or give -DPLUMB_TORCH_ROOT=<folder with include/ and lib/>, "
      "or build without it: -DPLUMB_TORCH=OFF.")
  endif()
endforeach()
# A venv reached through a symbolic link must give the same paths, and so the same compiler cache, as the folder itself.
file(REAL_PATH ${torch_root} torch_root)
message(STATUS "LibTorch: ${torch_root}")

add_library(LibTorch::cpu INTERFACE IMPORTED GLOBAL)
# SYSTEM: its headers do not pass plumb's warnings.
target_include_directories(LibTorch::cpu SYSTEM INTERFACE ${torch_root}/include ${torch_root}/include/torch/csrc/api/include)
# By -l and an explicit run path, not by full path: CMake would otherwise warn that the wheel's libgomp hides the compiler's. It is meant to:
# both have one soname, so kernels and LibTorch share one pool of threads. Undefined symbols are left to the loader, because the wheel's libraries
# find the CUDA wheels beside them through their own run path, which the linker does not follow.
target_link_libraries(LibTorch::cpu INTERFACE -L${torch_root}/lib -ltorch_cpu -lc10)
target_link_options(LibTorch::cpu INTERFACE LINKER:--allow-shlib-undefined LINKER:-rpath,${torch_root}/lib)
# GCC from 13 on takes the growth of a std::vector<bool> in torch::autograd::Function for a copy beyond its end, which it is not.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  target_compile_options(LibTorch::cpu INTERFACE -Wno-array-bounds -Wno-stringop-overflow)
endif()
