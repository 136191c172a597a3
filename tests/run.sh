#!/usr/bin/env bash
# Runs every check and every test. Needs Rust and a C/C++ compiler; one build profile serves clippy, tests and demo.
set -euo pipefail
cd "$(dirname "$0")/.."
# Outside the checkout, so that a fresh clone finds what was built before.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/heavylift/target}"
export CARGO_TERM_PROGRESS_WHEN=never

say() { printf '\n== %s\n' "$*"; }

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "tests"
cargo test --workspace --locked

say "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

say "demo"
cargo run --locked -- demo
