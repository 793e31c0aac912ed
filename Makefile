# What people and the CI type. Each target is a script of its own; all of them install what they need.

.PHONY: help demo test soak bench bench-compare lint fuzz

help: ## This list.
	@sed -n 's/^\([a-z-]*\): .*## /make \1\t/p' Makefile | expand -t 20

demo: ## Watch real package changes pass through the stream; Ctrl-C stops it.
	@scripts/setup demo
	@scripts/demo

test: ## Run every check and every test, as the CI does.
	@scripts/setup test
	@scripts/test

soak: ## Attack the relay (SOAK_INPUTS=n), break what it runs on (SOAK_KILLS=n), kill all (KEEPER_CRASHES=n, SOAK_EVENTS=n, SOAK_FAULTS=n), fuzz the wire (FUZZ_INPUTS=n).
	@scripts/setup test
	@cargo build --release --locked -p lighthouse -p laniakea-soak -p laniakea-faults
	@SOAK_INPUTS=$${SOAK_INPUTS:-1000000} cargo run --release --locked --quiet -p laniakea-soak
	@LIAR_SESSIONS=$${LIAR_SESSIONS:-100000} cargo test --locked --quiet --manifest-path tests/fuzz/Cargo.toml --target-dir target --test liar -- --nocapture
	@python3 scripts/fuzz-seeds.py tests/fuzz/seeds
	@FUZZ_INPUTS=$${FUZZ_INPUTS:-10000000} cargo test --locked --quiet --manifest-path tests/fuzz/Cargo.toml --target-dir target --test smoke zmtp_ -- --nocapture
	@SOAK_KILLS=$${SOAK_KILLS:-1000} target/release/laniakea-faults
	@cargo build --locked -p lighthouse -p keeper
	@KEEPER_CRASHES=$${KEEPER_CRASHES:-100} cargo test --locked --quiet -p laniakea-e2e --test keeper_time crashes -- --nocapture
	@cargo build --locked --manifest-path sinks/mirk/Cargo.toml
	@SOAK_EVENTS=$${SOAK_EVENTS:-1000} SOAK_FAULTS=$${SOAK_FAULTS:-40} tests/matrix/run test_soak

lint: ## Look at the sources alone: format, lints, docs, spelling, links, dependencies.
	@scripts/setup test
	@scripts/lint

bench: ## Measure the relay, mirk and keeper against the cost of their cryptography, and the journal (BENCH_EVENTS=n).
	@scripts/setup bench
	@cargo build --release --locked -p lighthouse -p keeper -p laniakea-bench
	@cargo run --release --locked --quiet -p laniakea-bench
	@cargo run --release --locked --quiet -p laniakea-journal-sqlite --example measure -- --events $${BENCH_EVENTS:-1000000}
	@cargo run --release --locked --quiet --manifest-path sinks/mirk/Cargo.toml --example measure
	@cargo run --release --locked --quiet -p keeper --example measure_keeper

bench-compare: ## Measure the relay and lk of another commit (BASE=rev) and of these sources in turn, in one run.
	@scripts/setup compare
	@scripts/bench-compare "$(BASE)"

fuzz: ## Feed each parser of foreign bytes with rubbish for a minute (FUZZ_SECONDS=n: for n seconds).
	@scripts/setup fuzz
	@scripts/fuzz
