#!/usr/bin/env bash
# Runs every check and every test. Needs Rust, a C/C++ compiler, Node, and Python 3.10 or newer with pip; one build profile
# serves lints, tests and demo.
set -euo pipefail
cd "$(dirname "$0")/.."
# Outside the checkout, so that a fresh clone finds what was built before.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/heavylift/target}"
export CARGO_TERM_PROGRESS_WHEN=never
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { printf '\n== %s\n' "$*"; }

# The emulator of Azure Storage that the tests talk to, beside what is built.
azurite=3.37.0
if ! grep -qs "\"version\": \"$azurite\"" "$CARGO_TARGET_DIR/azurite/node_modules/azurite/package.json"; then
  say "azurite"
  npm install --prefix "$CARGO_TARGET_DIR/azurite" --no-save --no-audit --no-fund --ignore-scripts "azurite@$azurite"
fi

# Clients that the tests drive: the Inspector, the official TypeScript client, and the SDK that last spoke HTTP+SSE; and a
# Node that is new enough for them.
bash tests/node.sh
clients="@modelcontextprotocol/inspector@2.12.0 @modelcontextprotocol/client@2.4.0 @modelcontextprotocol/sdk@1.32.2"
if [ "$(cat "$CARGO_TARGET_DIR/clients/which" 2>/dev/null)" != "$clients" ]; then
  say "clients"
  # shellcheck disable=SC2086 # one word each
  npm install --prefix "$CARGO_TARGET_DIR/clients" --no-save --no-audit --no-fund --ignore-scripts $clients
  echo "$clients" >"$CARGO_TARGET_DIR/clients/which"
fi
# The official Python client, with all that it needs, away from the system's packages.
python=2.3.0
home=$CARGO_TARGET_DIR/clients/python
if ! PYTHONPATH=$home python3 -c "import mcp, importlib.metadata as m; assert m.version('mcp') == '$python'" 2>/dev/null; then
  say "Python client"
  rm -rf "$home"
  python3 -m pip install --quiet --disable-pip-version-check --target "$home" "mcp==$python"
fi

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

# The upload page is tested in a real browser, which comes by itself where it can.
if ! command -v chromedriver >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "browser"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; } ||
        echo "no browser: the upload page is not tested"
fi

say "tests"
cargo test --workspace --locked 2>&1 | tee "$log"

say "conformance"
bash tests/conformance/run.sh 2>&1 | tee -a "$log"

say "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

say "demo"
demo=$(mktemp -d)
cargo run --locked -- demo --folder "$demo"
rm -rf "$demo"

# cargo counts each test program by itself, and the conformance suite's report speaks as it does; this is the sum.
say "sum"
awk '/^test result:/ { passed += $4; failed += $6 } END { printf "%d passed, %d failed\n", passed, failed }' "$log"
