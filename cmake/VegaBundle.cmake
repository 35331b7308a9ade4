# SPDX-License-Identifier: Apache-2.0
# plumb_vega_bundle(TARGET): embeds .deps/vega-bundle.js, which deps/setup writes, into the target through the assembler's .incbin; an empty
# bundle when there is none. Declared in src/report/vega_bundle.h.
function(plumb_vega_bundle target)
  # A glob, so that the build notices a bundle that appears later.
  file(GLOB bundle CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/.deps/vega-bundle.js)
  if(NOT bundle)
    message(STATUS ".deps/vega-bundle.js is missing (deps/setup writes it): reports will have tables but no drawn figures")
    set(bundle ${CMAKE_BINARY_DIR}/generated/no-vega-bundle.js)
    file(CONFIGURE OUTPUT ${bundle} CONTENT "")
  endif()
  set(assembly ${CMAKE_BINARY_DIR}/generated/vega_bundle.S)
  file(CONFIGURE OUTPUT ${assembly} CONTENT [[
    .section .rodata
    .global plumb_vega_bundle_begin
    .global plumb_vega_bundle_end
plumb_vega_bundle_begin:
    .incbin "@bundle@"
plumb_vega_bundle_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
]] @ONLY)
  set_source_files_properties(${assembly} PROPERTIES OBJECT_DEPENDS ${bundle})
  target_sources(${target} PRIVATE ${assembly})
endfunction()
