# `make run` and `make test` set up a fresh Debian or Ubuntu machine by themselves: system packages, Rust,
# dependencies. Elsewhere they say what to install.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(HOME)/.cargo/bin:$(PATH)

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
# Guests that tests boot. They cost minutes to make, so they are kept.
ORANGERY_TEST_CACHE ?= $(CURDIR)/tests/.cache
export ORANGERY_TEST_CACHE

PREFIX ?= /usr/local
DESTDIR ?=
SIZES := 16 32 48 64 128 256 512
BINARY := $(CARGO_TARGET_DIR)/release/orangery
APP := io.orangery.Orangery

# Tests run as an ordinary user also where root runs make.
AS_USER := CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$(CURDIR)/tests/as-user
# Most tests wait for guests and windows: one more at a time than there are processors.
RUST_TEST_THREADS ?= $(shell echo $$(( $$(nproc) + 1 )))
export RUST_TEST_THREADS

.PHONY: run build test bench bench-console bench-time bench-fork soak \
	check fmt clippy docs deny guests setup setup-tests install uninstall icons clean
.DEFAULT_GOAL := run

run: build
	"$(BINARY)"

build: setup
	cargo build --release --locked

# The guests are made beside the building: both wait, the one for the network and the other for one long file.
test: setup-tests fmt
	tests/guests/prepare & guests=$$!; trap 'kill $$guests 2>/dev/null || true' EXIT; \
	$(MAKE) clippy docs; cargo test --locked --no-run; wait $$guests
	tests/run $(TESTS)

# The long ones: kills during saves, adoption many times over, real guests to the end. A release has no steps to stop at.
soak: setup-tests guests
	cargo build --release --locked
	ORANGERY_SOAK=1 $(AS_USER) cargo test --locked --release -- --include-ignored --nocapture --test-threads=1 $(TESTS)
	ORANGERY_SOAK=1 $(AS_USER) cargo test --locked --test it faults::steps:: -- --nocapture --test-threads=1

# Figures beside a bare QEMU and virt-manager; never passes or fails. RUNS=20 for steadier ones.
bench: setup-tests
	cargo build --release --locked
	ORANGERY="$(BINARY)" tests/bench/run

# The console beside other viewers (packaging/install-packages --bench), an hour or more. QUICK=1 is a short look.
bench-console: setup-tests
	cargo build --release --locked
	ORANGERY="$(BINARY)" tests/bench/run console console-keys console-still

# Snapshots beside virsh's and QEMU's own (packaging/install-packages --bench), 20 minutes. QUICK=1 is a short look.
bench-time: setup-tests guests
	cargo build --release --locked
	ORANGERY="$(BINARY)" tests/bench/run time

# Forks beside a restored and a booted machine, 10 minutes. QUICK=1 is a short look.
bench-fork: setup-tests guests
	cargo build --release --locked
	ORANGERY="$(BINARY)" tests/bench/run fork

check: fmt clippy docs deny

fmt:
	cargo fmt --check

clippy:
	cargo clippy --locked --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

deny:
	@if ! command -v cargo-deny >/dev/null; then \
		echo "deny: skipped, cargo-deny is not installed (cargo install --locked cargo-deny)"; exit 0; fi; \
	cargo deny --locked check bans licenses sources; \
	if cargo deny --locked fetch db 2>/dev/null; then cargo deny --locked check advisories; \
	else echo "deny: advisories skipped, their list could not be fetched"; fi

guests:
	tests/guests/prepare

setup:
	packaging/install-packages
	packaging/install-rust

setup-tests:
	packaging/install-packages --test
	packaging/install-rust

# Builds nothing, so that `sudo make install` leaves no files of root's behind: run `make build` first.
install:
	test -x "$(BINARY)" || { echo "install: run 'make build' first"; exit 1; }
	install -Dm755 "$(BINARY)" "$(DESTDIR)$(PREFIX)/bin/orangery"
	install -Dm644 packaging/$(APP).desktop "$(DESTDIR)$(PREFIX)/share/applications/$(APP).desktop"
	install -Dm644 packaging/$(APP).metainfo.xml "$(DESTDIR)$(PREFIX)/share/metainfo/$(APP).metainfo.xml"
	install -Dm644 icons/$(APP).svg "$(DESTDIR)$(PREFIX)/share/icons/hicolor/scalable/apps/$(APP).svg"
	for size in $(SIZES); do install -Dm644 icons/$$size.png \
		"$(DESTDIR)$(PREFIX)/share/icons/hicolor/$${size}x$$size/apps/$(APP).png"; done

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/orangery" \
		"$(DESTDIR)$(PREFIX)/share/applications/$(APP).desktop" \
		"$(DESTDIR)$(PREFIX)/share/metainfo/$(APP).metainfo.xml" \
		"$(DESTDIR)$(PREFIX)"/share/icons/hicolor/*/apps/$(APP).{svg,png}

# The pictures from the drawings; needs rsvg-convert (librsvg2-bin).
icons:
	for size in $(SIZES); do \
		drawing=icons/$(APP).svg; [ $$size -gt 32 ] || drawing=icons/small.svg; \
		rsvg-convert -w $$size -h $$size $$drawing -o icons/$$size.png; done

clean:
	cargo clean
