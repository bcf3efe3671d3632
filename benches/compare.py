#!/usr/bin/env python3
"""Side by side: the original DynVision, the best PyTorch loop that we could write, and this project.

    python3 benches/compare.py [--only REGEX] [--json FILE] [--plot FILE] [--rounds N] [--without KIND] [--wait SECONDS]
    python3 benches/compare.py --list               the names of the cases
    python3 benches/compare.py --table FILE         a table in Markdown of what --json wrote; with --plot FILE the plot

The same model, weights, inputs and labels in every contestant, each in a process of its own with 2 threads:

    original   the package `dynvision` from PyPI
    lean       one plain step function in PyTorch, nearest resizing before the 1x1 skips, channels_last
    compiled   the same through torch.compile
    ours       this project, built here with cargo in release mode

A run is a forward pass over T = 20 steps of a constant frame, or a training step: forward, cross-entropy over all steps,
backward, Adam. Before anything is timed, each contestant's first three runs are compared with the original's: all logits,
and in training the three losses, the norm of the first gradient and the weights after three updates. One that computes
something else is left out, and named.

Contestants take turns of at least 0.2 s, so that what drifts, drifts for all; a figure is the median of the turns' medians.
While they do, nobody else may use more than a tenth of a core. A disturbed case waits for quiet and is measured again, three
times in all; after that its figures are left out, and the exit status is 1: a disturbed ratio flatters us, since PyTorch's
threads wait for each other.

Memory is the peak of resident memory over those first three runs, less what was resident before the model was made, so that
imports do not count and weights, activations, gradients, moments and whatever the allocators hold back do. (The kernel's own
high-water mark, /proc/self/status, reset in between. All use the C library's malloc. `compiled` includes the compiler.)
Faults are minor page faults of one run in the steady state: fresh pages that the system had to clear.

Linux. Needs a Rust toolchain and the packages that PACKAGES below names. A contestant that cannot run is left out, with what
would help.
"""
import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
T, CLASSES, THREADS, CHECKED = 20, 10, 2, 3
KINDS = ["original", "lean", "compiled", "ours"]
PACKAGES = """pip install torch==2.15.0 torchvision==0.29.2 numpy safetensors==0.8.0 matplotlib
pip install pytorch-lightning==2.6.6 torchsummary==1.5.1 wandb==0.31.0 pandas scipy seaborn psutil python-dotenv ruamel.yaml
pip install --no-deps dynvision==0.1.0"""
# How far two contestants may be apart, relative to the largest value: rounding, not another computation.
ALLOWED = dict(output=1e-4, loss=1e-4, gradient=1e-3, weights=0.05)


def cases():
    x4 = [("full", b, 32) for b in (1, 16, 64)] + [(r, b, 32) for r in ("depthpointwise", "self") for b in (1, 16, 64)]
    x4.append(("full", 16, 64))
    for mode in ("forward", "train"):
        for rec, batch, size in x4:
            yield dict(model="DyRCNNx4", rec=rec, batch=batch, size=size, mode=mode)
        for batch in (1, 16, 64):
            yield dict(model="DyRCNNx2", rec="full", batch=batch, size=32, mode=mode)


def name(case):
    return "{model}/{rec}/{size}/b{batch}/{mode}".format(**case)


# ------------------------------------------------------------------------------------------------ PyTorch contestants
def make_lean(case):
    import torch.nn as nn
    import torch.nn.functional as F
    import torch

    class DepthPointwise(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.depthwise_conv = nn.Conv2d(c, c, 3, padding=1, groups=c)
            self.pointwise_conv = nn.Conv2d(c, c, 1)

        def forward(self, h):
            return self.pointwise_conv(self.depthwise_conv(h))

    class SelfConnection(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))
            self.bias = nn.Parameter(torch.zeros(()))

        def forward(self, h):
            return h * self.weight + self.bias

    class Area(nn.Module):
        def __init__(self, i, o, stride, rec, skip=None):
            super().__init__()
            self.conv = nn.Conv2d(i, o, 3, stride=stride, padding=1)
            kinds = {"full": lambda: nn.Conv2d(o, o, 3, padding=1), "self": SelfConnection,
                     "depthpointwise": lambda: DepthPointwise(o)}
            self.recurrence = kinds[rec]()
            self.skip = nn.Conv2d(skip, o, 1) if skip else None

        def forward(self, x, newest, past, source=None, rate=0.4):
            x = self.conv(x)
            if past is not None:
                x = x + self.recurrence(past)
            if self.skip is not None:
                size = x.shape[-2:]  # resize first: the same values, less work
                x = x + self.skip(F.interpolate(source, size=size, mode="nearest"))
            x = rate * x if newest is None else torch.lerp(newest, x, rate)
            return F.relu(x)

    class Lean(nn.Module):
        def __init__(self):
            super().__init__()
            rec = case["rec"]
            if case["model"] == "DyRCNNx4":
                self.areas = nn.ModuleList([Area(3, 36, 1, rec), Area(36, 64, 1, rec), Area(64, 121, 1, rec, 36),
                                            Area(121, 256, 2, rec, 64)])
                self.pools, self.sources, last = [True, True, False, False], [None, None, 0, 1], 256
            else:
                self.areas = nn.ModuleList([Area(3, 36, 1, rec), Area(36, 64, 1, rec, 36)])
                self.pools, self.sources, last = [True, False], [None, 0], 64
            self.classifier = nn.Linear(last, CLASSES)
            self.step_fn = self.step

        def step(self, x, newest, past):
            states = []
            for area, pool, source, n, p in zip(self.areas, self.pools, self.sources, newest, past):
                a = area(x, n, p, states[source] if source is not None else None)
                states.append(a)
                x = F.max_pool2d(a, 3, 2, 1) if pool else a
            return states, self.classifier(x.mean((2, 3)))

        def forward(self, x):
            none = [None] * len(self.areas)
            history, outputs = [], []
            for t in range(x.shape[1]):
                frame = x[:, t].contiguous(memory_format=torch.channels_last)
                states, y = self.step_fn(frame, history[-1] if history else none,
                                         history[-3] if len(history) >= 3 else none)
                history = (history + [states])[-3:]
                outputs.append(y)
            return torch.stack(outputs, 1)

    return Lean()


NAMES = {"DyRCNNx4": ["V1", "V2", "V4", "IT"], "DyRCNNx2": ["layer1", "layer2"]}


def original(case):
    import logging
    import torch
    logging.disable(logging.WARNING)
    from dynvision import models
    torch.manual_seed(0)
    size = case["size"]
    net = getattr(models, case["model"])(n_classes=CLASSES, input_dims=(T, 3, size, size), recurrence_type=case["rec"], dt=2,
                                         tau=5, t_feedforward=0, t_recurrence=6, skip=True, feedback=False)
    net.setup("fit")  # makes the lazily built skip convolutions
    return net


def weights(case, shapes):
    """Weights with clearly non-zero activity; the same for every contestant."""
    import torch
    g = torch.Generator().manual_seed(1)
    out = {}
    for key, shape in shapes.items():
        fan = 1
        for d in shape[1:]:
            fan *= d
        scale = 0.05 if "recurrence" in key else (0.1 if "addskip" in key else (2.0 / max(fan, 1)) ** 0.5)
        out[key] = (torch.rand(shape, generator=g) * 2 - 1) * scale
        if key.endswith("bias"):
            out[key] = out[key] * 0.05 + 0.01
    return out


def shapes(case):
    """Names and shapes of the original's state dict."""
    layers = {"DyRCNNx4": [(3, 36), (36, 64), (64, 121), (121, 256)], "DyRCNNx2": [(3, 36), (36, 64)]}[case["model"]]
    skips = {"DyRCNNx4": {"V4": (36, 121), "IT": (64, 256)}, "DyRCNNx2": {"layer2": (36, 64)}}[case["model"]]
    out = {}
    for area, (i, o) in zip(NAMES[case["model"]], layers):
        out[f"{area}.conv.weight"], out[f"{area}.conv.bias"] = (o, i, 3, 3), (o,)
        r = f"{area}.recurrence"
        if case["rec"] == "full":
            out[f"{r}.conv.weight"], out[f"{r}.conv.bias"] = (o, o, 3, 3), (o,)
        elif case["rec"] == "self":
            out[f"{r}.weight"], out[f"{r}.bias"] = (), ()
        else:
            out[f"{r}.depthwise_conv.weight"], out[f"{r}.depthwise_conv.bias"] = (o, 1, 3, 3), (o,)
            out[f"{r}.pointwise_conv.weight"], out[f"{r}.pointwise_conv.bias"] = (o, o, 1, 1), (o,)
    for area, (i, o) in skips.items():
        out[f"addskip_{area}.conv.weight"], out[f"addskip_{area}.conv.bias"] = (o, i, 1, 1), (o,)
    out["classifier.2.weight"], out["classifier.2.bias"] = (CLASSES, layers[-1][1]), (CLASSES,)
    return out


def parameters(net, kind, case):
    """The parameters by the original's names."""
    named = dict(net.named_parameters())
    out = {}
    for key in shapes(case):
        ours = key
        if kind != "original":
            head, rest = key.split(".", 1)
            if head == "classifier":
                ours = "classifier." + rest.split(".")[-1]
            else:
                area = NAMES[case["model"]].index(head.removeprefix("addskip_"))
                rest = rest.replace("conv.", "skip.", 1) if head.startswith("addskip_") else rest
                ours = f"areas.{area}.{rest.replace('recurrence.conv.', 'recurrence.')}"
        out[key] = named[ours]
    return out


def status(field):
    """VmHWM, the peak of resident memory, or VmRSS, what is resident now; in MB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field + ":"))


def base():
    """What is resident before the model is made; the peak counts from here on."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return status("VmRSS")


def torch_child(kind, case, folder):
    import warnings
    warnings.filterwarnings("ignore")
    os.environ["WANDB_MODE"] = "disabled"
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file, save_file
    torch.set_num_threads(THREADS)
    if kind == "original":
        from dynvision import models  # noqa: F401, so that imports are counted apart
    data = load_file(os.path.join(folder, "case.safetensors"))
    start = base()
    net = original(case) if kind == "original" else make_lean(case)
    named = parameters(net, kind, case)
    with torch.no_grad():
        for key, parameter in named.items():
            parameter.copy_(data["param." + key])
    if kind != "original":
        net = net.to(memory_format=torch.channels_last)
    if kind == "compiled":
        net.step_fn = torch.compile(net.step, dynamic=False)
    x = data["input"].unsqueeze(1).expand(-1, T, -1, -1, -1)
    labels = data["labels"].long().unsqueeze(1).expand(-1, T).reshape(-1)
    losses, norm = [], []
    if case["mode"] == "forward":
        net.eval()

        def run():
            with torch.inference_mode():
                return net(x)
    else:
        net.train()
        optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=2e-4)

        def run():
            optimizer.zero_grad(set_to_none=True)
            y = net(x)
            loss = F.cross_entropy(y.reshape(-1, CLASSES), labels)
            loss.backward()
            if not norm:
                norm.append(float(sum(p.grad.square().sum() for p in named.values()) ** 0.5))
            optimizer.step()
            losses.append(loss.item())
            return y
    first = run().detach().float().clone()
    for _ in range(CHECKED - 1):
        run()
    peak = status("VmHWM")
    result = dict(output=first)
    if case["mode"] == "train":
        result.update(losses=torch.tensor(losses), norm=torch.tensor(norm))
        result.update({"after." + key: p.detach().contiguous() for key, p in named.items()})
    save_file(result, os.path.join(folder, f"{kind}.safetensors"))
    serve(run, dict(base_mb=start, peak_mb=peak))


def faults():
    """Minor page faults of this process so far."""
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def serve(run, memory):
    """Answers every line on the standard input with the milliseconds of one run."""
    print("ready", flush=True)
    before, runs = faults(), 0
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        start = time.perf_counter()
        run()
        print((time.perf_counter() - start) * 1e3, flush=True)
        runs += 1
    print(json.dumps(dict(memory, faults_per_run=(faults() - before) / max(runs, 1))), flush=True)


# ------------------------------------------------------------------------------------------------------- the contest
class Contestant:
    def __init__(self, kind, case, folder):
        env = dict(os.environ, OMP_NUM_THREADS=str(THREADS), RAYON_NUM_THREADS=str(THREADS))
        args = [os.path.join(target(), "release", "compare"), json.dumps(case), folder] if kind == "ours" else \
            [sys.executable, os.path.abspath(__file__), "--child", kind, json.dumps(case), folder]
        self.kind, self.log = kind, open(os.path.join(folder, f"{kind}.log"), "w+")
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=env)
        self.ask(None, "ready")

    def ask(self, line, until=None):
        """Sends a line; the next line of the answer, or the one that is `until`."""
        if line:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        while True:
            answer = self.process.stdout.readline()
            if not answer:
                self.process.wait()
                self.log.seek(0)
                why = self.log.read().strip()[-400:].splitlines() or [f"ended with status {self.process.returncode}"]
                raise RuntimeError(why[-1] + ("; it needs:\n" + PACKAGES if "ModuleNotFound" in why[-1] else ""))
            if until is None or answer.strip() == until:
                return answer

    def turn(self, seconds=0.2):
        """The median of runs that take at least this long together; the first of several only fills the caches again."""
        times = [float(self.ask("run"))]
        while sum(times) < seconds * 1e3:
            times.append(float(self.ask("run")))
        return statistics.median(times[1:] or times)

    def quit(self):
        report = json.loads(self.ask("quit"))
        self.process.wait()
        return report


def busy():
    """CPU seconds that all processes have used, and the hypervisor took away, so far."""
    with open("/proc/stat") as file:
        fields = [int(f) for f in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def used(pids):
    """CPU seconds that these processes have used so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            total += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


class Others:
    """How many cores processes other than these use, from when this is made."""

    def __init__(self, pids):
        self.pids = [*pids, os.getpid()]
        self.busy, self.used, self.start = busy(), used(self.pids), time.time()

    def cores(self, ended=0.0):
        """`ended`: CPU seconds of processes of ours that have ended meanwhile."""
        ours = used(self.pids) - self.used + ended
        return max(0.0, busy() - self.busy - ours) / max(time.time() - self.start, 1e-3)


def wait_for_quiet(limit, pids=()):
    """Waits until others use less than a tenth of a core for a second, at most `limit` seconds."""
    end = time.time() + limit
    while time.time() < end:
        others = Others(pids)
        time.sleep(1)
        if others.cores() < 0.1:
            return


def apart(a, b):
    """The largest difference relative to the largest value of `b`."""
    return float((a - b).abs().max() / b.abs().max().clamp_min(1e-30))


def differences(case, start, ours, theirs):
    """How far a contestant's first runs are from the reference's."""
    out = dict(output=apart(ours["output"], theirs["output"]))
    if case["mode"] == "train":
        out["loss"] = apart(ours["losses"], theirs["losses"])
        out["gradient"] = apart(ours["norm"], theirs["norm"])
        # Adam's first steps are signs: where a gradient is rounding alone, single weights may go either way
        keys = [k for k in theirs if k.startswith("after.")]
        moved = sum(float((theirs[k] - start["param." + k[6:]]).abs().sum()) for k in keys)
        out["weights"] = sum(float((ours[k].reshape(theirs[k].shape) - theirs[k]).abs().sum()) for k in keys) / moved
    return out


def measure(case, kinds, rounds, patience=60):
    """One case: the figures of each contestant, and why others were left out; no figures at all if it was disturbed."""
    import torch
    from safetensors.torch import load_file, save_file
    result = dict(case, name=name(case), left_out={})
    with tempfile.TemporaryDirectory() as folder:
        g = torch.Generator().manual_seed(2)
        tensors = {"param." + k: v for k, v in weights(case, shapes(case)).items()}
        tensors["input"] = torch.randn(case["batch"], 3, case["size"], case["size"], generator=g)
        tensors["labels"] = torch.randint(0, CLASSES, (case["batch"],), generator=g).float()
        save_file(tensors, os.path.join(folder, "case.safetensors"))
        players, reference, apart_by = [], None, {}
        for kind in kinds:
            try:
                player = Contestant(kind, case, folder)
                answer = load_file(os.path.join(folder, f"{kind}.safetensors"))
                reference = answer if reference is None else reference
                apart_by[kind] = differences(case, tensors, answer, reference)
                wrong = [f"{k} by {v:.1e}" for k, v in apart_by[kind].items() if not v <= ALLOWED[k]]
                if wrong:
                    player.quit()
                    raise RuntimeError(f"it computes something else than {players[0].kind}: {', '.join(wrong)}")
                players.append(player)
            except (RuntimeError, OSError) as error:
                result["left_out"][kind] = str(error)
        pids = [p.process.pid for p in players]
        for _ in range(3):
            wait_for_quiet(patience, pids)
            times = {p.kind: [] for p in players}
            others = Others(pids)
            for _ in range(rounds):
                for p in players:
                    times[p.kind].append(p.turn())
                    time.sleep(0.02)  # threads that spin for more work go to sleep first
            result["others_cores"] = round(others.cores(), 3)
            if result["others_cores"] < 0.1:
                break
        reports = {p.kind: p.quit() for p in players}
        if result["others_cores"] >= 0.1:
            result["refused"] = f"others used {result['others_cores']} cores meanwhile"
            return result
        for kind, report in reports.items():
            result[kind] = dict(median_ms=statistics.median(times[kind]), min_ms=min(times[kind]), max_ms=max(times[kind]),
                                turns=rounds, **report, differences=apart_by[kind])
    return result


def memory(figures):
    return figures["peak_mb"] - figures["base_mb"]


def line(r):
    """A case in one line."""
    if "refused" in r:
        return f"{r['name']:36s}no figures: {r['refused']}"
    parts = [f"{r['name']:36s}"]
    for kind in (k for k in reversed(KINDS) if k in r):
        f = r[kind]
        parts.append(f"{kind} {f['median_ms']:.1f} ms, {memory(f):.0f} MB, {f['faults_per_run']:.0f} faults")
        if kind != "ours" and "ours" in r:
            parts[-1] += f", ratio {r['ours']['median_ms'] / f['median_ms']:.2f}"
    if "ours" in r:
        parts.append("differences " + ", ".join(f"{k} {v:.0e}" for k, v in r["ours"]["differences"].items()))
    return "  ".join(parts)


def table(results):
    """A table in Markdown: milliseconds, MB, and our time relative to each contestant's."""
    peers = [k for k in KINDS[:3] if any(k in r for r in results)]
    rows = [["case", "ours", *peers, *(f"ours / {k}" for k in peers), "outputs differ by"]]
    rows.append(["---"] * len(rows[0]))
    for r in (r for r in results if "ours" in r):
        cell = lambda f: f"{f['median_ms']:.{1 if f['median_ms'] < 100 else 0}f} ms, {memory(f):.0f} MB"  # noqa: E731
        cells = [f"{r['model']} {r['rec']}, {r['size']}x{r['size']}, batch {r['batch']}, {r['mode']}", cell(r["ours"])]
        cells += [cell(r[k]) if k in r else "" for k in peers]
        cells += [f"{r['ours']['median_ms'] / r[k]['median_ms']:.2f}" if k in r else "" for k in peers]
        rows.append([*cells, f"{r['ours']['differences']['output']:.0e}"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def machine():
    """What the figures were measured on, and when."""
    with open("/proc/cpuinfo") as file:
        info = file.read()
    cpu = re.search(r"model name\s*: (.*)", info)
    wide = next((isa for isa in ("avx512f", "avx2") if isa in info), "neither AVX2 nor AVX-512")
    with open("/proc/meminfo") as file:
        total = int(re.search(r"MemTotal:\s*(\d+)", file.read())[1]) / 2 ** 20

    def says(*command):
        try:
            return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        except OSError:
            return ""
    versions = {}
    for package in ("torch", "dynvision"):
        try:
            from importlib.metadata import version
            versions[package] = version(package)
        except ImportError:
            pass
    limit = os.environ.get("DYNVISION_ISA")
    return dict(cpu=cpu[1] if cpu else platform.processor(), isa=f"{wide}, ours limited to {limit}" if limit else wide, cores=len(os.sched_getaffinity(0)),
                memory_gib=round(total, 1), system=f"{platform.system()} {platform.release()}", rustc=says("rustc", "-V"),
                commit=says("git", "describe", "--always", "--dirty"), python=platform.python_version(), **versions)


def target():
    return os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))


def build(binary):
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "dynvision-benches", "--bin", binary], cwd=ROOT, check=True)


def write_json(path, **content):
    """The whole file or none."""
    with open(path + ".part", "w") as file:
        json.dump(dict(date=datetime.date.today().isoformat(), machine=machine(), **content), file, indent=1)
    os.replace(path + ".part", path)


def plot(results, path):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    kinds = [k for k in KINDS[:3] if any(k in r for r in results)]
    rows = [r for r in results if "ours" in r]
    figure, axis = plt.subplots(figsize=(8, 0.35 * len(rows) + 1.2))
    for i, kind in enumerate(kinds):
        at = [j + i * 0.8 / len(kinds) for j, r in enumerate(rows) if kind in r]
        axis.barh(at, [r["ours"]["median_ms"] / r[kind]["median_ms"] for r in rows if kind in r], 0.8 / len(kinds),
                  label=f"ours / {kind}")
    axis.set_yticks([j + 0.3 for j in range(len(rows))], [r["name"] for r in rows])
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_xlabel("time relative to the contestant (shorter is faster)")
    axis.invert_yaxis()
    axis.legend()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX", help="only cases whose name matches")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and end")
    parser.add_argument("--json", metavar="FILE", help="write the results here")
    parser.add_argument("--plot", metavar="FILE", help="write a plot (SVG) here")
    parser.add_argument("--table", metavar="FILE", help="print a table of results that were written before, and end")
    parser.add_argument("--without", action="append", default=[], choices=KINDS[:3], help="leave a contestant out")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant (7)")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for quiet before each try (60)")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        kind, case, folder = args.child
        return torch_child(kind, json.loads(case), folder)
    chosen = [case for case in cases() if re.search(args.only, name(case))]
    if args.list or not chosen:
        print("\n".join(map(name, chosen or cases())))
        return 0 if args.list else f"no case matches {args.only!r}; those are the cases"
    if args.table:
        with open(args.table) as file:
            results = json.load(file)["cases"]
    else:
        try:
            import safetensors.torch  # noqa: F401
        except ImportError as error:
            return f"{error}; the comparison needs:\n{PACKAGES}"
        build("compare")
        build("kernels")
        asked = subprocess.run([os.path.join(target(), "release", "kernels")], input="peak\n", capture_output=True, text=True,
                               env=dict(os.environ, RAYON_NUM_THREADS=str(THREADS)), check=True)
        peak, here = float(asked.stdout), machine()
        print(f"{here['cpu']}, {here['isa']}, {here['cores']} cores, peak {peak:.0f} GFLOP/s on {THREADS} threads")
        results = []
        for case in chosen:
            results.append(measure(case, [k for k in KINDS if k not in args.without], args.rounds, args.wait))
            print(line(results[-1]), flush=True)
            for kind, why in results[-1]["left_out"].items():
                print(f"    {kind} is left out: {why}", flush=True)
            if args.json:
                write_json(args.json, peak_gflops=round(peak), steps=T, threads=THREADS, rounds=args.rounds, cases=results)
    if any("ours" in r for r in results):
        print("\n" + table(results))
        if args.plot:
            plot(results, args.plot)
    return 0 if all("ours" in r for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
