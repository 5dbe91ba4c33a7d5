"""Mixtures of copies of one dense model give its logits, as transformers loads them."""

import json
import os
import pathlib
import subprocess
import sys

import peft
import pytest
import tokenizers
import torch
import transformers
import yaml
from models import SMALL
from safetensors.torch import load_file

TOKENS = torch.arange(40).reshape(2, 20) * 7 % 90
SHARED_OFF = [{"residual_scale": 0}]

# What is sound, and what of a config must not be lost: dense model_type, settings, mixture, shared experts.
PAIRS = {
    "llama-mixtral": ("llama", {}, "mixtral", []),
    "llama-mixtral-heads": ("llama", dict(head_dim=16), "mixtral", []),
    "llama-mixtral-rope": (
        "llama",
        dict(rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=5e4), rms_norm_eps=1e-3),
        "mixtral",
        [],
    ),
    "mistral-mixtral": ("mistral", dict(sliding_window=4), "mixtral", []),
    "mistral-mixtral-full": ("mistral", dict(sliding_window=None), "mixtral", []),
    "phi3-mixtral": ("phi3", dict(pad_token_id=0, sliding_window=None), "mixtral", []),
    "phi3-mixtral-longrope": (
        "phi3",
        dict(
            pad_token_id=0,
            sliding_window=None,
            max_position_embeddings=64,
            original_max_position_embeddings=16,
            rope_parameters=dict(
                rope_type="longrope",
                rope_theta=1e4,
                short_factor=[1.0, 1.2, 1.5, 2.0],
                long_factor=[1.5, 2.0, 3.0, 4.0],
                original_max_position_embeddings=16,
            ),
        ),
        "mixtral",
        [],
    ),
    "qwen2-qwen2_moe": ("qwen2", {}, "qwen2_moe", SHARED_OFF),
    "qwen2-qwen2_moe-tied": ("qwen2", dict(tie_word_embeddings=True), "qwen2_moe", SHARED_OFF),
    "qwen2-qwen2_moe-sliding": (
        "qwen2",
        dict(use_sliding_window=True, sliding_window=4, max_window_layers=1),
        "qwen2_moe",
        SHARED_OFF,
    ),
    "seed_oss-qwen2_moe": ("seed_oss", dict(head_dim=16), "qwen2_moe", SHARED_OFF),
    "llama-qwen2_moe": ("llama", dict(head_dim=16), "qwen2_moe", SHARED_OFF),
    "mistral-qwen2_moe": ("mistral", dict(sliding_window=4), "qwen2_moe", SHARED_OFF),
    "qwen3-qwen3_moe": ("qwen3", dict(head_dim=16), "qwen3_moe", []),
    "qwen3-qwen3_moe-tied": ("qwen3", dict(head_dim=16, tie_word_embeddings=True), "qwen3_moe", []),
    "granite-granitemoe": (
        "granite",
        dict(embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=2.0),
        "granitemoe",
        [],
    ),
    "granite-granitemoeshared": ("granite", dict(attention_multiplier=0.2), "granitemoeshared", SHARED_OFF),
    "granite-granitemoehybrid": ("granite", dict(attention_multiplier=0.2), "granitemoehybrid", SHARED_OFF),
    "llama-granitemoe": ("llama", dict(attention_bias=True), "granitemoe", []),
    "mistral-granitemoe": ("mistral", dict(sliding_window=None), "granitemoe", []),
    "llama-granitemoeshared": ("llama", {}, "granitemoeshared", SHARED_OFF),
    "llama-granitemoehybrid": ("llama", {}, "granitemoehybrid", SHARED_OFF),
    "gemma-granitemoe": ("gemma", dict(head_dim=8), "granitemoe", []),
    "olmo2-flex_olmo": ("olmo2", {}, "flex_olmo", []),
    "ernie4_5-ernie4_5_moe": ("ernie4_5", {}, "ernie4_5_moe", []),
    "ernie4_5-ernie4_5_moe-shared": ("ernie4_5", {}, "ernie4_5_moe", SHARED_OFF),
    "hunyuan_v1_dense-hunyuan_v1_moe": ("hunyuan_v1_dense", dict(head_dim=8), "hunyuan_v1_moe", SHARED_OFF),
    "qwen3-dots1": ("qwen3", dict(head_dim=8), "dots1", SHARED_OFF),
    "qwen3-glm4_moe": ("qwen3", dict(head_dim=8), "glm4_moe", SHARED_OFF),
    "llama-glm4_moe": ("llama", {}, "glm4_moe", SHARED_OFF),
    "llama-glm4_moe-two-shared": ("llama", {}, "glm4_moe", SHARED_OFF * 2),
    "qwen2-glm4_moe": ("qwen2", {}, "glm4_moe", SHARED_OFF),
    "deepseek_v3-deepseek_v3": (
        "deepseek_v3",
        dict(
            first_k_dense_replace=2,
            q_lora_rank=8,
            kv_lora_rank=8,
            qk_nope_head_dim=8,
            qk_rope_head_dim=4,
            v_head_dim=8,
            num_key_value_heads=4,
            n_routed_experts=4,
            n_group=1,
            topk_group=1,
        ),
        "deepseek_v3",
        SHARED_OFF,
    ),
    "llama-deepseek": ("llama", {}, "deepseek", []),
    "llama-deepseek-bias-two-shared": ("llama", dict(attention_bias=True), "deepseek", SHARED_OFF * 2),
    "llama-deepseek-theta": ("llama", dict(rope_parameters=dict(rope_type="default", rope_theta=5e4)), "deepseek", []),
    "llama-deepseek-linear": (
        "llama",
        dict(rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=1e5)),
        "deepseek",
        SHARED_OFF,
    ),
    "llama-deepseek-dynamic": (
        "llama",
        dict(max_position_embeddings=16, rope_parameters=dict(rope_type="dynamic", factor=2.0, rope_theta=1e5)),
        "deepseek",
        SHARED_OFF,
    ),
    "mistral-deepseek": ("mistral", dict(sliding_window=None), "deepseek", []),
    "cohere2-cohere2_moe": ("cohere2", dict(sliding_window=4, logit_scale=0.5), "cohere2_moe", []),
    "lfm2-lfm2_moe": ("lfm2", dict(layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=True), "lfm2_moe", []),
}
NEARLY = {"lfm2_moe": 2e-3}  # its router divides by the sum of its weights and 1e-6


def write_dense(folder, model_type, settings, seed=0):
    """A small model with weights that matter, and its logits."""
    torch.manual_seed(seed)
    config = transformers.AutoConfig.for_model(model_type, **(SMALL | dict(tie_word_embeddings=False) | settings))
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.1 if parameter.dim() == 1 else 0.25
            parameter.add_(torch.randn_like(parameter) * scale)
    model.save_pretrained(folder)
    return logits_of(folder)


def logits_of(folder):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), info
    with torch.no_grad():
        return model.eval()(TOKENS).logits


def leave_to_class(folder):
    """Takes out of the config what the class takes by itself."""
    config = json.loads((folder / "config.json").read_text())
    default = transformers.AutoConfig.for_model(config["model_type"]).to_dict()
    kept = {"model_type", "architectures", "dtype", "tie_word_embeddings"}
    bare = {key: value for key, value in config.items() if key in kept or key not in default or default[key] != value}
    (folder / "config.json").write_text(json.dumps(bare))
    return len(config) - len(bare)


@pytest.mark.parametrize("kind", ["default", "linear", "dynamic", "llama3"])
def test_deepseek_says_positions_as_the_code_of_the_hub_reads_them(shardwright, tmp_path, kind):
    """That code is of transformers 4: rope_theta, and a rope_scaling with type and factor."""
    more = {"default": {}, "llama3": dict(low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)}
    scaling = {"rope_type": kind, "rope_theta": 5e4} | more.get(kind, {}) | ({} if kind == "default" else {"factor": 4.0})
    write_dense(tmp_path / "dense", "llama", dict(rope_parameters=scaling))
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "dense", [tmp_path / "dense"] * 2)
    said = shardwright.run("moe", recipe, tmp_path / "out", "--arch", "deepseek", codes=(2 if kind == "llama3" else 0,))
    if kind == "llama3":
        assert "rotary positions are scaled in a way" in said
        return
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["rope_theta"] == 5e4
    assert config.get("rope_scaling") == (None if kind == "default" else {"type": kind, "factor": 4.0})


def write_recipe(path, base, experts, shared=(), **more):
    recipe = {
        "base_model": str(base),
        "gate_mode": "random",
        "experts": [{"source_model": str(expert)} for expert in experts],
    }
    if shared:
        recipe["shared_experts"] = [{"source_model": str(base)} | entry for entry in shared]
    path.write_text(yaml.safe_dump(recipe | more, sort_keys=False))
    return path


def difference(a, b):
    return ((a - b).abs().max() / a.abs().max()).item()


# A config that says little asks for more than one that says all: that one is run with INTEROP=all alone.
CONFIGS = [True, False] if os.environ.get("INTEROP") == "all" else [True]


@pytest.mark.parametrize("bare", CONFIGS, ids=["bare", "whole"][: len(CONFIGS)])
@pytest.mark.parametrize("pair", PAIRS)
def test_copies_give_the_logits_of_the_dense_model(shardwright, tmp_path, pair, bare):
    model_type, settings, mixture, shared = PAIRS[pair]
    logits = write_dense(tmp_path / "dense", model_type, settings)
    if bare:
        assert leave_to_class(tmp_path / "dense") > 0
        assert difference(logits, logits_of(tmp_path / "dense")) == 0
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "dense", [tmp_path / "dense"] * 4, shared)
    shardwright.run("moe", recipe, tmp_path / "out", "--arch", mixture)
    assert shardwright.findings(tmp_path / "out") == []
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["model_type"] == mixture
    assert difference(logits, logits_of(tmp_path / "out")) < NEARLY.get(mixture, 2e-5)


# Layers that slide over a window, where the config leaves it to the class which.
WINDOWS = {
    "qwen2-qwen2_moe": (dict(use_sliding_window=True), SHARED_OFF),
    "qwen2-qwen2_moe-none": (dict(use_sliding_window=False), SHARED_OFF),
    "qwen3-qwen3_moe": (dict(use_sliding_window=True, max_window_layers=0), []),
    "qwen3-qwen3_moe-none": (dict(use_sliding_window=True, max_window_layers=9), []),
    "qwen3-dots1": (dict(use_sliding_window=True), SHARED_OFF),
    "qwen3-dots1-none": (dict(use_sliding_window=False), SHARED_OFF),
}


@pytest.mark.parametrize("case", WINDOWS)
def test_layers_slide_as_the_class_of_the_base_has_it(shardwright, tmp_path, case):
    model_type, mixture = case.split("-")[:2]
    settings, shared = WINDOWS[case]
    write_dense(tmp_path / "dense", model_type, dict(max_window_layers=1) | settings)
    config = json.loads((tmp_path / "dense" / "config.json").read_text())
    del config["layer_types"]
    (tmp_path / "dense" / "config.json").write_text(json.dumps(config | dict(sliding_window=4)))
    logits = logits_of(tmp_path / "dense")
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "dense", [tmp_path / "dense"] * 3, shared)
    shardwright.run("moe", recipe, tmp_path / "out", "--arch", mixture)
    assert difference(logits, logits_of(tmp_path / "out")) < 2e-5


def with_tokenizer(folder):
    """A byte-level tokenizer with a token before each prompt, of no more tokens than the model has rows."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=90, special_tokens=["<unk>", "<s>"], show_progress=False)
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog", "print(x + y)"] * 9, trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")
    fast.save_pretrained(folder)


PROMPTS = [
    {"positive_prompts": ["the lazy dog", "brown fox"], "negative_prompts": ["print(x)"]},
    {"positive_prompts": ["print(x + y)", "x"]},
    {"positive_prompts": ["jumps over the the the"], "negative_prompts": ["quick", "dog dog"]},
]


def prompted(path, folder, shared=(), **more):
    recipe = {
        "base_model": str(folder / "a"),
        "gate_mode": "cheap_embed",
        "dtype": "float32",
        "experts": [{"source_model": str(folder / name)} | entry for name, entry in zip("abb", PROMPTS)],
    }
    if shared:
        recipe["shared_experts"] = list(shared)
    path.write_text(yaml.safe_dump(recipe | more, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def prompted_pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompted")
    for seed, name in enumerate("ab"):
        write_dense(folder / name, "llama", {}, seed)
        with_tokenizer(folder / name)
    return folder


def test_embedding_gates_are_those_of_the_peer(shardwright, tmp_path, prompted_pair):
    recipe = prompted(tmp_path / "recipe.yml", prompted_pair)
    shardwright.run("moe", recipe, tmp_path / "ours")
    command = [str(pathlib.Path(sys.executable).parent / "mergekit-moe"), str(recipe), str(tmp_path / "peer"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    ours = load_file(tmp_path / "ours" / "model.safetensors")
    peer = load_file(next((tmp_path / "peer").glob("*.safetensors")))
    for layer in range(SMALL["num_hidden_layers"]):
        mine = ours[f"model.layers.{layer}.block_sparse_moe.gate.weight"]
        theirs = peer[f"model.layers.{layer}.mlp.gate.weight"]
        assert torch.allclose(mine, theirs, atol=1e-5), (mine - theirs).abs().max()
        for expert in range(3):
            for ours_name, packed in (("w1", slice(0, 48)), ("w3", slice(48, 96))):
                stored = ours[f"model.layers.{layer}.block_sparse_moe.experts.{expert}.{ours_name}.weight"]
                assert torch.equal(stored, peer[f"model.layers.{layer}.mlp.experts.gate_up_proj"][expert][packed])


def test_a_shared_expert_has_a_gate_of_its_own_prompts(shardwright, tmp_path, prompted_pair):
    shared = [{"source_model": str(prompted_pair / "b"), "positive_prompts": ["the dog"], "residual_scale": 0.5}]
    recipe = prompted(tmp_path / "recipe.yml", prompted_pair, shared, architecture="qwen2_moe")
    shardwright.run("moe", recipe, tmp_path / "out")
    state = load_file(tmp_path / "out" / "model.safetensors")
    source = load_file(prompted_pair / "b" / "model.safetensors")
    gate = state["model.layers.1.mlp.shared_expert_gate.weight"]
    assert list(gate.shape) == [1, SMALL["hidden_size"]]
    fast = transformers.AutoTokenizer.from_pretrained(prompted_pair / "a")
    rows = load_file(prompted_pair / "a" / "model.safetensors")["model.embed_tokens.weight"]
    wanted = rows[fast("<s>the dog", add_special_tokens=False)["input_ids"]].sum(0)
    assert torch.allclose(gate[0], wanted / wanted.norm(), atol=1e-6)
    name = "model.layers.1.mlp.{}down_proj.weight"
    assert torch.equal(state[name.format("shared_expert.")], source[name.format("")] * 0.5)
    assert logits_of(tmp_path / "out").isfinite().all()


REFUSALS = {
    "attention bias": (("llama", dict(attention_bias=True)), {"architecture": "mixtral"}, "attention"),
    "mlp bias": (("llama", dict(mlp_bias=True)), {}, "MLPs have biases"),
    "no shared expert": (("qwen2", {}), {}, "shared_experts:"),
    "norms elsewhere": (("olmo2", {}), {"architecture": "mixtral"}, "olmo2"),
    "unknown architecture": (("llama", {}), {"architecture": "mixtrl"}, "did you mean 'mixtral'"),
    "too many a token": (("llama", {}), {"experts_per_token": 9}, "experts_per_token"),
    "windows in some layers": (
        ("qwen3", dict(head_dim=16, use_sliding_window=True, sliding_window=4, max_window_layers=1)),
        {"architecture": "qwen3_moe"},
        "some of its layers slide",
    ),
    "no prompts": (("llama", {}), {"gate_mode": "cheap_embed"}, "positive_prompts"),
    "an unknown gate": (("llama", {}), {"gate_mode": "randm"}, "did you mean 'random'"),
    "an unknown key": (("llama", {}), {"gatemode": "random"}, "did you mean 'gate_mode'"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_made_is_refused_with_the_reason(shardwright, tmp_path, case):
    (model_type, settings), more, words = REFUSALS[case]
    write_dense(tmp_path / "dense", model_type, settings)
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "dense", [tmp_path / "dense"] * 3, **more)
    assert words in shardwright.run("moe", recipe, tmp_path / "out", codes=(2,))
    assert not (tmp_path / "out").exists()


def test_experts_of_another_size_or_activation_are_refused(shardwright, tmp_path):
    write_dense(tmp_path / "a", "llama", {})
    for name, settings in {"wide": dict(intermediate_size=64), "deep": dict(num_hidden_layers=3), "other": dict(hidden_act="gelu")}.items():
        write_dense(tmp_path / name, "llama", settings)
        recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "a", [tmp_path / "a", tmp_path / name])
        said = shardwright.run("moe", recipe, tmp_path / "out", codes=(1, 2))
        assert next(iter(settings)) in said or "layers" in said or "activation" in said
        assert not (tmp_path / "out").exists()


def test_an_expert_with_an_adapter_is_what_peft_merges(shardwright, tmp_path):
    write_dense(tmp_path / "a", "llama", {})
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "a", dtype=torch.float32)
    tuned = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=8, target_modules=["gate_proj", "down_proj"]))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    tuned.save_pretrained(tmp_path / "adapter")
    merged = tuned.merge_and_unload().state_dict()
    experts = [tmp_path / "a", f"{tmp_path / 'a'}+{tmp_path / 'adapter'}"]
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "a", experts)
    shardwright.run("moe", recipe, tmp_path / "out")
    state = load_file(tmp_path / "out" / "model.safetensors")
    plain = load_file(tmp_path / "a" / "model.safetensors")
    for theirs, ours in {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}.items():
        name = f"model.layers.1.mlp.{theirs}.weight"
        stored = "model.layers.1.block_sparse_moe.experts.{}." + ours + ".weight"
        assert torch.equal(state[stored.format(0)], plain[name])
        assert torch.allclose(state[stored.format(1)], merged[name], atol=1e-6)
        assert (state[stored.format(1)] != plain[name]).any() == (theirs != "up_proj")


def test_the_fused_form_loads_and_computes_the_same(shardwright, tmp_path):
    logits = write_dense(tmp_path / "dense", "qwen3", dict(head_dim=16))
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "dense", [tmp_path / "dense"] * 3)
    shardwright.run("moe", recipe, tmp_path / "out", "--layout", "fused")
    assert "model.layers.0.mlp.experts.gate_up_proj" in load_file(tmp_path / "out" / "model.safetensors")
    assert difference(logits, logits_of(tmp_path / "out")) < 2e-5
