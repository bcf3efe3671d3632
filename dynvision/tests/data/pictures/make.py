"""Writes the pictures of this folder and what PIL makes of them: `python make.py` (made with Pillow and NumPy)."""

import numpy as np
from PIL import Image

height, width = 13, 18
y, x = np.mgrid[:height, :width]
smooth = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)], -1).astype("u1")
picture = Image.fromarray(smooth)

grey = picture.convert("L")
alpha = picture.copy()
alpha.putalpha(grey)
palette = picture.quantize(16)
palette.info["transparency"] = 3

best = dict(quality=95)
pictures = {
    "rgb.jpg": (picture, best),
    "full.jpg": (picture, dict(quality=95, subsampling=0)),
    "progressive.jpg": (picture, dict(quality=95, progressive=True)),
    "grey.jpg": (grey, best),
    "cmyk.jpg": (picture.convert("CMYK"), best),
    "rgb.png": (picture, {}),
    "grey.png": (grey, {}),
    "rgba.png": (alpha, {}),
    "greyalpha.png": (alpha.convert("LA"), {}),
    "palette.png": (palette, {}),
    "bits.png": (grey.convert("1"), {}),
    "rgb.bmp": (picture, {}),
    "rgb.tif": (picture, {}),
    "packed.tif": (picture, dict(compression="tiff_lzw")),
    "palette.gif": (picture.quantize(16), {}),
}
expected = {}
for name, (made, options) in pictures.items():
    made.save(name, **options)
    # channels, rows, columns
    expected[name] = np.asarray(Image.open(name).convert("RGB")).transpose(2, 0, 1)

# A camera that was held sideways: torchvision does not turn it, and neither do we.
exif = Image.Exif()
exif[0x0112] = 6
picture.save("turned.jpg", quality=95, exif=exif)
expected["turned.jpg"] = np.asarray(Image.open("turned.jpg").convert("RGB")).transpose(2, 0, 1)

# 16 bits: what is right is the value over 257, rounded (PIL cuts a grey one off at 255).
sixteen = (smooth[..., 0].astype("u2") * 257) + 100
Image.fromarray(sixteen).save("grey16.png")
expected["grey16.png"] = np.stack([np.round(sixteen / 257).astype("u1")] * 3)
np.savez_compressed("expected.npz", **expected)
