# SPDX-License-Identifier: Apache-2.0
# The commands a person types; each line that starts with a target and `##` is its help.
.DEFAULT_GOAL := help
.PHONY: help demo test build check bench noise asan tsan fuzz format clean

PLUMB := build/plumb
RUNS := $(or $(PLUMB_RUNS),runs)
# Lazily, after deps/setup has run. JOBS=n on the command line overrides.
JOBS = $(shell tools/build_jobs.sh)
build_preset = cmake --preset $(1) && cmake --build --preset $(1) -j $(JOBS) $(if $(2),--target $(2))

help:
	@awk -F '## ' '/^[a-z]+:.*## / { split($$1, name, ":"); printf "make %-8s %s\n", name[1], $$2 }' Makefile

demo: ## set up, build, run the study "demo", write the page runs/demo.html
	@deps/setup
	@$(call build_preset,release,plumb)
	@ls $(RUNS)/.machines/*/noise.json > /dev/null 2>&1 || $(PLUMB) doctor --noise quick
	@$(PLUMB) run demo; status=$$?; $(PLUMB) report demo -o $(RUNS)/demo.html && exit $$status

test: build ## set up, build, run all tests
	ctest --preset release -j $(JOBS)

build: ## set up and build everything; the program is build/plumb
	deps/setup
	$(call build_preset,release)

check: ## format, include and link rules, every header alone
	tools/format.sh --check
	$(call build_preset,release,header_check)
	tools/check_structure.py --link-graph build/link_graph.txt

bench: build ## micro-benchmarks of kernels and of the lab's own overhead
	set -e; for program in build/bench/*_bench; do "$$program"; done

noise: build ## how often identical code gets a verdict here, and whether a slow-down of 5 % is found
	$(PLUMB) doctor --noise-study

asan: ## all tests without LibTorch under address and undefined-behaviour sanitizers
	deps/setup
	$(call build_preset,asan)
	ctest --preset asan -j $(JOBS)

tsan: ## the same under the thread sanitizer; OpenMP regions run on one thread, as libgomp is not instrumented
	deps/setup
	$(call build_preset,tsan)
	ctest --preset tsan -j $(JOBS)

fuzz: ## libFuzzer on plumb's own decoders, FUZZ_SECONDS each (60)
	deps/setup fuzz
	$(call build_preset,fuzz)
	tools/fuzz.sh $(or $(FUZZ_SECONDS),60)

format: ## clang-format on every C++ file
	tools/format.sh

clean: ## remove the build folders; .deps and results stay
	rm -rf build build-*
