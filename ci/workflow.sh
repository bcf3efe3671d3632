#!/usr/bin/env bash
# The workflow under the real Snakemake: a small sweep to its report, with a job killed on the way, which goes on.
# Usage: ci/workflow.sh PATH/TO/dynvision [PATH/TO/snakemake]; without the latter it is installed from PyPI for the while, and
# where that cannot be done (no network) this is skipped, with a word. `profile=slurm` runs it on a cluster that is there: see
# slurm.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1") snakemake=${2:-} profile=${profile:-local} workflow=$PWD/dynvision/lab/workflow
out=$(mktemp -d)
plugin=() settings=()
# without accounting, what became of a job is asked of `squeue`
[ "$profile" != slurm ] || plugin=(snakemake-executor-plugin-slurm==2.8.0) settings=(--slurm-status-command squeue)
trap 'rm -rf "$out"' EXIT
if [ -z "$snakemake" ]; then
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 "${plugin[@]}" ||
        { echo "workflow: skipped, Snakemake cannot be installed from PyPI (no network?)"; exit 0; }
    snakemake=$out/venv/bin/snakemake
fi
cd "$out"
cat > lab.toml <<TOML
[data]
name = "digits"
train = 600
test = 40
[train]
epochs = ${epochs:-12}
steps = 6
batch_size = 16
checkpoints.every_batches = 5
[experiments]
images = 4
names = ["nullcondition"]
TOML
printf 'config = "lab.toml"\n[grid]\nmodel = ["simple-8"]\nseed = [0, 1]\n' > sweep.toml
run() { "$snakemake" -s "$workflow/Snakefile" --profile "$workflow/profiles/$profile" "${settings[@]}" --config sweep=sweep.toml program="$program"; }
run > first.log 2>&1 &
engine=$!
# the first training has a checkpoint: its process is killed
for _ in $(seq 600); do ls runs/*/checkpoints/last.safetensors > /dev/null 2>&1 && break; sleep 0.1; done
killed=0
for lock in runs/*/.dynvision.lock; do kill -9 "$(cat "$lock")" && killed=1 && break; done
[ "$killed" = 1 ] || { echo "no training was there to be killed"; cat first.log; exit 1; }
wait $engine && { echo "the engine did not see that a job was killed"; exit 1; }
[ ! -e runs/study/report.html ] || { echo "there is a report although a job was killed"; exit 1; }
run > second.log 2>&1 || { cat second.log; exit 1; }
ls -l runs/study/report.html runs/study/figures 
grep -c '"what":"train"' runs/*/sessions.jsonl
# the same again does nothing
run > third.log 2>&1
grep -q "Nothing to be done" third.log || { cat third.log; exit 1; }
# the bits are those of a sweep that nothing stopped
"$program" sweep run sweep.toml --runs whole --quiet
for folder in whole/*-s*; do
    "$program" weights compare simple-8 "$folder/checkpoints/last.safetensors" "runs/$(basename "$folder")/checkpoints/last.safetensors" | tail -n 1 | tee compared
    grep -q "^the same" compared
done
echo "the workflow went on after a kill, to the same bits"
