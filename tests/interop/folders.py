"""What the tests do with model folders: read and write them with the real packages, and see what transformers makes of them."""

import contextlib
import json
import logging
import struct

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

INDEX = "model.safetensors.index.json"


def shards(folder):
    return sorted(folder.glob("*.safetensors"))


def contents(folder):
    """{relative path: bytes}: two folders are the same where these are equal."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def shapes(folder):
    """{name: shape} over all shards of a folder."""
    found = {}
    for path in shards(folder):
        with safe_open(path, framework="pt") as shard:
            for name in shard.keys():
                assert name not in found, f"{name} is in two shards"
                found[name] = list(shard.get_slice(name).get_shape())
    return found


def tensors(folder):
    return {name: tensor for path in shards(folder) for name, tensor in load_file(path).items()}


def change_shard(path, change):
    """Writes a shard anew with what `change` makes of its {name: tensor}."""
    save_file({name: tensor.contiguous() for name, tensor in change(load_file(path)).items()}, path, {"format": "pt"})


def change_json(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def change_config(folder, **keys):
    change_json(folder / "config.json", lambda config: config.update(keys))


def change_map(folder, change):
    """Changes the weight_map of the index."""
    change_json(folder / INDEX, lambda index: change(index["weight_map"]))


def rename(folder, new_name):
    """Renames every tensor, in the index as well."""
    for path in shards(folder):
        change_shard(path, lambda found: {new_name(name): tensor for name, tensor in found.items()})
    if (folder / INDEX).exists():
        change_json(
            folder / INDEX,
            lambda index: index.update(weight_map={new_name(name): file for name, file in index["weight_map"].items()}),
        )


def rewrite_bytes(path, change):
    """For what the writer of the reference library refuses to write: `change` makes a (header, data) of the two,
    where the header is a dict or bytes."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header, data = change(json.loads(raw[8 : 8 + length]), raw[8 + length :])
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Log(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def listening(name):
    """A log of what transformers warns of meanwhile, under that name of a logger."""
    log = Log()
    logger = transformers.logging.get_logger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)


def load(folder):
    """The model as transformers loads it, and all that it complains of."""
    with listening("transformers.modeling_utils") as log:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    complaints = [f"{kind}: {value}" for kind, value in info.items() if value]
    return model.eval(), complaints + log.lines


def logits(model):
    with torch.no_grad():
        return model(torch.arange(1, 25).reshape(2, 12)).logits


def verdict(folder, good):
    """'whole', 'complains', 'wrong' (other logits, in silence) or 'refuses': what transformers does with a folder."""
    try:
        model, complaints = load(folder)
        found = logits(model)
    except Exception as error:
        return f"refuses: {type(error).__name__}"
    if complaints:
        return f"complains: {complaints[0]}"
    return "whole" if torch.equal(found, good) else "wrong"


def assert_whole(folder, good):
    """It loads with nothing missing, unexpected or mismatched, and computes exactly what the good one does."""
    model, complaints = load(folder)
    assert complaints == []
    assert torch.equal(logits(model), good)
