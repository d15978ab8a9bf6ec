#!/usr/bin/env bash
# A sweep over many machines among faults: scripts/chaos.sh [--seed N] [--seconds S] [--by hyperband|asha|hyperband-kde|asha-kde] ...
# Its results have to be, byte for byte, those of one process. Prints one line with figures last.
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(scripts/nats-server.sh)
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --workspace --features hobbit/full,hobbit-cli/predict --example chain
exec python3 scripts/chaos.py --server "$server" --program "$target/debug/examples/chain" "$@"
