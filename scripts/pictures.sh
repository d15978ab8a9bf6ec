#!/usr/bin/env bash
# Makes the pictures of the README from a real run: docs/live-view.svg, what a terminal shows in the middle of a sweep, and
# docs/report.png and docs/report-dark.png, the top of its report in headless Chromium. Needs Python 3 with venv and Chromium (Debian's `python3-venv` and
# `chromium`, or CHROMIUM).
#
#   scripts/pictures.sh [--bin DIR]     programs that are built already: DIR/hobbit and DIR/examples/digits
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release
if [[ ${1:-} == --bin ]]; then
    bin=$2
else
    cargo build --release --workspace --features hobbit/full,hobbit-cli/predict --bin hobbit --example digits
fi
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
CHROMIUM=${CHROMIUM:-$(browser)} || { echo "there is no chromium: install it, or name it in CHROMIUM" >&2; exit 1; }

out=target/pictures
rm -rf "$out"
mkdir -p "$out"
python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check pyte==0.8.2
"$out/venv/bin/python" scripts/terminal-picture.py docs/live-view.svg --columns 106 --until 0.4 -- \
    "$bin/examples/digits" --max-epochs 81 --workers 2 --repo-dir "$out/digits"
"$bin/hobbit" report "$out/digits" --output "$out/report.html"
# wide enough for two pictures beside each other, and as high as the answer and the history; dark is scheme 0, light is 1
for scheme in 1:report 0:report-dark; do
    file=${scheme#*:}.png
    "$CHROMIUM" --headless --no-sandbox --disable-gpu --hide-scrollbars --force-color-profile=srgb --window-size=1110,1030 \
        --blink-settings=preferredColorScheme="${scheme%%:*}" --screenshot="$out/$file" "file://$PWD/$out/report.html" \
        2> "$out/chromium.log" || { cat "$out/chromium.log" >&2; exit 1; }
    cp "$out/$file" "docs/$file"
done
wc -c docs/live-view.svg docs/report*.png
# all together stay small
(( $(cat docs/live-view.svg docs/report*.png | wc -c) < 300000 ))
