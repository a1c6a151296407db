# Everything a developer or CI does. `make run` starts the demo office, `make test` runs every check.

CARGO ?= cargo
DATA ?= data
# What the tests run against besides Rust: real SIP phones, node for one of them, and sox to look at sound.
TOOLS = sipp baresip sox lame opusenc ffmpeg node npm

# An error's own words are what a failed test should end with, not a hundred lines of backtrace.
export RUST_LIB_BACKTRACE = 0

.PHONY: run test check fmt lint unit docs deny bench bench-build lossy-call fuzz pesq tools prompts clean

## run: build and start the demo office in ./data
run:
	$(CARGO) run --release --bin offhook -- serve --demo --data $(DATA)

## test: what CI runs
test: tools fmt lint unit docs deny bench-build

## check: the quick look while writing
check:
	$(CARGO) check --workspace --all-targets

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# One build of the binary first: the whole-server tests start it.
unit:
	$(CARGO) build --bin offhook --bin load
	$(CARGO) nextest run --workspace --no-fail-fast
	$(CARGO) test --workspace --doc

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

deny:
	$(CARGO) deny check licenses bans sources

# Only whether they build: with the artifacts the tests have made, not an optimised build of its own.
bench-build:
	$(CARGO) bench --workspace --no-run --profile dev

## bench: the criterion benches, and the media engine's table; docs/benchmarks.md says how other figures are taken
bench:
	$(CARGO) bench -p offhook-benches
	$(CARGO) run --release -p offhook-benches --bin media -- table

## lossy-call: a G.711 and an Opus phone talk five minutes at 5 % loss and 40 ms jitter; how good that was
lossy-call:
	@sh tests/tools.sh baresip
	$(CARGO) build --bin offhook --bin load
	$(CARGO) nextest run -p offhook-tests --test it --run-ignored only --no-capture for_five_minutes

## fuzz: ten minutes per target, with cargo-fuzz and a nightly compiler
fuzz:
	cd tests/fuzz && for target in $$($(CARGO) fuzz list); do $(CARGO) fuzz run $$target -- -max_total_time=600; done

## pesq: how near one WAV file is to another by ITU-T P.862 (needs python3-venv)
pesq:
	sh tests/pesq.sh $(REFERENCE) $(HEARD)

## prompts: speak all prompts and render the hold music again
prompts:
	python3 sounds/make-prompts.py
	python3 sounds/make-hold-music.py

# Installs what is missing where it can, and says what to install where it cannot.
tools:
	@sh tests/tools.sh $(TOOLS)
