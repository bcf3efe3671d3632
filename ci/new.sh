#!/usr/bin/env bash
# A new laboratory builds as an outside crate without the network, and one command trains and reports; a second one renames its
# dependency. Usage: ci/new.sh [release|dev]. Takes the program that cargo has built, and builds it if it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-release}
flag=--release folder=release
[ "$profile" = dev ] && { flag=--profile=dev; folder=debug; }
target=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --quiet $flag -p dynvision-lab --bin dynvision
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$target/$folder/dynvision" new "$out/my-lab"
cd "$out/my-lab"
# the dependencies are built already
CARGO_TARGET_DIR="$out/target" cargo build --quiet --offline $flag
lab="$out/target/$folder/my-lab"
"$lab" models
start=$SECONDS
"$lab" report --quiet
took=$((SECONDS - start))
echo "trained and reported in $took s"
[ "$profile" = dev ] || [ "$took" -le 180 ] || { echo "it took longer than three minutes"; exit 1; }
ls runs/*/report.html
accuracy=$("$lab" status --json | sed -n 's/.*"accuracy": \([0-9.]*\).*/\1/p')
awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.8) }' || { echo "accuracy $accuracy is below 0.8"; exit 1; }

"$target/$folder/dynvision" new "$out/renamed"
cd "$out/renamed"
sed -i 's/^dynvision = { path/vision = { package = "dynvision", path/' Cargo.toml
grep -q '^vision = ' Cargo.toml
CARGO_TARGET_DIR="$out/target" cargo build --quiet --offline $flag
"$out/target/$folder/renamed" summary my-net
echo "a laboratory that renames its dependency builds"
