// SPDX-License-Identifier: Apache-2.0
// Runs the tests of libplumb_attention, which they use as any program does: through plumb/attention.h and the shared library.
#include <gtest/gtest.h>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
