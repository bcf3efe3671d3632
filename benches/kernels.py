#!/usr/bin/env python3
"""Convolution by convolution: our kernels, oneDNN's through PyTorch, and the peak of the processor, in one run.

    python3 benches/kernels.py [--only REGEX] [--rounds N]

The layers of DyRCNNx4 at 32x32 at batch 1, 16 and 64: forward, and back to the input and to the weight. Both sides run on 2 threads,
in turns of a fifth of a second; a figure is the least time of all turns, since what others do on the machine only adds to it.
PyTorch keeps maps and weights in channels_last, which is its faster way. GFLOP/s are counted as direct convolutions, so that
Winograd's algorithm may exceed the peak. DYNVISION_ISA=avx2 keeps our side from AVX-512; PyTorch has ONEDNN_MAX_CPU_ISA=avx2.

Linux. Needs a Rust toolchain and PyTorch (pip install torch==2.15.0).
"""
import argparse
import os
import re
import subprocess
import sys
import time

from compare import THREADS, build, machine, target

# Channels taken and given, rows and columns, kernel, stride, groups.
LAYERS = [(3, 36, 32, 3, 1, 1), (36, 36, 32, 3, 1, 1), (36, 64, 16, 3, 1, 1), (64, 64, 16, 3, 1, 1), (64, 121, 8, 3, 1, 1),
          (121, 121, 8, 3, 1, 1), (121, 256, 8, 3, 2, 1), (256, 256, 4, 3, 1, 1), (36, 36, 32, 1, 1, 1), (36, 36, 32, 3, 1, 36)]
OPERATIONS = ["forward", "input", "weight"]


def torch_runs(layer, batch):
    """A call of each operation."""
    import torch
    ins, outs, side, kernel, stride, groups = layer
    last = torch.channels_last
    x = torch.rand(batch, ins, side, side).to(memory_format=last)
    w = torch.rand(outs, ins // groups, kernel, kernel).to(memory_format=last)
    padding = [kernel // 2] * 2

    def forward():
        return torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)

    gy = torch.rand_like(forward()).to(memory_format=last)

    def backward(*mask):
        return lambda: torch.ops.aten.convolution_backward(gy, x, w, None, [stride] * 2, padding, [1, 1], False, [0, 0], groups,
                                                           [*mask, False])
    return dict(forward=forward, input=backward(True, False), weight=backward(False, True))


def least(run, seconds=0.2):
    """The least milliseconds of a call among those that there is time for."""
    run()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    args = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("kernels: PyTorch is missing: pip install torch==2.15.0")
    torch.set_num_threads(THREADS)
    build("kernels")
    ours = subprocess.Popen([os.path.join(target(), "release", "kernels")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env=dict(os.environ, RAYON_NUM_THREADS=str(THREADS)))

    def ask(line):
        ours.stdin.write(line + "\n")
        ours.stdin.flush()
        answer = ours.stdout.readline()
        if not answer:
            sys.exit("kernels: our side has ended")
        return answer.strip()

    peak = max(float(ask("peak")) for _ in range(5))
    print(f"{machine()['cpu']}, {ask('isa')}, {THREADS} threads, peak {peak:.0f} GFLOP/s; ours (oneDNN's); share of the peak\n")
    print("| convolution | " + " | ".join(OPERATIONS) + " |")
    print("| --- | " + " | ".join("---" for _ in OPERATIONS) + " |")
    for batch in (1, 16, 64):
        for layer in LAYERS:
            ins, outs, side, kernel, stride, groups = layer
            name = f"{batch}x{ins}x{side}x{side} to {outs}, kernel {kernel}, stride {stride}, groups {groups}"
            if not re.search(args.only, name):
                continue
            places = (side - 1) // stride + 1
            work = 2e-6 * batch * places * places * outs * (ins // groups) * kernel * kernel
            runs, cells = torch_runs(layer, batch), []
            for operation in OPERATIONS:
                question = " ".join(map(str, (batch, *layer, operation)))
                times = [(float(ask(question)), least(runs[operation])) for _ in range(args.rounds)]
                mine, theirs = (work / min(of_side) for of_side in zip(*times))
                cells.append(f"{mine:.0f} ({theirs:.0f}); {100 * mine / peak:.0f} %")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    ours.stdin.close()


if __name__ == "__main__":
    main()
