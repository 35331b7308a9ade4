# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE_DIR= -DVERSION= -DHEADER= -P: writes the header of CodeVersion.cmake, and leaves it alone when nothing changed.
# "modified": a tracked file differs, or a file under src/ is not tracked (it is compiled in all the same). A source tree that is not itself the
# top of a checkout has no commit: an archive unpacked inside another project must not take that project's.
function(git result)
  execute_process(COMMAND git -C ${SOURCE_DIR} --no-optional-locks ${ARGN} OUTPUT_VARIABLE output ERROR_QUIET RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(status EQUAL 0)
    set(${result} "${output}" PARENT_SCOPE)
    set(git_worked TRUE PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
    set(git_worked FALSE PARENT_SCOPE)
  endif()
endfunction()

set(commit "")
set(modified false)
git(top rev-parse --show-toplevel)
if(git_worked)
  file(REAL_PATH ${SOURCE_DIR} source)
  file(REAL_PATH ${top} top)
  if(source STREQUAL top)
    git(commit rev-parse --short=7 --verify HEAD)
  endif()
endif()
if(commit)
  git(tracked status --porcelain --untracked-files=no)
  git(untracked status --porcelain --untracked-files=normal -- src)
  if(tracked OR untracked)
    set(modified true)
  endif()
endif()

file(CONFIGURE OUTPUT ${HEADER} CONTENT [[
// SPDX-License-Identifier: Apache-2.0
// Written by cmake/WriteCodeState.cmake at build time.
#pragma once
#define PLUMB_VERSION "@VERSION@"
#define PLUMB_COMMIT "@commit@"
#define PLUMB_MODIFIED @modified@
]] @ONLY)
