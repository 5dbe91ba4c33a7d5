"""The bytes of files: headers, data, a tensor in two of them."""

import json
import os

import torch
from breakages.table import broken, lost
from folders import change_shard, rewrite_bytes, shards
from safetensors.torch import load_file


@broken("untied shards", "ST126", "warning", "whole")
def no_metadata(folder):
    for path in shards(folder):
        rewrite_bytes(path, lambda header, data: ({name: header[name] for name in header if name != "__metadata__"}, data))


@broken("untied shards", "ST126", "error", "whole", although="transformers 4 refuses it")
def metadata_without_format(folder):
    for path in shards(folder):
        rewrite_bytes(path, lambda header, data: (header | {"__metadata__": {"step": "1000"}}, data))


@broken("untied", "ST127", "error", "whole", although="transformers 4 refuses it")
def unknown_format(folder):
    """numpy's save_file takes any."""
    rewrite_bytes(shards(folder)[0], lambda header, data: (header | {"__metadata__": {"format": "np"}}, data))


@broken("untied", "ST114", "warning", "whole")
def tensor_twice_in_header(folder):
    def repeat(header, data):
        entry = json.dumps({"model.norm.weight": header["model.norm.weight"]})
        return json.dumps(header)[:-1].encode() + b", " + entry[1:].encode(), data

    rewrite_bytes(shards(folder)[0], repeat)


@broken("untied shards", "ST123", "error", "refuses")
def gap_between_tensors(folder):
    def widen(header, data):
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        cut = sorted(entry["data_offsets"][0] for entry in entries)[-1]
        for entry in entries:
            if entry["data_offsets"][0] >= cut:
                entry["data_offsets"] = [at + 64 for at in entry["data_offsets"]]
        return header, data[:cut] + bytes(64) + data[cut:]

    rewrite_bytes(shards(folder)[-1], widen)


def pad(folder, padding, surplus):
    """Pads the header of the first shard so that the data begin `surplus` bytes after a multiple of 8."""

    def padded(header, data):
        text = json.dumps(header).encode()
        return text + padding * (8 - len(text) % 8 + surplus), data

    rewrite_bytes(shards(folder)[0], padded)


@broken("untied bf16-shards", "ST125", "info", "whole")
def misaligned_data(folder):
    pad(folder, b" ", 1)


@broken("untied", "ST117", "info", "whole")
def header_padded_with_newlines(folder):
    pad(folder, b"\n", 0)


@broken("untied shards", "ST124", "error", "refuses")
def trailing_bytes(folder):
    with shards(folder)[0].open("ab") as file:
        file.write(b"left by a longer file")


@lost("untied shards", "ST121", "error", "refuses")
def truncated(folder):
    path = shards(folder)[0]
    os.truncate(path, path.stat().st_size - 100)


@lost("untied", "TD601", "error", "wrong")
def not_finite(folder):
    def spoil(found):
        found["model.norm.weight"][3] = torch.nan
        return found

    change_shard(shards(folder)[0], spoil)


def store_twice(folder, change):
    first, last = shards(folder)[0], shards(folder)[-1]
    name, tensor = next(iter(load_file(last).items()))
    change_shard(first, lambda found: found | {name: change(tensor)})


@broken("shards", "IX206", "warning", "whole")
def equal_tensor_in_two_shards(folder):
    store_twice(folder, lambda tensor: tensor)


@lost("shards", "IX206", "error", "whole", although="other loaders take the other copy")
def differing_tensor_in_two_shards(folder):
    store_twice(folder, lambda tensor: tensor + 1)
