#!/usr/bin/env bash
# Follows a sweep with `hobbit serve` in a real browser: from its first trial to its end, through a restart of the server and one of the
# sweep. Needs what `report-test.sh` needs, and installs it there.
#
#   scripts/serve-test.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/report-test
mkdir -p "$out"
cp scripts/serve-test.mjs "$out/"
npm install --prefix "$out" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error puppeteer-core@25.16.0 axe-core@4.14.1

# with the features that .ci/run has built already
cargo build --workspace --features hobbit/full,hobbit-cli/predict --bin hobbit --example watched
target=${CARGO_TARGET_DIR:-target}/debug

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)} \
    node "$out/serve-test.mjs" "$target/hobbit" "$target/examples/watched"
