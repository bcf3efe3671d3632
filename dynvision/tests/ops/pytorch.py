"""Numbers of PyTorch 2.15 for `pytorch.rs`, in f64: `python pytorch.py > pytorch.json`."""
import json

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)


def wave(*dims, start=0):
    """The numbers of `wave` in `pytorch.rs`."""
    n = torch.arange(torch.Size(dims).numel(), dtype=torch.float64) + start
    return (torch.sin(n * 0.7 + 0.3) * (1 + n % 5) - 0.5).reshape(dims)


def flat(x):
    return [float(f"{v:.14g}") for v in x.detach().reshape(-1)]


def answer(x, y):
    """What comes out, and the gradient of its sum weighed by `wave`."""
    (y * wave(*y.shape, start=3)).sum().backward()
    return {"y": flat(y), "dx": flat(x.grad)}


out = {}
windows = [(2, 2, 0, 1), (3, 2, 1, 1), (3, 3, 1, 1), (2, 1, 1, 1), (5, 2, 2, 1), (3, 1, 2, 2), (3, 4, 0, 1)]
for name in ["max", "avg"]:
    for k, s, p, d in windows:
        x = wave(1, 2, 7, 6).requires_grad_()
        if name == "max":
            if p > k // 2:
                continue
            y = F.max_pool2d(x, k, s, p, dilation=d)
        else:
            if d > 1 or p > k // 2:
                continue
            y = F.avg_pool2d(x, k, s, p)
        out[f"{name} {k} {s} {p} {d}"] = answer(x, y)
x = wave(1, 2, 7, 6).requires_grad_()
out["max 3 1 1 2"] = answer(x, F.max_pool2d(x, 3, 1, 1, dilation=2))
for rows, columns in [(2, 3), (3, 5), (9, 4), (1, 1), (7, 6)]:
    x = wave(1, 2, 7, 6).requires_grad_()
    out[f"adaptive {rows} {columns}"] = answer(x, F.adaptive_avg_pool2d(x, (rows, columns)))
for rows, columns in [(3, 4), (14, 11), (13, 5), (1, 1), (8, 7)]:
    x = wave(1, 2, 7, 6).requires_grad_()
    out[f"nearest {rows} {columns}"] = answer(x, F.interpolate(x, (rows, columns), mode="nearest"))
for groups in [1, 2, 4]:
    x = wave(2, 4, 2, 3).requires_grad_()
    out[f"group {groups}"] = answer(x, F.group_norm(x, groups, wave(4, start=1), wave(4, start=2), 1e-5))
x = wave(2, 4, 2, 3).requires_grad_()
out["layer"] = answer(x, F.layer_norm(x, (4, 2, 3)))
norm = nn.BatchNorm2d(4)
with torch.no_grad():
    norm.weight.copy_(wave(4, start=1))
    norm.bias.copy_(wave(4, start=2))
for step in range(3):
    x = wave(2, 4, 2, 3, start=step).requires_grad_()
    out[f"batch train {step}"] = answer(x, norm(x))
out["batch running"] = {"mean": flat(norm.running_mean), "var": flat(norm.running_var)}
norm.eval()
x = wave(2, 4, 2, 3, start=7).requires_grad_()
out["batch eval"] = answer(x, norm(x))

labels = torch.tensor([1, -100, 2, 0, -100, 2])
weights = torch.tensor([0.5, 2.0, 0.25])
for reduction in ["mean", "sum"]:
    x = (wave(6, 3) * 4).requires_grad_()
    loss = F.cross_entropy(x, labels, ignore_index=-100, reduction=reduction)
    loss.backward()
    out[f"cross {reduction}"] = {"y": flat(loss), "dx": flat(x.grad)}
x = (wave(6, 3) * 4).requires_grad_()
loss = F.cross_entropy(x, labels, weight=weights, ignore_index=-100, reduction="sum")
loss.backward()
out["cross weights"] = {"y": flat(loss), "dx": flat(x.grad)}

rules = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "sgd nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.99), weight_decay=0.1),
    "rms": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rms centred": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.1),
}
for name, rule in rules.items():
    p = wave(5).requires_grad_()
    optim = rule([p])
    for _ in range(20):
        optim.zero_grad()
        (p * p * wave(5, start=2).abs() + p * wave(5, start=4)).sum().backward()
        optim.step()
    out[f"optim {name}"] = {"y": flat(p)}

print("{")
print(",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in out.items()))
print("}")
