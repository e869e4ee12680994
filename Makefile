# Everything that a person or CI runs. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

FUNCTIONS := $(notdir $(wildcard functions/*))
# One page says what the functions are deployed for.
ARCHITECTURE := $(shell sed -n 's/.*FunctionArchitecture=\(x86_64\|arm64\).*/\1/p' infra/samconfig.toml)
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := target/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz

export SAM_CLI_TELEMETRY := 0
# No build fetches a toolchain or a target by the way (hence also deploy's --skip-target-check): what is missing is
# said, with the command that adds it.
export RUSTUP_AUTO_INSTALL := 0

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## the whole story in a minute, on the embedded AWS
	@.venv/bin/python tests/demo.py

.PHONY: test
test: build ## unit, property, snapshot and whole-system tests
	@rm -f target/snapshots
	@CI=true INSTA_UPDATE=no INSTA_SNAPSHOT_REFERENCES_FILE=$(CURDIR)/target/snapshots \
		cargo test --workspace --locked --quiet
	@touch target/snapshots; unused=$$(comm -23 <(find $(CURDIR)/{cli,functions,shared} -name '*.snap' | sort) \
		<(sort -u target/snapshots)); test -z "$$unused" || { echo "no test reads: $$unused"; exit 1; }
	@.venv/bin/python -m pytest -q --numprocesses 3 --dist loadscope --durations 15 tests

.PHONY: test-long
test-long: build ## the tests that take minutes each
	@.venv/bin/python -m pytest -q -m long --durations 15 tests

# What a storm is, and what must hold after it: tests/storm.
SEED := 1
SEEDS := 1 2 3
SECONDS := 180
.PHONY: storm
storm: build ## random work and trouble from SEED=1 for SECONDS=180, then what must hold
	@.venv/bin/python -m tests.storm $(SEED) --seconds $(SECONDS)

.PHONY: storms
storms: build ## the same for each of SEEDS="1 2 3", and their total
	@.venv/bin/python -m tests.storm $(SEEDS) --seconds $(SECONDS)

.PHONY: guards
guards: .venv/ready ## takes away each guard of the source and expects a test to fail; takes hours
	@.venv/bin/python -m tests.storm.guards

.PHONY: bench
bench: .venv/ready ## looks at 1,000 base images beside boto3, forecasts of 10,000 builds; builds a release
	@cargo build --release --locked --quiet --package watch-base-images
	@.venv/bin/python -m tests.bench
	@cargo run --release --locked --quiet --package prism-domain --example forecasts

.PHONY: check
check: .venv/ready target/tools/ready $(CARGO_DENY) ## formatting, lints, licences, the template
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	@$(CARGO_DENY) --log-level error --locked check --hide-inclusion-graph bans licenses sources
	@.venv/bin/cfn-lint infra/template.yaml
	@target/tools/bin/sam validate --lint --region us-east-1 --template infra/template.yaml
	@target/tools/bin/ruff check --quiet --no-cache tests
	@.venv/bin/python -m pytest -q tests/infra

.PHONY: fmt
fmt: ## format what has a formatter
	@cargo fmt --all

.PHONY: local
local: build ## start the embedded AWS with everything deployed: . target/local/env
	@.venv/bin/python -m tests.local_aws start

.PHONY: local-stop
local-stop: .venv/ready ## end it
	@.venv/bin/python -m tests.local_aws stop

.PHONY: deploy
deploy: .venv/ready target/tools/ready ## deploy to AWS as infra/samconfig.toml says; more in ARGS="--profile work"
	@PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda build --release --locked --skip-target-check \
		--$(subst _,-,$(ARCHITECTURE)) $(FUNCTIONS:%=--package %)
	@target/tools/bin/sam deploy --template infra/template.yaml --config-file samconfig.toml $(ARGS)

.PHONY: audit
audit: $(CARGO_DENY) ## known vulnerabilities; needs the network
	@$(CARGO_DENY) check advisories

# The fuzzer's flags are unstable ones of the compiler, which a stable one takes when it is told to. What it begins with
# are the tests' own documents; their names, as the first line, say whose they are.
RUNS := 1000000
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## a million documents of a fuzzer's for the readers of the vendors' feeds; more in RUNS=
	@mkdir -p shared/advisories/fuzz/corpus/feeds
	@for fixture in shared/advisories/tests/fixtures/*; do name=$${fixture##*/}; \
		{ echo "$${name%.*}"; cat $$fixture; } > shared/advisories/fuzz/corpus/feeds/$$name; done
	@cd shared/advisories/fuzz && RUSTC_BOOTSTRAP=1 $(CURDIR)/$(CARGO_FUZZ) run --fuzz-dir . feeds -- \
		-runs=$(RUNS) -max_len=65536 -timeout=20 -print_final_stats=1

# The binaries of the embedded AWS and the tests, in the profile of the tests, so that nothing is compiled twice:
# cargo-lambda would, for it names the target even when that is the host. The layout is cargo-lambda's.
.PHONY: build
build: .venv/ready
	@test -e target/debug/prism || echo "compiling everything, once: about five minutes on two cores"
	@cargo build --workspace --locked $(if $(MAKE_TERMERR),,--quiet)
	@for name in $(FUNCTIONS); do \
		mkdir -p target/lambda/$$name; ln -f target/debug/$$name target/lambda/$$name/bootstrap; \
	done

.venv/ready: requirements.txt
	@python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

target/tools/ready: requirements-lint.txt
	@python3 -m venv target/tools
	@target/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	@touch $@

$(CARGO_DENY):
	@echo "compiling cargo-deny $(CARGO_DENY_VERSION), once"
	@CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=true \
		cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug --no-default-features --quiet \
		--root $(@D)/.. --target-dir target/tools/build
	@rm -rf target/tools/build # half a gigabyte that nothing needs any more

$(CARGO_FUZZ):
	@echo "compiling cargo-fuzz $(CARGO_FUZZ_VERSION), once"
	@CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=true \
		cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --debug --quiet \
		--root $(@D)/.. --target-dir target/tools/build-fuzz
	@rm -rf target/tools/build-fuzz
