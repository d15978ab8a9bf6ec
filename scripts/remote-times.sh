#!/usr/bin/env bash
# How long it takes until a sweep over several processes goes on after one has died, and until what is set up wrongly is
# told: scripts/remote-times.sh [--only recovery|refusals]. Prints a line for each, and exits with 0 only where all is in time.
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(scripts/nats-server.sh)
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --workspace --features hobbit/full,hobbit-cli/predict --example chain
exec python3 scripts/remote-times.py --server "$server" --program "$target/debug/examples/chain" "$@"
