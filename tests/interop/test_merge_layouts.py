"""Merges of models that are stored in different layouts of one architecture: the same as of models in one."""

import json
import os
import subprocess

import conftest
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file


def layouts():
    """(rule, layout) for each layout beside the hub's; without INTEROP=all one of each name."""
    listed = subprocess.run([conftest.binary(), "schema", "list", "--format", "json"], capture_output=True, check=True)
    seen = set()
    for rule in json.loads(listed.stdout):
        for layout in rule["layouts"]:
            if layout == "hub" or (os.environ.get("INTEROP") != "all" and layout in seen):
                continue
            seen.add(layout)
            yield rule["name"], layout


def synth(shardwright, rule, folder, seed, layout=None):
    whole = folder.with_name(folder.name + "-hub") if layout else folder
    shardwright.run("synth", rule, whole, "--seed", seed, "--quiet")
    if layout:
        shardwright.run("repair", whole, "--layout", layout, "--output", folder, "--quiet")
    return folder


def merged(shardwright, output, models, *options, method="linear", **more):
    entries = [{"model": str(model), "parameters": {"weight": i + 1}} for i, model in enumerate(models)]
    path = output.with_suffix(".yml")
    path.write_text(yaml.safe_dump({"merge_method": method, "models": entries} | more))
    shardwright.run("merge", path, output, *options, "--quiet")
    return {file.name: load_file(file) for file in output.glob("*.safetensors")}


def same(left, right):
    assert left.keys() == right.keys()
    for file, tensors in left.items():
        assert tensors.keys() == right[file].keys()
        for name, value in tensors.items():
            bits = [torch.view_as_real(x) if x.is_complex() else x for x in (value, right[file][name])]
            assert bits[0].dtype == bits[1].dtype and torch.equal(*bits), name
    return True


@pytest.mark.parametrize("rule, layout", layouts())
def test_layouts_are_brought_to_one(rule, layout, tmp_path, shardwright):
    a = synth(shardwright, rule, tmp_path / "a", 1)
    b = synth(shardwright, rule, tmp_path / "b", 2, layout)
    plain = merged(shardwright, tmp_path / "plain", [a, tmp_path / "b-hub"])
    assert same(merged(shardwright, tmp_path / "mixed", [a, b]), plain)
    assert shardwright.findings(tmp_path / "mixed") == []
    # The first model says which; or the command does.
    shardwright.run("repair", tmp_path / "plain", "--layout", layout, "--output", tmp_path / "moved", "--quiet")
    moved = {file.name: load_file(file) for file in (tmp_path / "moved").glob("*.safetensors")}
    assert same(merged(shardwright, tmp_path / "asked", [a, b], "--layout", layout), moved)
    turned = merged(shardwright, tmp_path / "turned", [b, a])
    assert [sorted(tensors) for tensors in turned.values()] == [sorted(tensors) for tensors in moved.values()]


def test_an_adapter_on_a_model_whose_layout_changes(tmp_path, shardwright):
    a = synth(shardwright, "qwen3_moe", tmp_path / "a", 1)
    b = synth(shardwright, "qwen3_moe", tmp_path / "b", 2, "fused")
    (tmp_path / "lora").mkdir()
    torch.manual_seed(0)
    module = "base_model.model.model.layers.0.mlp.experts.1.up_proj"
    shape = load_file(tmp_path / "b-hub" / "model.safetensors")["model.layers.0.mlp.experts.1.up_proj.weight"].shape
    pair = {f"{module}.lora_A.weight": torch.randn(2, shape[1]), f"{module}.lora_B.weight": torch.randn(shape[0], 2)}
    save_file(pair, tmp_path / "lora" / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["up_proj"]}
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(config))
    whole = merged(shardwright, tmp_path / "whole", [a, f"{tmp_path / 'b-hub'}+{tmp_path / 'lora'}"])
    assert same(merged(shardwright, tmp_path / "mixed", [a, f"{b}+{tmp_path / 'lora'}"]), whole)
    fused = merged(shardwright, tmp_path / "fused", [a, f"{b}+{tmp_path / 'lora'}"], "--layout", "fused")
    shardwright.run("repair", tmp_path / "whole", "--layout", "fused", "--output", tmp_path / "moved", "--quiet")
    assert same(fused, {"model.safetensors": load_file(tmp_path / "moved" / "model.safetensors")})
