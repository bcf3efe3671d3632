"""Writes the files of this folder, which tests read; PyTorch 2.15 wrote them: python make.py FOLDER"""
import sys, collections, torch
from pathlib import Path
out = Path(sys.argv[1]); out.mkdir(parents=True, exist_ok=True)
base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
state = collections.OrderedDict(
    weight=base,
    transposed=base.t(),                 # a view of the same storage, strided
    row=base[1],                         # the same storage from an offset
    broadcast=torch.tensor([0.5, -1.5]).reshape(2, 1).expand(2, 3),
    half=torch.tensor([1.0, -0.333251953125, 65504.0, 6e-8], dtype=torch.float16),
    bfloat=torch.tensor([1.0, -3.140625, 1e30], dtype=torch.bfloat16),
    double=torch.tensor([1 / 3], dtype=torch.float64),
    count=torch.tensor(7, dtype=torch.int64),
    mask=torch.tensor([True, False]),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(torch.tensor([[0.25]])),
)
torch.save(state, out / "zip.pt")
torch.save(state, out / "legacy.pth", _use_new_zipfile_serialization=False)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
with torch.no_grad():
    for i, p in enumerate(net.parameters()):
        p.copy_(torch.arange(p.numel()).reshape(p.shape) / 16 + i)
optim = torch.optim.Adam(net.parameters())
net(torch.ones(1, 1, 4, 4)).sum().backward(); optim.step()
torch.save({"epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.5.0", "state_dict": net.state_dict(),
            "loops": {"fit_loop": {"state": {}}}, "callbacks": {"c": {"best": torch.tensor(0.5), "dir": "runs"}},
            "optimizer_states": [optim.state_dict()], "lr_schedulers": [], "hparams_name": "kwargs",
            "hyper_parameters": {"n": 2, "lr": 1e-3, "shape": (1, 4, 4)}}, out / "lightning.ckpt")
class Evil:
    def __reduce__(self):
        import os
        return os.system, ("echo executed > executed",)
torch.save({"state_dict": {"a": torch.ones(2)}, "code": Evil()}, out / "code.pt")
torch.save(net, out / "module.pt")
print({k: (v.flatten().tolist()) for k, v in net.state_dict().items()})
