"""Five stories of people who could not use a merged model, each as a checkpoint."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from breakages.routers import change_gates, flat_shared_gates
from breakages.ties import extra_equal_head
from folders import assert_whole, change_config, change_shard, contents, load, logits, shapes, shards, tensors, verdict
from models import model_named

HEAD = "lm_head.weight"


def mergekit(command, recipe, output, *options):
    """Runs a command of the real mergekit."""
    path = output.with_suffix(".yml")
    path.write_text(recipe)
    done = subprocess.run(
        [Path(sys.executable).parent / command, path, output, *options, "--quiet"],
        capture_output=True, text=True, timeout=300, env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def write(folder, name, seed=0, **change):
    model = model_named(name)
    return replace(model, seed=seed, config=model.config | change).write(folder)


def set_modes(folder):
    """The modes that a download has: save_pretrained makes shards that only their owner can read."""
    for path in folder.iterdir():
        path.chmod(0o644)


# 1. A Gemma-2 merge has a head that its config ties to the embedding.


@pytest.fixture(scope="module")
def gemma_merge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gemma")
    for seed in range(2):
        write(folder / str(seed), "gemma2-plain", seed, vocab_size=16384)  # more than check samples
    extra_equal_head(folder / "1")
    recipe = f"""
merge_method: linear
models:
  - {{model: {folder}/0, parameters: {{weight: 0.5}}}}
  - {{model: {folder}/1, parameters: {{weight: 0.5}}}}
dtype: bfloat16
"""
    mergekit("mergekit-yaml", recipe, folder / "merge", "--no-write-model-card", "--no-copy-tokenizer")
    return folder / "merge"


def test_gemma_merge_with_extra_head(gemma_merge, shardwright, tmp_path):
    stored = tensors(gemma_merge)
    assert torch.equal(stored[HEAD], stored["model.embed_tokens.weight"]), "mergekit no longer makes the head"

    (finding,) = shardwright.findings(gemma_merge)
    assert (finding["code"], finding["severity"], finding["fix"]) == ("AR412", "warning", None), "a sample is no proof"
    (finding,) = shardwright.findings(gemma_merge, "--data")
    assert (finding["code"], finding["tensor"], finding["fix"]["safety"]) == ("AR412", HEAD, "safe")

    good, _ = load(gemma_merge)
    shardwright.json("repair", gemma_merge, "--output", tmp_path / "mended")
    assert shapes(tmp_path / "mended") == {name: list(stored[name].shape) for name in stored if name != HEAD}
    assert shardwright.findings(tmp_path / "mended", "--data") == []
    assert_whole(tmp_path / "mended", logits(good))


# 2. A small Qwen2 has no head, and tools say that it is missing.


def test_small_tied_qwen2_without_head(shardwright, tmp_path):
    folder = tmp_path / "qwen"
    model = write(folder, "qwen2-tied")
    set_modes(folder)
    assert HEAD not in shapes(folder)

    for options in ([], ["--data"]):
        assert shardwright.findings(folder, *options, least="info") == []
    report = shardwright.json("repair", folder, "--output", tmp_path / "copy")
    assert report["plan"] == [] and report["bytes_written"] == 0
    assert contents(tmp_path / "copy") == contents(folder)
    assert_whole(tmp_path / "copy", logits(model.eval()))


# 3. Qwen1.5 says that it is a qwen2, and a tool looks for its name.


@pytest.mark.parametrize("tied", [True, False])
def test_qwen1_5_is_qwen2(shardwright, tmp_path, tied):
    """With the keys of the config of Qwen1.5-0.5B, which transformers 4.37 wrote."""
    folder = tmp_path / "Qwen1.5-0.5B"
    model = write(folder, "qwen2-tied" if tied else "qwen2-untied", num_key_value_heads=4)
    set_modes(folder)
    keys = dict(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", attention_dropout=0.0, hidden_act="silu", hidden_size=32,
        initializer_range=0.02, intermediate_size=48, max_position_embeddings=32768, max_window_layers=21,
        num_attention_heads=4, num_hidden_layers=2, num_key_value_heads=4, rms_norm_eps=1e-06, rope_theta=10000.0,
        sliding_window=32768, tie_word_embeddings=tied, torch_dtype="float32", transformers_version="4.37.0",
        use_cache=True, use_sliding_window=False, vocab_size=96,
    )  # fmt: skip
    change_config(folder, **keys)
    assert_whole(folder, logits(model.eval()))

    found = shardwright.check(folder)
    assert found["architecture"]["schema"] == "qwen2" and found["architecture"]["why"].startswith("model_type")
    assert found["findings"] == []
    assert shapes(folder).keys() == {name for name, tensor in shardwright.expand(folder).items() if not tensor["optional"]}


# 4 and 5. A mixture of Qwen2 experts by mergekit-moe, with gates at random.


@pytest.fixture(scope="module")
def qwen_mixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qwen")
    for seed in range(3):
        write(folder / str(seed), "qwen2-untied", seed)
    recipe = f"""
base_model: {folder}/0
architecture: qwen
gate_mode: random
dtype: bfloat16
experts: [{{source_model: {folder}/1}}, {{source_model: {folder}/2}}]
shared_experts: [{{source_model: {folder}/0}}]
"""
    mergekit("mergekit-moe", recipe, folder / "mixture")
    return folder / "mixture"


@pytest.fixture
def mixture(qwen_mixture, tmp_path):
    """A copy to break, and the logits of the good one."""
    shutil.copytree(qwen_mixture, tmp_path / "mixture")
    model, complaints = load(tmp_path / "mixture")
    assert complaints == []
    return tmp_path / "mixture", logits(model)


def test_qwen_mixture_as_mergekit_makes_it_now(mixture, shardwright):
    folder, _ = mixture
    assert shardwright.check(folder)["architecture"]["schema"] == "qwen2_moe"
    assert shardwright.findings(folder, "--data") == []


def test_qwen_mixture_without_shared_expert(mixture, shardwright, tmp_path):
    """The experts of a mergekit-moe run without shared_experts, under the config of a model that has one."""
    folder, good = mixture
    change_shard(shards(folder)[0], lambda found: {name: found[name] for name in found if "shared_expert" not in name})
    assert verdict(folder, good).startswith("complains: missing_keys")

    findings = shardwright.findings(folder, "--data")
    assert {(f["code"], f["severity"], f["fix"] and f["fix"]["safety"]) for f in findings} == {("AR401", "error", "never")}
    places = {place for finding in findings for place in finding["places"]}
    assert places == {name for name in shardwright.expand(folder) if "shared_expert" in name}
    report = shardwright.json("repair", folder, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
    assert not report["published"] and not (tmp_path / "mended").exists()


def test_qwen_mixture_that_says_it_has_no_shared_expert(shardwright, tmp_path):
    """Legal: the shared expert has no rows, and its gate is there all the same."""
    write(tmp_path, "qwen2_moe-plain", shared_expert_intermediate_size=0)
    assert shapes(tmp_path)["model.layers.0.mlp.shared_expert.up_proj.weight"] == [0, 32]
    assert shardwright.findings(tmp_path, "--data") == []


def test_random_gates_of_the_wrong_shape(mixture, shardwright, tmp_path):
    """mergekit-moe writes [1, hidden] now; until it did, the shape was [hidden]."""
    folder, good = mixture
    gates = {name for name in shapes(folder) if name.endswith("shared_expert_gate.weight")}
    assert {tuple(shapes(folder)[name]) for name in gates} == {(1, 32)}
    flat_shared_gates(folder)
    assert verdict(folder, good).startswith("refuses: RuntimeError")

    (finding,) = shardwright.findings(folder, "--data")
    assert (finding["code"], finding["severity"], finding["fix"]["safety"]) == ("ME801", "error", "safe")
    assert set(finding["places"]) == gates
    assert "[32]" in finding["message"] and "[1, 32]" in finding["message"]

    shardwright.json("repair", folder, "--output", tmp_path / "mended")
    assert {tuple(shapes(tmp_path / "mended")[name]) for name in gates} == {(1, 32)}
    assert shardwright.findings(tmp_path / "mended", "--data") == []
    assert_whole(tmp_path / "mended", good)


def test_gates_without_rows_are_not_invented(mixture, shardwright, tmp_path):
    folder, _ = mixture
    change_gates(folder, "shared_expert_gate.weight", lambda gate: gate[:0])
    (finding,) = shardwright.findings(folder)
    assert (finding["code"], finding["severity"], finding["fix"]["safety"]) == ("ME801", "error", "never")
    assert "[0, 32]" in finding["message"] and "[1, 32]" in finding["message"]
    shardwright.json("repair", folder, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
    assert not (tmp_path / "mended").exists()
