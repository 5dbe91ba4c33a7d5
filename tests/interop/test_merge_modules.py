"""Recipes that merge the modules of a model apart: beside mergekit, and as transformers loads the results."""

import json
import re
import subprocess

import pytest
import torch
import transformers
import yaml
from models import model_named
from safetensors.torch import save_file
from test_merge import peer, run, steps_apart, tensors, tuned

T5_MODULES = {"encoder": r"encoder\.", "decoder": r"decoder\.", "shared": r"shared\.|lm_head\."}
VISION_MODULES = {
    "text_decoder": r"model\.|lm_head\.",
    "vision_tower": r"visual\.(?!merger)",
    "multi_modal_projector": r"visual\.merger",
}
MODULES = {"t5-gated": T5_MODULES, "qwen2_vl-untied": VISION_MODULES, "qwen2_5_vl-untied": VISION_MODULES}
CLASSES = {
    "t5": "T5ForConditionalGeneration",
    "qwen2_vl": "Qwen2VLForConditionalGeneration",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
}


@pytest.fixture(scope="module", params=MODULES)
def pair(request, tmp_path_factory):
    """Two models of one architecture, and what its modules hold."""
    folder = tmp_path_factory.mktemp("pair")
    model_named(request.param, dtype=torch.bfloat16).write(folder / "a")
    (folder / "b").mkdir()
    (folder / "b" / "config.json").write_bytes((folder / "a" / "config.json").read_bytes())
    state = tuned(tensors(folder / "a"), 1, 0.5)
    save_file(state, folder / "b" / "model.safetensors", {"format": "pt"})
    return request.param.split("-")[0], folder, MODULES[request.param]


def mixed(folder, weight):
    return [
        {"model": str(folder / "a"), "parameters": {"weight": 1 - weight}},
        {"model": str(folder / "b"), "parameters": {"weight": weight}},
    ]


def recipe(modules, **more):
    return {"merge_method": "linear", "modules": modules, "dtype": "bfloat16"} | more


def copied(folder, *slices):
    return {"slices": [{"sources": [{"model": str(folder / name), "layer_range": layers}]} for name, layers in slices]}


def assert_loads(family, folder):
    loader = getattr(transformers, CLASSES[family])
    _, info = loader.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values()), info


def said(shardwright, asked, output):
    path = output.with_suffix(".yml")
    path.write_text(yaml.safe_dump(asked, sort_keys=False))
    done = subprocess.run([shardwright.path, "merge", path, output], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and not output.exists(), done.stdout
    return done.stdout + done.stderr


def test_each_module_has_models_of_its_own(pair, tmp_path, shardwright):
    family, folder, modules = pair
    weights = dict(zip(modules, (0.25, 0.5, 0.75)))
    asked = recipe({module: {"models": mixed(folder, weight)} for module, weight in weights.items()})
    made = run([shardwright.path, "merge"], asked, tmp_path / "ours")
    a, b = tensors(folder / "a"), tensors(folder / "b")
    assert made.keys() == a.keys()
    for name, value in made.items():
        (module,) = [module for module, pattern in modules.items() if re.match(pattern, name)]
        weight = weights[module]
        truth = ((1 - weight) * a[name].double() + weight * b[name].double()).to(torch.bfloat16)
        assert steps_apart(value, truth).max() <= 1, name
    assert_loads(family, tmp_path / "ours")


def test_as_the_peer_does(pair, tmp_path, shardwright):
    family, folder, modules = pair
    if family == "qwen2_vl":
        pytest.skip("the peer wants num_hidden_layers at the top of the config, where transformers 5 does not write it")
    asked = recipe({module: {"models": mixed(folder, 0.25 * (i + 1))} for i, module in enumerate(modules)})
    theirs = peer(asked, tmp_path / "theirs")
    made = run([shardwright.path, "merge"], asked, tmp_path / "ours")
    for name, value in theirs.items():
        assert steps_apart(made[name], value).max() <= 1, name


def test_layers_of_one_module(pair, tmp_path, shardwright):
    family, folder, modules = pair
    first, *others = modules
    asked = recipe(
        {first: copied(folder, ("a", [0, 2]), ("b", [1, 2]))}
        | {module: {"models": [{"model": str(folder / "a")}]} for module in others},
        merge_method="passthrough",
    )
    made = run([shardwright.path, "merge"], asked, tmp_path / "ours")
    b = tensors(folder / "b")
    stack = {"t5": "encoder.block", "qwen2_vl": "model.layers", "qwen2_5_vl": "model.layers"}[family]
    added = [name for name in made if name.startswith(f"{stack}.2.")]
    assert added
    for name in added:
        assert torch.equal(made[name], b[name.replace(f"{stack}.2.", f"{stack}.1.")]), name
    assert_loads(family, tmp_path / "ours")


def test_layers_of_the_other_module(pair, tmp_path, shardwright):
    family, folder, modules = pair
    first, second, third = modules
    plain = {"models": [{"model": str(folder / "a")}]}
    asked = recipe(
        {first: plain, second: copied(folder, ("a", [0, 2]), ("b", [1, 2])), third: plain}, merge_method="passthrough"
    )
    if family == "qwen2_5_vl":  # its config names blocks by their numbers
        assert "fullatt_block_indexes" in said(shardwright, asked, tmp_path / "ours")
        return
    run([shardwright.path, "merge"], asked, tmp_path / "ours")
    assert_loads(family, tmp_path / "ours")


def test_a_module_that_is_left_out(pair, tmp_path, shardwright):
    _, folder, modules = pair
    first, *others, left = modules
    asked = recipe({module: {"models": mixed(folder, 0.5)} for module in (first, *others)})
    assert f"'modules' says nothing of {'text_decoder' if left == 'shared' else left}" in said(
        shardwright, asked, tmp_path / "ours"
    )


def test_a_module_that_no_model_has(pair, tmp_path, shardwright):
    _, folder, modules = pair
    asked = recipe({module: {"models": mixed(folder, 0.5)} for module in (*modules, "audio_tower")})
    assert "no tensor is of the module 'audio_tower'" in said(shardwright, asked, tmp_path / "ours")
