"""Writes a .safetensors file of many small tensors: small_tensors.py FILE COUNT SEED"""

import json
import random
import struct
import sys


def main():
    path, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    values = random.Random(seed)
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for i in range(count):
        shape = [[16], [32], [4, 8], [8, 8], [64]][i % 5]
        size = 4
        for extent in shape:
            size *= extent
        header[f"blocks.{i // 20}.part.{i % 20}.weight"] = {
            "dtype": "F32",
            "shape": shape,
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    numbers = b"".join(struct.pack("<f", values.gauss(0, 0.02)) for _ in range(at // 4))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + numbers)


main()
