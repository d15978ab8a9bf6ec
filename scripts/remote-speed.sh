#!/usr/bin/env bash
# What a sweep over several processes of this machine costs beside training: scripts/remote-speed.sh [--workers N] [--large MB] ...
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(scripts/nats-server.sh)
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --workspace --features hobbit/full,hobbit-cli/predict --example chain
exec python3 scripts/remote-speed.py --server "$server" --program "$target/debug/examples/chain" "$@"
