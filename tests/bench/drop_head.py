"""Drops lm_head.weight the way that forum posts do: load every tensor, save every shard."""

import glob
import json
import os
import shutil
import sys

from safetensors import safe_open
from safetensors.torch import save_file

source, target = sys.argv[1:]
index_name = "model.safetensors.index.json"
weight_map, total = {}, 0
for path in sorted(glob.glob(f"{source}/*.safetensors")):
    tensors = {}
    with safe_open(path, framework="pt") as shard:
        for name in shard.keys():
            if name != "lm_head.weight":
                tensors[name] = shard.get_tensor(name)
    file = os.path.basename(path)
    save_file(tensors, f"{target}/{file}", metadata={"format": "pt"})
    for name, tensor in tensors.items():
        weight_map[name] = file
        total += tensor.numel() * tensor.element_size()
with open(f"{target}/{index_name}", "w") as out:
    json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, out, indent=2, sort_keys=True)
shutil.copy(f"{source}/config.json", target)
