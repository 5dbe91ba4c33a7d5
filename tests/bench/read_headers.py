"""Reads names, shapes and dtypes of all tensors of a folder with the safetensors package."""

import glob
import sys

from safetensors import safe_open

count = 0
for path in sorted(glob.glob(f"{sys.argv[1]}/*.safetensors")):
    with safe_open(path, framework="np") as shard:
        for name in shard.keys():
            tensor = shard.get_slice(name)
            tensor.get_shape()
            tensor.get_dtype()
            count += 1
print(count)
