#!/bin/sh
# What a model costs to compile: a crate with nothing but one model, on top of built dependencies.
# Prints, for DyRCNNx4 and DyRCNNx8: the first check, the check after a change to the model, the time of macro expansion,
# and the lines of generated code. Run from the root of the project: sh benches/compile_time.sh
set -eu
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR="$work/target"
mkdir "$work/src"
cat > "$work/Cargo.toml" <<END
[package]
name = "one_model"
version = "0.1.0"
edition = "2024"
[workspace]
[dependencies]
dynvision = { path = "$root/dynvision" }
END
cp Cargo.lock "$work/"
cd "$work"

seconds() { # the time of a command
    from=$(date +%s%N)
    "$@" > log 2>&1 || { cat log; exit 1; }
    to=$(date +%s%N)
    echo "$(((to - from) / 10000000))" | sed 's/..$/.&/;s/^\./0./'
}

model() { # areas, classes
    echo "dynvision::dyrcnn_x$1!(pub struct Model; input = [3, 64, 64], classes = $2, links = [skip, feedback]);" > src/lib.rs
}

echo > src/lib.rs
cargo check --quiet
echo "| model | first check | check after a change |"
echo "|---|---|---|"
for areas in 4 8; do
    model $areas 10
    first=$(seconds cargo check)
    model $areas 11
    echo "| DyRCNNx$areas | $first s | $(seconds cargo check) s |"
done

# The compiler's own reports are a nightly feature; the code that they report on is the stable one.
export RUSTC_BOOTSTRAP=1
report() { cargo rustc --quiet --profile check -- "$@" 2>&1; }
report --cap-lints=warn > log
echo
echo "| model | expansion of macros | generated lines |"
echo "|---|---|---|"
for areas in 4 8; do
    model $areas 12
    expansion=$(report -Ztime-passes | sed -n 's/^time: *\([0-9.]*\).*macro_expand_crate.*/\1/p' | tail -1)
    echo "| DyRCNNx$areas | $expansion s | $(report -Zunpretty=expanded | wc -l) |"
done
