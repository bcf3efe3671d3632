#!/usr/bin/env python3
"""Side by side: the original DynVision, the best PyTorch loop that we could write, and this project.

    python3 benches/compare.py [--only REGEX] [--json FILE] [--plot FILE] [--compile] [--rounds N] [--quick]

The same model, weights, inputs and labels in every contestant, each in a process of its own with 2 threads. The
contestants take turns, one run at a time, and a case is measured again (at most three times) when other processes used the
cores meanwhile; it is reported as disturbed if that does not help. A run is a forward pass over T = 20 steps, or a training
step: forward, cross-entropy over all steps, backward, Adam.

Contestants:
    original   the package `dynvision` from PyPI (pip install --no-deps dynvision==0.1.0)
    lean       one plain step function, resize before the 1x1 skips, channels_last
    compiled   the same through torch.compile (--compile)
    ours       this project, built with cargo in release mode

Needs: pip install torch==2.15.0 torchvision==0.29.2 numpy safetensors==0.8.0 pytorch-lightning==2.6.6 torchsummary==1.5.1
       wandb==0.31.0 pandas scipy seaborn psutil python-dotenv ruamel.yaml; then the original as above. A contestant that
cannot be imported is left out and named.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
T, CLASSES, THREADS = 20, 10, 2


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


def load(net, kind, case, tensors):
    import torch
    named = dict(net.named_parameters())
    with torch.no_grad():
        for key, value in tensors.items():
            if kind != "original":
                head, rest = key.split(".", 1)
                if head == "classifier":
                    key = "classifier." + rest.split(".")[-1]
                else:
                    area = NAMES[case["model"]].index(head.removeprefix("addskip_"))
                    rest = rest.replace("recurrence.conv.", "recurrence.").replace("conv.", "skip.", 1) \
                        if head.startswith("addskip_") else rest.replace("recurrence.conv.", "recurrence.")
                    key = f"areas.{area}.{rest}"
            named[key].copy_(value)


def resident():
    """Peak resident memory of this process, in MB."""
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    base = resident()
    net = original(case) if kind == "original" else make_lean(case)
    load(net, kind, case, {k[len("param."):]: v for k, v in data.items() if k.startswith("param.")})
    if kind != "original":
        net = net.to(memory_format=torch.channels_last)
    if kind == "compiled":
        net.step_fn = torch.compile(net.step, dynamic=False)
    x = data["input"].unsqueeze(1).expand(-1, T, -1, -1, -1).contiguous()
    labels = data["labels"].long().unsqueeze(1).expand(-1, T).reshape(-1)
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
            F.cross_entropy(y.reshape(-1, CLASSES), labels).backward()
            optimizer.step()
            return y
    first = run()
    save_file({"output": first.detach().float().contiguous()}, os.path.join(folder, f"{kind}.safetensors"))
    serve(run, base)


def serve(run, base):
    """Answers every line on the standard input with the milliseconds of one run."""
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        start = time.perf_counter()
        run()
        print((time.perf_counter() - start) * 1e3, flush=True)
    print(json.dumps(dict(base_mb=base, peak_mb=resident())), flush=True)


# ------------------------------------------------------------------------------------------------------- the contest
class Contestant:
    def __init__(self, kind, case, folder):
        env = dict(os.environ, OMP_NUM_THREADS=str(THREADS), RAYON_NUM_THREADS=str(THREADS))
        args = [os.path.join(ROOT, "target", "release", "compare"), json.dumps(case), folder] if kind == "ours" else \
            [sys.executable, os.path.abspath(__file__), "--child", kind, json.dumps(case), folder]
        self.log = open(os.path.join(folder, f"{kind}.log"), "w+")
        self.kind, self.times = kind, []
        self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=env)
        self.ask(None, "ready")

    def ask(self, line, until=None):
        if line:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        while True:
            answer = self.process.stdout.readline()
            if not answer:
                self.log.seek(0)
                raise RuntimeError(f"{self.kind}: {self.log.read()[-400:].strip()}")
            if until is None or answer.strip() == until:
                return answer

    def run(self):
        return float(self.ask("run"))

    def quit(self):
        memory = json.loads(self.ask("quit"))
        self.process.wait()
        return memory


def busy():
    """CPU seconds that all processes have used, and those of this process and its children so far."""
    fields = [int(f) for f in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def used(pids):
    total = 0
    for pid in pids:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def measure(case, kinds, rounds):
    import torch
    from safetensors.torch import load_file, save_file
    result = dict(case, name=name(case))
    with tempfile.TemporaryDirectory() as folder:
        g = torch.Generator().manual_seed(2)
        tensors = {"param." + k: v for k, v in weights(case, shapes(case)).items()}
        tensors["input"] = torch.randn(case["batch"], 3, case["size"], case["size"], generator=g)
        tensors["labels"] = torch.randint(0, CLASSES, (case["batch"],), generator=g).float()
        save_file(tensors, os.path.join(folder, "case.safetensors"))
        players = []
        for kind in kinds:
            try:
                players.append(Contestant(kind, case, folder))
            except RuntimeError as error:
                result.setdefault("left_out", {})[kind] = str(error)
        pids = [p.process.pid for p in players] + [os.getpid()]
        for attempt in range(3):
            times = {p.kind: [] for p in players}
            for p in players:
                p.run()
            all0, ours0, start = busy(), used(pids), time.time()
            for _ in range(rounds):
                for p in players:
                    times[p.kind].append(p.run())
            others = max(0.0, (busy() - all0) - (used(pids) - ours0)) / (time.time() - start)
            if others < 0.1:
                break
        result["others_cores"], result["disturbed"] = round(others, 3), others >= 0.1
        reference = None
        for p in players:
            memory = p.quit()
            output = load_file(os.path.join(folder, f"{p.kind}.safetensors"))["output"]
            reference = output if reference is None else reference
            result[p.kind] = dict(median_ms=statistics.median(times[p.kind]), min_ms=min(times[p.kind]),
                                  max_ms=max(times[p.kind]), runs=len(times[p.kind]), **memory,
                                  difference=float((output - reference).abs().max() / reference.abs().max()))
    return result


def line(r):
    ours = r.get("ours")
    parts = [f"{r['name']:34s}"]
    for kind in ("original", "lean", "compiled", "ours"):
        if kind in r:
            own = r[kind]
            parts.append(f"{kind} {own['median_ms']:8.1f} ms {own['peak_mb'] - own['base_mb']:6.0f} MB")
            if ours and kind != "ours":
                parts[-1] += f" ratio {ours['median_ms'] / own['median_ms']:.2f}"
    if ours:
        parts.append(f"difference {ours['difference']:.1e}")
    if r["disturbed"]:
        parts.append(f"DISTURBED ({r['others_cores']} cores used by others)")
    return "  ".join(parts)


def plot(results, path):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    kinds = [k for k in ("original", "lean", "compiled") if any(k in r for r in results)]
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
    parser.add_argument("--only", default="", help="only cases whose name matches")
    parser.add_argument("--json", help="write the results here")
    parser.add_argument("--plot", help="write a plot (SVG) here; needs matplotlib")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        kind, case, folder = args.child
        return torch_child(kind, json.loads(case), folder)
    subprocess.run(["cargo", "build", "--release", "-p", "dynvision-benches", "--bin", "compare"], cwd=ROOT, check=True)
    kinds = ["original", "lean"] + ["compiled"] * args.compile + ["ours"]
    results = []
    for case in cases():
        if re.search(args.only, name(case)):
            results.append(measure(case, kinds, args.rounds))
            print(line(results[-1]), flush=True)
            for kind, why in results[-1].get("left_out", {}).items():
                print(f"    left out: {kind}: {why}")
            if args.json:
                json.dump(results, open(args.json, "w"), indent=1)
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
