#!/usr/bin/env python3
"""How time and memory grow with time steps, batch, image size and threads.

    python3 benches/scaling.py [--only REGEX] [--json FILE] [--plots FOLDER] [--seconds S] [--memory GIB] [--wait SECONDS]
    python3 benches/scaling.py --from FILE --plots FOLDER        only the plots, of what --json wrote

DyRCNNx4 with full recurrence and skips; one thing varies, the others stay at 20 steps, batch 16, 32x32 and all cores (image
size: batch 4). Each point is a process of its own: two runs to warm up, then the median of at least three; the peak of
resident memory beyond the process before the model was made; and the page faults of a run in the steady state. A point at
which others used more than a tenth of a core is measured again, three times in all, and then left out. So is one that would
take longer or more memory than allowed, judging by the points before it: work and memory grow with steps, images and pixels.

Linux; a Rust toolchain; for --plots matplotlib.
"""
import argparse
import json
import os
import re
import subprocess
import sys

from compare import Others, build, target, wait_for_quiet, write_json

CORES = len(os.sched_getaffinity(0))
BASE = dict(size=32, batch=16, steps=20, threads=CORES)
SWEEPS = {
    "steps": (BASE, [1, 2, 5, 10, 20, 50, 100, 200]),
    "batch": (BASE, [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    "size": (dict(BASE, batch=4), [32, 64, 96, 128, 224]),
    "threads": (BASE, sorted({n for n in (1, 2, 4, 8, 16, 32, 64) if n < CORES} | {CORES})),
}
LABELS = dict(steps="time steps", batch="images in a batch", size="rows and columns of the image", threads="threads")
MODES = ["forward", "train"]


def work(point):
    return point["steps"] * point["batch"] * point["size"] ** 2


def available_gib():
    with open("/proc/meminfo") as file:
        return int(re.search(r"MemAvailable:\s*(\d+)", file.read())[1]) / 2 ** 20


def measure(point, patience):
    """The figures of one point, or why there are none."""
    command = [os.path.join(target(), "release", "scaling"), json.dumps(point)]
    for _ in range(3):
        wait_for_quiet(patience)
        others, before = Others([]), os.times()
        done = subprocess.run(command, capture_output=True, text=True)
        after = os.times()
        own = after.children_user + after.children_system - before.children_user - before.children_system
        cores = others.cores(own)
        if done.returncode:
            return dict(left_out=f"it failed: {done.stderr.strip()[-300:] or done.returncode}")
        if cores < 0.1:
            return dict(json.loads(done.stdout), others_cores=round(cores, 3))
    return dict(left_out=f"others used {cores:.2f} cores meanwhile")


def expected(point, measured):
    """Seconds of all runs and GiB, judging by the largest point that was measured in the same mode."""
    known = [r for r in measured if r["mode"] == point["mode"] and "median_ms" in r]
    if not known:
        return 0.0, 0.0
    last = max(known, key=work)
    more = max(work(point) / work(last), 0.0)
    seconds = 5 * last["median_ms"] / 1e3 * more * max(1.0, last["threads"] / point["threads"])
    return seconds, last["peak_mb"] / 1024 * more


def plot(results, folder):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    os.makedirs(folder, exist_ok=True)
    for sweep in SWEEPS:
        rows = [r for r in results if r["sweep"] == sweep and "median_ms" in r]
        if not rows:
            continue
        figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.6))
        for mode in MODES:
            at = [r[sweep] for r in rows if r["mode"] == mode]
            label = {"forward": "forward", "train": "training step"}[mode]
            time.plot(at, [r["median_ms"] for r in rows if r["mode"] == mode], "o-", label=label)
            memory.plot(at, [r["peak_mb"] for r in rows if r["mode"] == mode], "o-", label=label)
        for axis, unit in ((time, "ms"), (memory, "MB")):
            axis.set_xscale("log", base=2)
            axis.set_yscale("log")
            ticks = sorted({r[sweep] for r in rows})
            axis.set_xticks(ticks, [str(tick) for tick in ticks])
            axis.minorticks_off()
            axis.set_xlabel(LABELS[sweep])
            axis.set_ylabel(unit)
            axis.grid(alpha=0.3)
        time.legend()
        fixed = {k: v for k, v in rows[0].items() if k in BASE and k != sweep}
        figure.suptitle("DyRCNNx4: " + ", ".join(f"{k} {v}" for k, v in fixed.items()), fontsize=10)
        figure.tight_layout()
        figure.savefig(os.path.join(folder, f"scaling_{sweep}.svg"))
        plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX", help="only points whose name, such as batch/64/train, matches")
    parser.add_argument("--json", metavar="FILE", help="write the results here")
    parser.add_argument("--plots", metavar="FOLDER", help="write one SVG for each sweep here")
    parser.add_argument("--from", dest="source", metavar="FILE", help="take results that were written before")
    parser.add_argument("--seconds", type=float, default=60, help="of a point, at most (60)")
    parser.add_argument("--memory", type=float, metavar="GIB", help="of a point, at most (0.8 of what is available)")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for quiet before each try (60)")
    args = parser.parse_args()
    if args.source:
        with open(args.source) as file:
            results = json.load(file)["points"]
    else:
        build("scaling")
        memory, results = args.memory or 0.8 * available_gib(), []
        for sweep, (base, values) in SWEEPS.items():
            for mode in MODES:
                for value in values:
                    point, name = dict(base, **{sweep: value}, mode=mode), f"{sweep}/{value}/{mode}"
                    if not re.search(args.only, name):
                        continue
                    seconds, gib = expected(point, results)
                    if seconds > args.seconds or gib > memory:
                        figures = dict(left_out=f"about {seconds:.0f} s and {gib:.1f} GiB are expected, "
                                                f"{args.seconds:.0f} s and {memory:.1f} GiB allowed")
                    else:
                        figures = measure(point, args.wait)
                    results.append(dict(point, sweep=sweep, name=name, **figures))
                    if "left_out" in figures:
                        print(f"{name:20s} left out: {figures['left_out']}", flush=True)
                    else:
                        print("{0:20s} {median_ms:9.1f} ms {peak_mb:8.0f} MB {faults_per_run:6.0f} faults".format(name, **figures),
                              flush=True)
                    if args.json:
                        write_json(args.json, model="DyRCNNx4, full recurrence, skips", points=results)
    if args.plots:
        plot(results, args.plots)


if __name__ == "__main__":
    sys.exit(main())
