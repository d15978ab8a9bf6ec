#!/usr/bin/env bash
# A sweep over many machines among faults: scripts/chaos.sh [--seed N] [--seconds S] [--by hyperband|asha|hyperband-kde|asha-kde] ...
# With --digits as its first argument, networks are trained instead of chains of hashes.
# Its results have to be, byte for byte, those of one process. Prints one line with figures last.
set -euo pipefail
cd "$(dirname "$0")/.."
server=$(scripts/nats-server.sh)
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --workspace --features hobbit/full,hobbit-cli/predict --example chain --example digits
if [[ ${1-} == --digits ]]; then
    set -- --digits "$target/debug/examples/digits" "${@:2}"
fi
exec python3 scripts/chaos.py --server "$server" --program "$target/debug/examples/chain" "$@"
