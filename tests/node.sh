#!/usr/bin/env bash
# Brings a Node that is new enough for the clients and suites that the tests run, whatever the system has:
# "$CARGO_TARGET_DIR/node/node_modules/.bin/node". It is the npm package of this machine's kind, which runs no script.
set -euo pipefail
version=24.21.0
machine=$(node -p 'process.platform + "-" + process.arch')
home=$CARGO_TARGET_DIR/node
if ! grep -qs "\"version\": \"$version\"" "$home/node_modules/node-$machine/package.json"; then
  rm -rf "$home"
  npm install --prefix "$home" --no-save --no-audit --no-fund --ignore-scripts "node-$machine@$version"
fi
