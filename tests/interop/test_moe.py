"""Mixtures of copies of one dense model give its logits, as transformers loads them."""

import json

import pytest
import torch
import transformers
import yaml
from models import SMALL

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


@pytest.mark.parametrize("bare", [False, True], ids=["whole", "bare"])
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
