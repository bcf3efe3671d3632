#!/usr/bin/env python3
"""The photographs of `loader photographs FOLDER`, read as `loader read` reads them.

    python3 benches/loader.py FOLDER WORKERS

By torchvision and PyTorch's DataLoader where they are installed. Else by PIL alone, with the operations that torchvision's transforms call
(decode, crop, bilinear resize, flip, brightness, contrast, saturation) in WORKERS processes: what torchvision does without the cost of its tensors.
Prints images/s of three epochs.
"""
import math
import multiprocessing
import os
import random
import sys
import time

import numpy as np
from PIL import Image, ImageEnhance

SIDE, BATCH = 64, 32
MEAN = np.array([0.485, 0.456, 0.406], "f4")[:, None, None]
STD = np.array([0.229, 0.224, 0.225], "f4")[:, None, None]


def window(width, height):
    for _ in range(10):
        area = width * height * random.uniform(0.5, 1.0)
        ratio = math.exp(random.uniform(math.log(0.75), math.log(1.33)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            return left, top, left + w, top + h
    return 0, 0, width, height


def read(path):
    with open(path, "rb") as file:
        picture = Image.open(file).convert("RGB")
    picture = picture.crop(window(*picture.size)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in random.sample([ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color], 3):
        picture = change(picture).enhance(random.uniform(0.8, 1.2))
    return (np.asarray(picture).transpose(2, 0, 1).astype("f4") / 255 - MEAN) / STD


def by_pil(folder, workers):
    files = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names]
    with multiprocessing.Pool(workers) as pool:
        for epoch in range(3):
            random.shuffle(files)
            start = time.perf_counter()
            batch = []
            for image in pool.imap(read, files, chunksize=BATCH):
                batch.append(image)
                if len(batch) == BATCH:
                    np.stack(batch)
                    batch = []
            print(f"PIL, epoch {epoch}: {len(files) / (time.perf_counter() - start):.0f} images/s")


def by_torchvision(folder, workers):
    import torch
    from torchvision import datasets, transforms

    changes = transforms.Compose([
        transforms.RandomResizedCrop(SIDE, scale=(0.5, 1.0), ratio=(0.75, 1.33)),
        transforms.RandomHorizontalFlip(),
        transforms.ColorJitter(0.2, 0.2, 0.2),
        transforms.ToTensor(),
        transforms.Normalize(MEAN.ravel().tolist(), STD.ravel().tolist()),
    ])
    images = datasets.ImageFolder(folder, changes)
    loader = torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    for epoch in range(3):
        start = time.perf_counter()
        for _ in loader:
            pass
        print(f"torchvision, epoch {epoch}: {len(images) / (time.perf_counter() - start):.0f} images/s")


if __name__ == "__main__":
    folder, workers = sys.argv[1], int(sys.argv[2])
    try:
        by_torchvision(folder, workers)
    except ImportError:
        by_pil(folder, workers)
