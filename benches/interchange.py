#!/usr/bin/env python3
"""Weights to the original DynVision and back.

    python3 benches/interchange.py [--folder FOLDER]

For each model, in both directions:

    ours -> original    this project writes weights by `interop::torch::export`, an input and its own output; the original
                        loads the weights with strict=True and runs
    original -> ours    the original's state dict, with weights of its own, is read by `interop::torch::import`; both run.
                        What this project exports again must be the same tensors, bit by bit

The difference of the outputs, relative to the largest output, must be below 1e-5. Needs what compare.py needs.
"""
import argparse
import logging
import os
import subprocess
import sys
import tempfile
import warnings

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ALLOWED = 1e-5
MODELS = {
    "DyRCNNx2": ("DyRCNNx2", dict(skip=True, feedback=False)),
    "DyRCNNx4": ("DyRCNNx4", dict(skip=True, feedback=False)),
    "DyRCNNx4Feedback": ("DyRCNNx4", dict(skip=True, feedback=True)),
}


def original(name, steps):
    from dynvision import models
    kind, links = MODELS[name]
    net = getattr(models, kind)(n_classes=10, input_dims=(steps, 3, 32, 32), recurrence_type="full", dt=2, tau=5,
                                t_feedforward=0, t_recurrence=6, **links)
    net.setup("fit")  # makes the convolutions of skips and feedback, which it builds when first run
    return net.eval()


def run(net, images, steps):
    import torch
    with torch.inference_mode():
        return net(images.unsqueeze(1).expand(-1, steps, -1, -1, -1).contiguous()).float()


def difference(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="where the files stay; else they are deleted")
    args = parser.parse_args()
    os.environ["WANDB_MODE"] = "disabled"
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    import torch
    from safetensors.torch import load_file, save_file

    subprocess.run(["cargo", "build", "--release", "-p", "dynvision-benches", "--bin", "interchange"], cwd=ROOT, check=True)
    binary = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "interchange")
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        for name in MODELS:
            folder = os.path.join(args.folder or temporary, name)
            os.makedirs(folder, exist_ok=True)
            file = lambda what: os.path.join(folder, what + ".safetensors")

            subprocess.run([binary, "write", name, folder], check=True)
            ours, ran = load_file(file("ours")), load_file(file("run"))
            steps = ran["output"].shape[1]
            torch.manual_seed(0)
            net = original(name, steps)
            # the original's own load_state_dict passes over what does not fit: PyTorch's does not
            torch.nn.Module.load_state_dict(net, ours, strict=True)
            there = run(net, ran["input"], steps)
            out = difference(ran["output"], there)

            net = original(name, steps)
            with torch.no_grad():  # recurrences and links begin almost at zero
                for key, parameter in net.named_parameters():
                    if ".conv." in key and parameter.dim() == 4 and parameter.std() < 0.01:
                        parameter.normal_(0, 0.7 / parameter[0].numel() ** 0.5)
            theirs = {key: value.detach().clone().contiguous() for key, value in net.state_dict().items()}
            save_file(theirs, file("theirs"))
            subprocess.run([binary, "read", name, folder], check=True)
            there = run(net, ran["input"], steps)
            back = difference(load_file(file("answer"))["output"], there)
            again = load_file(file("again"))
            same = again.keys() == theirs.keys() and all(
                torch.equal(again[key].flatten().to(value.dtype), value.flatten()) for key, value in theirs.items())

            good = out < ALLOWED and back < ALLOWED and same
            failed |= not good
            print(f"{name:17} {len(ours):3} tensors, {steps} steps: ours -> original {out:.1e}, original -> ours {back:.1e}, "
                  f"exported again {'the same' if same else 'NOT the same'}{'' if good else '  FAILED'}")
            if again.keys() != theirs.keys():
                print("   ", sorted(again.keys() ^ theirs.keys()))
    sys.exit(failed)


if __name__ == "__main__":
    main()
