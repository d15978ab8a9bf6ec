#!/usr/bin/env bash
# Opens reports in a real browser: hovers, sorts, filters, prints, and looks for accessibility faults, light and dark, wide and on a
# phone. Needs Chromium (Debian's package `chromium`), Node and npm; what it installs goes to target/report-test.
#
#   scripts/report-test.sh [PAGE...]     pages to open besides those that the tests make
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/report-test
mkdir -p "$out"
cp scripts/report-test.mjs "$out/"
npm install --prefix "$out" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error puppeteer-core@25.16.0 axe-core@4.14.1

# with the features that .ci/run has built already; they leave their pages and pictures in target/tmp/report
cargo test --workspace --features hobbit/full,hobbit-cli/predict --test integration report::

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)} \
    node "$out/report-test.mjs" "${CARGO_TARGET_DIR:-target}"/tmp/report/*/ "$@"
