// SPDX-License-Identifier: Apache-2.0
// Loads libplumb_torch.so, which registers its operators thereby, and runs the tests. They know nothing of it but what LibTorch's
// dispatcher says.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdio>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (dlopen(PLUMB_TORCH_LIBRARY, RTLD_NOW | RTLD_LOCAL) == nullptr) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    return RUN_ALL_TESTS();
}
