# SPDX-License-Identifier: Apache-2.0
# plumb_code_version(TARGET): before every build asks git which commit this is and whether the tree differs from it. Only when the answer
# changed is the small header rewritten that version.cpp alone includes, so a commit recompiles one file and relinks.
function(plumb_code_version target)
  set(folder ${CMAKE_BINARY_DIR}/generated)
  set(header ${folder}/generated/code_state.h)
  set(arguments -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -DVERSION=${PROJECT_VERSION} -DHEADER=${header} -P ${CMAKE_SOURCE_DIR}/cmake/WriteCodeState.cmake)
  execute_process(COMMAND ${CMAKE_COMMAND} ${arguments})
  add_custom_target(plumb_code_state COMMAND ${CMAKE_COMMAND} ${arguments} BYPRODUCTS ${header} COMMENT "Code version" VERBATIM)
  add_dependencies(${target} plumb_code_state)
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
