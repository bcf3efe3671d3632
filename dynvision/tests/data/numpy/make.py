"""Writes the files of this folder with NumPy: `python make.py` (made with NumPy 2.4.6 on Python 3)."""

import pickle

import numpy as np

counted = np.arange(24).reshape(2, 3, 4)
kinds = ["u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8", ">i4", ">f8", ">u2"]
arrays = {f"rows {kind[-2:]} {'big' if kind[0] == '>' else 'little'}": counted.astype(kind) for kind in kinds}
arrays["columns"] = np.asfortranarray(counted.astype("f4"))
arrays["columns of two"] = np.asfortranarray(np.arange(6, dtype=">i8").reshape(2, 3))
arrays["truth"] = counted % 2 == 1
arrays["single"] = np.float64(0.1)
arrays["nothing"] = np.zeros((0, 5), "f4")
arrays["folder/below"] = np.arange(3, dtype="f4")
np.savez_compressed("kinds.npz", **arrays)
np.savez("stored.npz", images=np.arange(2 * 3 * 1 * 2 * 2, dtype="u1").reshape(2, 3, 1, 2, 2), labels=np.array([1, 0]))

for version in [(1, 0), (2, 0), (3, 0)]:
    with open(f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(5, dtype="<f4"), version=version)

refused = {
    "objects": np.array([{}, 1], dtype=object),
    "texts": np.array(["a", "bc"]),
    "complex": np.zeros(2, "c16"),
    "records": np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "times": np.zeros(2, "M8[s]"),
}
np.savez_compressed("refused.npz", **refused)

# a batch of CIFAR's Python version as Python 3 would write it
images = (np.arange(2 * 3072) // 3072 + 7).astype("u1").reshape(2, 3072)
with open("test_batch", "wb") as file:
    pickle.dump({"batch_label": "two", "labels": [3, 9], "data": images, "filenames": ["a.png", "b.png"]}, file, protocol=4)
