#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/fuzz.sh [SECONDS]: every libFuzzer program of the preset `fuzz`, so many seconds each, from the kept corpus. What it finds anew stays
# in build-fuzz/corpus; an input that fails is written to build-fuzz/findings and its path printed. To keep one: copy it to test/fuzz/corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
findings=build-fuzz/findings
mkdir -p "$findings"
for program in build-fuzz/test/fuzz/fuzz_*; do
    [[ -f $program && -x $program ]] || continue
    name=${program##*/fuzz_}
    mkdir -p "build-fuzz/corpus/$name"
    echo "fuzzing $name for $seconds s"
    "$program" -max_total_time="$seconds" -max_len=70000 -rss_limit_mb=4096 -timeout=10 -print_final_stats=1 -verbosity=0 -print_funcs=0 \
        -artifact_prefix="$findings/$name-" "build-fuzz/corpus/$name" "test/fuzz/corpus/$name" 2>&1 | grep -v '^INFO' || {
        echo "fuzzing $name found a failure: see $findings" >&2
        exit 1
    }
done
