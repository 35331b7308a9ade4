// SPDX-License-Identifier: Apache-2.0
// Like gtest_main, but this program can also be started as a child of an isolated run, and as a sweep that tests kill.
#include <gtest/gtest.h>

#include <cstring>

#include "lab/probe_family.h"
#include "lab/runner.h"
#include "lab/sweep_process.h"

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "__points") == 0) return plumb::lab::run_child(plumb::test::probe_families());
    if (argc > 1 && std::strcmp(argv[1], plumb::test::sweep_word) == 0) return plumb::test::run_sweep_process(argc, argv);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
