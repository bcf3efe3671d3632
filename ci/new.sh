#!/usr/bin/env bash
# A new laboratory builds as an outside crate without the network, and one command trains and reports; a second one renames its
# dependency. Usage: ci/new.sh [release|dev]. The laboratory is built in that profile; what writes it is the program of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-release}
flag=--release folder=release
if [ "$profile" = dev ]; then flag=--profile=dev folder=debug; fi
program=${CARGO_TARGET_DIR:-$PWD/target}/debug/dynvision
[ -x "$program" ] || cargo build --quiet -p dynvision-lab --bin dynvision
out=$(mktemp -d)
# where it is built: kept where it is named, so that a second run is quick
built=${NEW_LAB_TARGET:-$out/target}
trap 'rm -rf "$out"' EXIT
# What is built for the tests serves here as well if it has the same features; these alone have more of them in the workspace, by
# what only its tests and benchmarks need.
share() { sed -i '/^\[dependencies\]/a either = { version = "1", features = ["use_std"], default-features = false }\nonce_cell = "1"\nbytes = "1"' Cargo.toml; }
"$program" new "$out/my-lab"
cd "$out/my-lab"
share
CARGO_TARGET_DIR="$built" cargo build --quiet --offline $flag
lab="$built/$folder/my-lab"
"$lab" models
start=$SECONDS
"$lab" report --quiet
took=$((SECONDS - start))
echo "trained and reported in $took s"
[ "$profile" = dev ] || [ "$took" -le 180 ] || { echo "it took longer than three minutes"; exit 1; }
ls runs/*/report.html
accuracy=$("$lab" status --json | sed -n 's/.*"accuracy": \([0-9.]*\).*/\1/p')
awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.8) }' || { echo "accuracy $accuracy is below 0.8"; exit 1; }

"$program" new "$out/renamed"
cd "$out/renamed"
sed -i 's/^dynvision = { path/vision = { package = "dynvision", path/' Cargo.toml
grep -q '^vision = ' Cargo.toml
share
CARGO_TARGET_DIR="$built" cargo build --quiet --offline $flag
"$built/$folder/renamed" summary my-net
echo "a laboratory that renames its dependency builds"
