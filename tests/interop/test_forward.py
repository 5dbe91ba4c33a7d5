"""Gates of hidden states beside those that transformers computes: each family, in fp32."""

import json
import os
import pathlib
import subprocess
import sys

import peft
import pytest
import torch
import transformers
import yaml
from models import SMALL
from safetensors.torch import load_file
from test_moe import leave_to_class, with_tokenizer, write_dense

LAYERS = 4
SHARED_OFF = [{"residual_scale": 0}]
GATED_OFF = [{"residual_scale": 0, "positive_prompts": ["dog"]}]
# A prompt of which every beginning is one, too, so that the state of each of its tokens shows; and others.
WORDS = "the quick brown fox jumps over the lazy dog print x y".split()
PROMPTS = [" ".join(WORDS[: count + 1]) for count in range(len(WORDS))] + ["print(x + y)", "x", "fox fox fox fox the y"]

YARN = dict(rope_type="yarn", rope_theta=1e4, factor=4.0, original_max_position_embeddings=8)
LLAMA3 = dict(
    rope_type="llama3", rope_theta=1e4, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=64,
)  # fmt: skip
LATENT = dict(
    first_k_dense_replace=LAYERS, q_lora_rank=8, kv_lora_rank=10, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6,
    num_key_value_heads=4, n_routed_experts=20, n_group=1, topk_group=1,
)  # fmt: skip


def rope(**parameters):
    return dict(rope_parameters=dict(rope_theta=1e4) | parameters)


# Settings of the dense model, the mixture, and its shared experts.
CASES = {
    "llama": ("llama", {}, "mixtral", []),
    "llama-bias": ("llama", dict(attention_bias=True, mlp_bias=False, head_dim=16), "granitemoe", []),
    "llama-wide-base": ("llama", dict(rope_parameters=dict(rope_type="default", rope_theta=5e5), rms_norm_eps=1e-3), "mixtral", []),
    "llama-one-layer": ("llama", dict(num_hidden_layers=1), "mixtral", []),
    "llama-gelu": ("llama", dict(hidden_act="gelu"), "mixtral", []),
    "llama-gelu-tanh": ("llama", dict(hidden_act="gelu_pytorch_tanh", num_key_value_heads=1), "mixtral", []),
    "llama-relu": ("llama", dict(hidden_act="relu", num_key_value_heads=4), "mixtral", []),
    "llama-linear": ("llama", rope(rope_type="linear", factor=2.5), "mixtral", []),
    "llama-dynamic-short": ("llama", rope(rope_type="dynamic", factor=2.0) | dict(max_position_embeddings=64), "mixtral", []),
    "llama-dynamic-long": ("llama", rope(rope_type="dynamic", factor=2.0) | dict(max_position_embeddings=5), "mixtral", []),
    "llama-llama3": ("llama", dict(rope_parameters=LLAMA3, head_dim=32, max_position_embeddings=512), "mixtral", []),
    "llama-yarn": ("llama", dict(rope_parameters=YARN, head_dim=16), "mixtral", []),
    "llama-yarn-all": (
        "llama",
        dict(rope_parameters=YARN | dict(beta_fast=4.0, beta_slow=0.5, truncate=False, mscale=0.7, mscale_all_dim=1.2), head_dim=16),
        "mixtral",
        [],
    ),
    "llama-yarn-factor": ("llama", dict(rope_parameters=YARN | dict(attention_factor=1.3), head_dim=16), "mixtral", []),
    "mistral": ("mistral", dict(sliding_window=4), "mixtral", []),
    "mistral-one": ("mistral", dict(sliding_window=1), "mixtral", []),
    "mistral-full": ("mistral", dict(sliding_window=None), "mixtral", []),
    "phi3": ("phi3", dict(pad_token_id=0, sliding_window=3), "mixtral", []),
    "qwen2": ("qwen2", {}, "qwen2_moe", GATED_OFF),
    "qwen2-sliding": (
        "qwen2",
        dict(use_sliding_window=True, sliding_window=4, max_window_layers=1),
        "qwen2_moe",
        GATED_OFF,
    ),
    "qwen2-types": (
        "qwen2",
        dict(use_sliding_window=True, sliding_window=3, layer_types=["sliding_attention", "full_attention"] * 2),
        "qwen2_moe",
        GATED_OFF,
    ),
    "seed_oss": ("seed_oss", dict(head_dim=16), "qwen2_moe", GATED_OFF),
    "qwen3": ("qwen3", dict(head_dim=16, tie_word_embeddings=True), "qwen3_moe", []),
    "qwen3-sliding": (
        "qwen3",  # all of its layers: of qwen3_moe all slide or none
        dict(head_dim=8, use_sliding_window=True, sliding_window=2, max_window_layers=0),
        "qwen3_moe",
        [],
    ),
    "granite": (
        "granite",
        dict(embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.2, logits_scaling=2.0),
        "granitemoe",
        [],
    ),
    "gemma": ("gemma", dict(head_dim=16), "granitemoe", []),
    "olmo2": ("olmo2", {}, "flex_olmo", []),
    "ernie4_5": ("ernie4_5", dict(head_dim=16), "ernie4_5_moe", []),
    "hunyuan_v1_dense": ("hunyuan_v1_dense", dict(head_dim=8), "hunyuan_v1_moe", SHARED_OFF),
    "hunyuan_v1_dense-alpha": (
        "hunyuan_v1_dense",
        dict(head_dim=8) | rope(rope_type="dynamic", factor=1.0, alpha=50.0),
        "hunyuan_v1_moe",
        SHARED_OFF,
    ),
    "deepseek_v3": ("deepseek_v3", LATENT, "deepseek_v3", SHARED_OFF),
    "deepseek_v3-plain": ("deepseek_v3", LATENT | dict(q_lora_rank=None, rope_interleave=False), "deepseek_v3", SHARED_OFF),
    "deepseek_v3-yarn": (
        "deepseek_v3",
        LATENT | dict(rope_parameters=YARN | dict(mscale=1.0, mscale_all_dim=1.0), qk_rope_head_dim=8, attention_bias=True),
        "deepseek_v3",
        SHARED_OFF,
    ),
    "cohere2": (
        "cohere2",
        dict(sliding_window=4, logit_scale=0.5, layer_types=["sliding_attention", "full_attention"] * 2),
        "cohere2_moe",
        [],
    ),
    "cohere2-pattern": ("cohere2", dict(sliding_window=4, num_hidden_layers=6, attention_bias=True), "cohere2_moe", []),
    "lfm2": ("lfm2", dict(layer_types=["conv", "full_attention"] * 2, block_auto_adjust_ff_dim=True), "lfm2_moe", []),
    "lfm2-bias": (
        "lfm2",
        dict(layer_types=["conv", "conv", "full_attention", "conv"], conv_bias=True, conv_L_cache=4, block_auto_adjust_ff_dim=False),
        "lfm2_moe",
        [],
    ),
}  # fmt: skip


def recipe_for(path, folder, shared=(), gate_mode="hidden", prompts=PROMPTS, **more):
    """An expert for each prompt."""
    base = str(folder)
    recipe = {
        "base_model": base,
        "gate_mode": gate_mode,
        "dtype": "float32",
        "experts": [{"source_model": base, "positive_prompts": [prompt]} for prompt in prompts],
    }
    if shared:
        recipe["shared_experts"] = [{"source_model": base} | entry for entry in shared]
    path.write_text(yaml.safe_dump(recipe | more, sort_keys=False))
    return path


def states_of(folder, prompts, layers, **changed):
    """Of each prompt, alone: [layers, tokens, hidden] as each layer gets it."""
    fast = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    for key, value in changed.items():
        setattr(config, key, value)
    out = []
    for prompt in prompts:
        # Positions of the kind `dynamic` would remember the longest of the prompts before.
        if not out or config.rope_parameters["rope_type"] == "dynamic":
            kind = transformers.AutoModelForCausalLM
            model = kind.from_pretrained(folder, config=config, dtype=torch.float32).eval()
        ids = fast((fast.bos_token or "") + prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            states = model(ids, output_hidden_states=True).hidden_states
        out.append(torch.stack([state[0] for state in states[:layers]]))
    return out


def last_of(states):
    return torch.stack([of_prompt[:, -1] for of_prompt in states], dim=1)


def gates_of(folder, layers):
    """[layers, experts, hidden] of a mixture."""
    state = {}
    for shard in folder.glob("*.safetensors"):
        state |= load_file(shard)
    rows = []
    for layer in range(layers):
        (name,) = [
            name
            for name in state
            if f"layers.{layer}." in name and name.endswith(("gate.weight", "gate.wg.weight", "router.layer.weight")) and "shared" not in name
        ]
        rows.append(state[name])
    return torch.stack(rows)


def least_cosine(ours, theirs):
    return torch.nn.functional.cosine_similarity(ours.double(), theirs.double(), dim=-1).min().item()


# A config that says little asks for more than one that says all: that one is run with INTEROP=all alone.
CONFIGS = [True, False] if os.environ.get("INTEROP") == "all" else [True]


@pytest.mark.parametrize("bare", CONFIGS, ids=["bare", "whole"][: len(CONFIGS)])
@pytest.mark.parametrize("case", CASES)
def test_a_gate_is_the_state_of_the_last_token(shardwright, tmp_path, case, bare):
    model_type, settings, mixture, shared = CASES[case]
    write_dense(tmp_path / "dense", model_type, dict(num_hidden_layers=LAYERS) | settings)
    if bare:
        leave_to_class(tmp_path / "dense")
    with_tokenizer(tmp_path / "dense")
    recipe = recipe_for(tmp_path / "recipe.yml", tmp_path / "dense", shared)
    shardwright.run("moe", recipe, tmp_path / "out", "--arch", mixture, "--allow-all-same")
    layers = settings.get("num_hidden_layers", LAYERS)
    wanted = last_of(states_of(tmp_path / "dense", PROMPTS, layers))
    gates = gates_of(tmp_path / "out", layers)
    assert least_cosine(gates, wanted) > 0.99999
    assert torch.allclose(gates.norm(dim=-1), torch.ones(()), atol=1e-5)


# What a change of one setting does to the states, so that one that went unheeded would be seen.
SEEN = {
    "llama-linear": dict(rope_parameters=dict(rope_type="default", rope_theta=1e4)),
    "llama-llama3": dict(rope_parameters=dict(rope_type="default", rope_theta=1e4)),
    "llama-yarn": dict(rope_parameters=dict(rope_type="default", rope_theta=1e4)),
    "llama-yarn-all": dict(rope_parameters=YARN),
    "llama-dynamic-long": dict(max_position_embeddings=64),
    "llama-gelu-tanh": dict(hidden_act="silu"),
    "llama-wide-base": dict(rms_norm_eps=1e-6),
    "mistral": dict(sliding_window=5),
    "qwen2-sliding": dict(layer_types=["sliding_attention"] * LAYERS),
    "granite": dict(residual_multiplier=1.0),
    "hunyuan_v1_dense-alpha": dict(rope_parameters=dict(rope_type="default", rope_theta=1e4)),
    "deepseek_v3": dict(rope_interleave=False),
    "cohere2": dict(layer_types=["sliding_attention"] * LAYERS),
}


@pytest.mark.parametrize("case", SEEN)
def test_each_setting_would_be_missed(tmp_path, case):
    model_type, settings, *_ = CASES[case]
    write_dense(tmp_path / "dense", model_type, dict(num_hidden_layers=LAYERS) | settings)
    with_tokenizer(tmp_path / "dense")
    states = [last_of(states_of(tmp_path / "dense", PROMPTS[5:9], LAYERS, **more)) for more in ({}, SEEN[case])]
    assert least_cosine(*states) < 0.9999


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama") / "a"
    write_dense(folder, "llama", dict(num_hidden_layers=LAYERS))
    with_tokenizer(folder)
    return folder


# Prompts for and against, of different lengths; the second and third share one.
SIDES = [
    {"positive_prompts": ["the lazy dog", "brown fox jumps over"], "negative_prompts": ["print(x)"]},
    {"positive_prompts": ["print(x + y)", "x"]},
    {"positive_prompts": ["jumps over the the the", "x"], "negative_prompts": ["quick", "dog dog"]},
]


def sided(path, folder, gate_mode, dtype="float32"):
    experts = [{"source_model": str(folder)} | entry for entry in SIDES]
    recipe = {"base_model": str(folder), "gate_mode": gate_mode, "dtype": dtype, "experts": experts}
    path.write_text(yaml.safe_dump(recipe))
    return path


def rows_of(folder, state_of):
    """[layers, experts, hidden]: what positive prompts have and negative ones have not."""

    def mean(prompts):
        return torch.stack([state_of(states) for states in states_of(folder, prompts, LAYERS)]).mean(0)

    rows = []
    for side in SIDES:
        row = mean(side["positive_prompts"])
        if "negative_prompts" in side:
            row = row - mean(side["negative_prompts"])
        rows.append(row)
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("gate_mode", ["hidden", "hidden_last", "hidden_avg"])
def test_prompts_for_and_against(shardwright, tmp_path, llama, gate_mode):
    shardwright.run("moe", sided(tmp_path / "recipe.yml", llama, gate_mode), tmp_path / "out", "--allow-all-same")
    over = (lambda states: states.mean(1)) if gate_mode == "hidden_avg" else (lambda states: states[:, -1])
    assert least_cosine(gates_of(tmp_path / "out", LAYERS), rows_of(llama, over)) > 0.99999


def test_hidden_gates_are_those_of_the_peer(shardwright, tmp_path, llama):
    recipe = sided(tmp_path / "recipe.yml", llama, "hidden")
    shardwright.run("moe", recipe, tmp_path / "ours", "--allow-all-same")
    program = str(pathlib.Path(sys.executable).parent / "mergekit-moe")
    # Experts that are all one model want its leave.
    leave = "--i-understand-this-is-not-useful-without-training"
    command = [program, str(recipe), str(tmp_path / "peer"), "--quiet", leave]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    # It computes in bfloat16.
    assert least_cosine(gates_of(tmp_path / "ours", LAYERS), gates_of(tmp_path / "peer", LAYERS)) > 0.999


def test_the_same_bytes_for_any_number_of_threads_and_in_little_memory(shardwright, tmp_path, llama):
    recipe = sided(tmp_path / "recipe.yml", llama, "hidden")
    made = {}
    for threads in (1, 2, 7):
        shardwright.run("moe", recipe, tmp_path / str(threads), "--threads", threads, "--allow-all-same")
        made[threads] = (tmp_path / str(threads) / "model.safetensors").read_bytes()
    assert made[1] == made[2] == made[7]
    said = shardwright.run("moe", recipe, tmp_path / "none", "--memory-limit", "1MB", "--allow-all-same", codes=(2,))
    assert "memory" in said and not (tmp_path / "none").exists()


REFUSED = {
    "llama": (rope(rope_type="longrope", short_factor=[1.0] * 4, long_factor=[2.0] * 4, factor=2.0), "'longrope'"),
    "qwen3": (dict(hidden_act="mish", head_dim=8), "'mish'"),
}  # fmt: skip


@pytest.mark.parametrize("model_type", REFUSED)
def test_what_a_forward_pass_cannot_do_is_refused(shardwright, tmp_path, model_type):
    settings, words = REFUSED[model_type]
    write_dense(tmp_path / "dense", model_type, settings)
    with_tokenizer(tmp_path / "dense")
    recipe = recipe_for(tmp_path / "recipe.yml", tmp_path / "dense")
    said = shardwright.run("moe", recipe, tmp_path / "out", "--allow-all-same", codes=(2,))
    assert words in said and "recipe.yml:2:12" in said
    assert not (tmp_path / "out").exists()


def test_old_names_of_rope_settings_mean_the_same(shardwright, tmp_path, llama):
    """rope_scaling and rope_theta at the top, as most models on the hub have them."""
    folder = tmp_path / "old"
    folder.mkdir()
    for file in llama.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    del config["rope_parameters"]
    yarn = dict(type="yarn", factor=4.0, original_max_position_embeddings=8)
    config |= dict(rope_theta=5e4, rope_scaling=yarn, max_position_embeddings=32)
    (folder / "config.json").write_text(json.dumps(config))
    shardwright.run("moe", recipe_for(tmp_path / "recipe.yml", folder), tmp_path / "out", "--allow-all-same")
    wanted = last_of(states_of(folder, PROMPTS, LAYERS))
    assert least_cosine(gates_of(tmp_path / "out", LAYERS), wanted) > 0.99999
    assert least_cosine(last_of(states_of(llama, PROMPTS, LAYERS)), wanted) < 0.9999


def test_the_base_is_read_with_its_adapter_and_in_any_dtype(shardwright, tmp_path, llama):
    model = transformers.AutoModelForCausalLM.from_pretrained(llama, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path / "half", max_shard_size="20KB")
    with_tokenizer(tmp_path / "half")
    tuned = peft.get_peft_model(model.float(), peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"]))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    with_tokenizer(tmp_path / "merged")
    for base, same in {"half": "half", f"half+{tmp_path / 'adapter'}": "merged"}.items():
        recipe = recipe_for(tmp_path / "recipe.yml", tmp_path / "half", base_model=str(tmp_path / base))
        shardwright.run("moe", recipe, tmp_path / "out", "--allow-all-same", "--overwrite")
        wanted = last_of(states_of(tmp_path / same, PROMPTS, LAYERS))
        assert least_cosine(gates_of(tmp_path / "out", LAYERS), wanted) > 0.99999
    assert least_cosine(last_of(states_of(tmp_path / "half", PROMPTS, LAYERS)), wanted) < 0.999
