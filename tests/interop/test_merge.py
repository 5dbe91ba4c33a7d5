"""Merges beside those of the real mergekit: the same recipes, the same models, tensor by tensor."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
import yaml
from models import model_named
from safetensors import safe_open
from safetensors.torch import load_file, save_file

# Every recipe has a base and three models tuned from it.
MODELS = ("a", "b", "c")


def tuned(model, seed):
    """The state of a model after some training: most weights hardly move."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, value in model.items():
        moved = torch.randn(value.shape, generator=generator) * 0.02 * (value.float().abs().mean() + 1e-3)
        state[name] = (value.float() + moved).to(value.dtype)
    return state


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """A base of two shards' worth of tensors, and three models tuned from it, all in bf16."""
    folder = tmp_path_factory.mktemp("family")
    model = model_named("llama-plain")
    config = model.config | dict(hidden_size=64, intermediate_size=96, vocab_size=320, num_hidden_layers=4)
    replace(model, config=config, dtype=torch.bfloat16).write(folder / "base")
    state = load_file(folder / "base" / "model.safetensors")
    for seed, name in enumerate(MODELS):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text((folder / "base" / "config.json").read_text())
        save_file(tuned(state, seed), folder / name / "model.safetensors", {"format": "pt"})
    return folder


def recipe(family, method, models=MODELS, base=True, each=None, **more):
    entries = []
    for i, name in enumerate(models):
        parameters = {key: value[i] if isinstance(value, tuple) else value for key, value in (each or {}).items()}
        entries.append({"model": str(family / name)} | ({"parameters": parameters} if parameters else {}))
    made = {"merge_method": method, "models": entries, "dtype": "bfloat16"}
    if base:
        made["base_model"] = str(family / "base")
    return made | more


def run(command, recipe, output):
    path = output.with_suffix(".yml")
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    done = subprocess.run([*command, path, output], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return tensors(output)


def peer(recipe, output):
    command = Path(sys.executable).parent / "mergekit-yaml"
    return run([command, "--no-write-model-card", "--no-copy-tokenizer", "--quiet"], recipe, output)


def tensors(folder):
    found = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found |= {name: file.get_tensor(name) for name in file.keys()}
    return found


def steps_apart(a, b):
    """How many bf16 numbers lie between the elements of two tensors."""

    def position(x):
        bits = x.view(torch.int16).int()
        return torch.where(bits < 0, -(bits & 0x7FFF), bits)

    return (position(a) - position(b)).abs()


WEIGHTS = dict(weight=(0.5, 0.3, 0.4))
DETERMINISTIC = {
    "linear": lambda f: recipe(f, "linear", base=False, each=WEIGHTS),
    "linear-plain": lambda f: recipe(f, "linear", base=False, each=WEIGHTS, parameters=dict(normalize=False)),
    "linear-gradient": lambda f: recipe(
        f, "linear", base=False, models=("a", "b"),
        each=dict(weight=([0, 1, 0.5], [{"filter": "mlp", "value": 0.2}, {"value": [1, 0.3]}])),
    ),
    "slerp": lambda f: recipe(f, "slerp", models=("base", "a"), parameters=dict(t=0.3)),
    "slerp-gradient": lambda f: recipe(
        f, "slerp", models=("base", "a"),
        parameters=dict(t=[{"filter": "self_attn", "value": [0, 0.5, 0.3, 0.7, 1]}, {"value": 0.5}]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_is_what_the_peer_makes(name, family, tmp_path, shardwright):
    asked = DETERMINISTIC[name](family)
    theirs = peer(asked, tmp_path / "theirs")
    ours = run([shardwright.path, "merge"], asked, tmp_path / "ours")
    assert ours.keys() == theirs.keys()
    apart = 0
    for key, value in ours.items():
        assert value.dtype == theirs[key].dtype and value.shape == theirs[key].shape, key
        apart += int((steps_apart(value, theirs[key]) > 1).sum())
    assert apart <= 1e-4 * sum(value.numel() for value in ours.values())
    _, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    assert json.loads((tmp_path / "ours" / "config.json").read_text())["dtype"] == "bfloat16"
    assert shardwright.findings(tmp_path / "ours") == []
