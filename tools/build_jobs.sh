#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints how many compile jobs this machine bears: one a processor, and one per 1.5 GB of free memory (a file that includes LibTorch takes 1.3 GB).
cores=$(nproc)
by_memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
jobs=$((by_memory < cores ? by_memory : cores))
echo $((jobs < 1 ? 1 : jobs))
