#!/usr/bin/env bash
# Packages every crate as a registry would get it, builds the packages as a workspace of their own, runs their
# doctests there, and makes the documentation as the documentation's host does. Then the oldest Rust that the
# manifests promise, cargo-deny and cargo-semver-checks, where they are installed. After .ci/run, other crates are
# compiled already.
#
#   [TOOLCHAIN=nightly] [DENY="bans licenses sources"] [BASELINE=commit] scripts/package-check.sh
#
# DENY names the checks of cargo-deny, where its database of advisories cannot be fetched; unless given, all.
# BASELINE is what cargo-semver-checks compares with; without features that need a GPU's tools.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env
target=${CARGO_TARGET_DIR:-$PWD/target}
crates=(hobbit-macros hobbit hobbit-cli)

step() { printf '\n== %s (after %d s)\n' "$*" $SECONDS; }

step "licences"
for crate in "${crates[@]}"; do
    for licence in LICENSE-MIT LICENSE-APACHE; do cmp "$licence" "$crate/$licence"; done
done

step "packages"
rm -rf "$target/package"
options=(--allow-dirty --no-verify)
for crate in "${crates[@]}"; do options+=(--package "$crate"); done
cargo package "${options[@]}"

step "what is in them"
place=$target/packaged
rm -rf "$place"
mkdir "$place"
for crate in "${crates[@]}"; do
    # a digit: the names of the others begin with that of hobbit, too; files are new, or cargo takes them for those of
    # the last time
    tar -xzmf "$target/package/$crate"-[0-9]*.crate -C "$place"
    mv "$place/$crate"-[0-9]*/ "$place/$crate"
    for file in README.md LICENSE-MIT LICENSE-APACHE; do
        [[ -s $place/$crate/$file ]] || { echo "the package of $crate lacks $file" >&2; exit 1; }
    done
    # a link to a file that only the repository has is dead on a package's page
    if grep -nE '\]\((\.|[A-Za-z_-]+/|[A-Z]+\.md)' "$place/$crate/README.md"; then
        echo "README of $crate links to files of the repository" >&2
        exit 1
    fi
done
# the packages depend on each other as on a registry: here they are
cat >"$place/Cargo.toml" <<TOML
[workspace]
members = ["hobbit-macros", "hobbit", "hobbit-cli"]
resolver = "3"
[patch.crates-io]
hobbit = { path = "hobbit" }
hobbit-macros = { path = "hobbit-macros" }
TOML
sed -n '/^\[profile/,$p' Cargo.toml >>"$place/Cargo.toml"
cp Cargo.lock "$place/Cargo.lock"

step "they build, and their doctests pass"
export CARGO_TARGET_DIR=$target
(cd "$place" && cargo build --package hobbit-cli && cargo test --doc --package hobbit --features full,testing)

step "documentation, as its host makes it"
if rustup toolchain list 2>/dev/null | grep -q "${TOOLCHAIN:-nightly}"; then
    # the features of [package.metadata.docs.rs]
    features=$(cd "$place" && cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
crates = {crate["name"]: crate for crate in json.load(sys.stdin)["packages"]}
host = crates["hobbit"]["metadata"]["docs"]["rs"]
assert host["no-default-features"]
print(",".join(host["features"]))')
    (cd "$place" && RUSTDOCFLAGS="--cfg docsrs" cargo "+${TOOLCHAIN:-nightly}" doc --no-deps --package hobbit --no-default-features --features "$features")
else
    echo "there is no toolchain ${TOOLCHAIN:-nightly}: left out"
fi

step "the oldest Rust that the manifests promise"
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
installed=$(rustup toolchain list 2>/dev/null | grep -oE "^${oldest//./\\.}[.-][^ ]*" | head -n 1 || true)
if [[ -n $installed ]]; then
    cargo "+$installed" check --package hobbit-cli --features hobbit/full
else
    echo "there is no toolchain $oldest (rustup toolchain install $oldest --profile minimal): left out"
fi

step "publishing, up to the upload"
cargo publish --dry-run --allow-dirty --no-verify --package hobbit-macros

for tool in deny semver-checks; do
    step "cargo-$tool"
    if ! command -v "cargo-$tool" >/dev/null; then
        echo "cargo-$tool is not installed: left out"
    elif [[ $tool == deny ]]; then
        read -ra checks <<<"${DENY:-all}"
        cargo deny check "${checks[@]}"
    elif [[ -n ${BASELINE:-} ]]; then
        cargo semver-checks --package hobbit --only-explicit-features --features full,testing --baseline-rev "$BASELINE"
    else
        echo "no BASELINE is given: left out"
    fi
done
step "done"
