#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/format.sh [--check]: formats all C and C++ files in place, or fails naming what is not formatted.
cd "$(dirname "$0")/.." || exit 5
case ${1-} in
    --check) set -- --dry-run --Werror ;;
    "") set -- -i ;;
    *) echo "usage: tools/format.sh [--check]" >&2; exit 2 ;;
esac
find src include test bench examples \( -name '*.h' -o -name '*.c' -o -name '*.cpp' \) -print0 | xargs -0 -r clang-format-14 "$@"
