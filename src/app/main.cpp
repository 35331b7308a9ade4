// SPDX-License-Identifier: Apache-2.0
#include "app/cli.h"
#include "families/families.h"
#include "lab/host.h"
#include "nn/attention_peers.h"

int main(int argc, char** argv) {
    if (const std::string torch = plumb::nn::torch_version(); !torch.empty()) plumb::lab::add_library("LibTorch", torch);
    return plumb::app::run_cli(std::vector<std::string>(argv, argv + argc), plumb::families::all());
}
