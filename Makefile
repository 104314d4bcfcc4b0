# wigwag: the commands a person needs. `make` or `make help` lists them.

CARGO ?= cargo
SECONDS_PER_TARGET ?= 30

.DEFAULT_GOAL := help
.PHONY: help pages build run dev desktop test lint test-web test-rust test-system test-desktop test-compliance compliance bench bench-load bench-micro fuzz docs clean

help: ## list the targets
	@awk -F ':[a-z ]*## ' '/^[a-z-]+:[a-z ]*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

pages: ## build the pages into web/dist, if they have changed
	@scripts/pages

build: pages ## build the release binary, with the pages in it
	$(CARGO) build --locked --release -p wigwag-cli

run: build ## build pages and binary, and start the server; ARGS="--listen 0.0.0.0:8765" for other settings
	@exec target/release/wigwag serve $(ARGS)

dev: ## the server, and the pages with hot reload; ARGS as above
	@scripts/dev $(ARGS)

desktop: ## build the desktop window, and start it; ARGS="ws://HOST:PORT/PATH" connects at once
	$(CARGO) build --locked --release -p wigwag-desktop
	@exec target/release/wigwag-desktop $(ARGS)

test: ## install what the tests need, then run every test
	scripts/test all

lint: ## formatting and lints
	scripts/test lint

test-web: ## lints, component tests and build of the pages
	scripts/test web

test-rust: ## unit, property and integration tests in Rust
	scripts/test rust

test-system: ## the real binary against real peers: Python websockets, node ws, Chromium
	scripts/test system

test-desktop: ## the desktop window: its state, its tabs over AccessKit, and the real program under Xvfb
	scripts/test desktop

test-compliance: ## the quick part of the Autobahn test-suite: both roles, the gateway, TLS
	scripts/test compliance

compliance: build ## all 517 Autobahn cases, both roles and the gateway; writes compliance/results/
	scripts/compliance full

bench: build ## side by side with other servers; ARGS="--workload A,B --rounds 3" for a part
	python3 bench/run.py --wigwag target/release/wigwag $(ARGS)

bench-load: build ## load testers side by side; ARGS="--part speed" for wigwag load against the servers only
	python3 bench/load_tools.py --wigwag target/release/wigwag $(ARGS)

bench-micro: ## micro-benchmarks of the protocol crate, and instructions per message
	$(CARGO) bench --locked -p wigwag-proto
	bench/instructions

fuzz: ## every fuzz target for SECONDS_PER_TARGET seconds
	fuzz/run $(SECONDS_PER_TARGET)

docs: ## the API documentation
	$(CARGO) doc --locked --no-deps

clean: ## remove what was built
	$(CARGO) clean
