"""Experts of mixtures: what is left of a mixture computes what transformers does when the rest is never chosen."""

import contextlib
import json

import pytest
import torch
import transformers
from models import ABSENT, FAMILIES, class_named
from safetensors.torch import load_file
from test_moe import CONFIGS as HOW_BARE
from test_moe import PAIRS, TOKENS, difference, leave_to_class, write_dense, write_recipe

FAMILY = {family.model_type: (family.prefix + family.first, family.config) for family in FAMILIES}
EIGHT = dict(n_routed_experts=8, num_experts_per_tok=3)

# Mixtures as transformers makes them: model_type, settings, and the experts that are kept.
MIXTURES = {
    "mixtral": ({}, "0,2"),
    "mixtral-one": ({}, "3"),
    "mixtral-tied": (dict(tie_word_embeddings=True), "0-2"),
    "qwen2_moe": ({}, "1,3"),
    "qwen2_moe-norm": (dict(norm_topk_prob=True), "1,3"),
    "qwen3_moe": ({}, "0,1,3"),
    "qwen3_moe-norm": (dict(norm_topk_prob=True), "1,2"),
    "qwen3_moe-dense-first": (dict(mlp_only_layers=[0]), "0,2"),
    "qwen3_moe-one": ({}, "1"),
    "qwen3_next": ({}, "0,3"),
    "qwen3_5_moe_text": ({}, "0,3"),
    "gpt_oss": ({}, "1,3"),
    "gpt_oss-one": ({}, "2"),
    "deepseek_v3": (EIGHT | dict(n_group=2, topk_group=1), "0,3,5-6"),
    "deepseek_v3-all-groups": (EIGHT | dict(n_group=2, topk_group=2), "0-2,5-7"),
    "deepseek_v3-no-groups": (EIGHT | dict(n_group=1, topk_group=1, norm_topk_prob=False), "1,4-6"),
    "deepseek_v2": ({}, "0,1"),
    "deepseek_v2-groups": (dict(topk_method="group_limited_greedy", n_group=2, topk_group=1), "0,3"),
    "deepseek": ({}, "0,3"),
    "glm4_moe": ({}, "0,2-3"),
    "dots1": ({}, "0,2-3"),
    "granitemoe": ({}, "1,2"),
    "granitemoeshared": ({}, "0,3"),
    "granitemoehybrid": ({}, "0,3"),
    "olmoe": ({}, "0,1"),
    "flex_olmo": ({}, "0,1"),
    "ernie4_5_moe": ({}, "0,2"),
    "hunyuan_v1_moe": (dict(moe_topk=[2, 1]), "1"),
    "hunyuan_v1_moe-two": ({}, "1,3"),
    "cohere2_moe": ({}, "0,2"),
    "cohere2_moe-sigmoid": (dict(expert_selection_fn="sigmoid", num_shared_experts=1), "0,2"),
    "lfm2_moe": ({}, "0,2"),
    "nemotron_h": (EIGHT | dict(n_group=2, topk_group=1), "2-3,4,7"),
    "gemma4_text": (
        dict(enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=16, vocab_size_per_layer_input=96),
        "0,2",
    ),
}


def write_mixture(folder, case, settings):
    """A small mixture whose weights and correction biases matter."""
    torch.manual_seed(0)
    class_name, config = FAMILY[case.split("-")[0]]
    made = class_named(class_name)
    model = made(made.config_class(**(config | settings))).eval()
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("bias") or tensor.dim() == 1 and "inv_freq" not in name:
                tensor.add_(torch.rand_like(tensor) * 0.1)
            elif tensor.dim() > 1:
                tensor.add_(torch.randn_like(tensor) * 0.2)
    model.save_pretrained(folder)


def load(folder):
    config = json.loads((folder / "config.json").read_text())
    made = class_named(config["architectures"][0])
    model, info = made.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), info
    return model.eval()


def logits_of(model):
    with torch.no_grad():
        return model(TOKENS).logits


def experts_of(text):
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        yield from range(int(first), int(last or first) + 1)


def routers_of(model):
    """Weights of routers, and what is added to their scores, by name."""
    ends = ("gate.weight", "router.weight", "router.layer.weight", "router.proj.weight", "wg.weight")
    weights = [
        weight
        for name, weight in model.named_parameters()
        if name.endswith(ends) and weight.dim() == 2 and "shared" not in name and "per_layer" not in name
    ]
    named = [*model.named_parameters(), *model.named_buffers()]
    biases = [b for name, b in named if name.endswith(("correction_bias", "expert_bias"))]
    return weights, biases


@contextlib.contextmanager
def only(model, kept):
    """The model never chooses another expert than these."""
    weights, biases = routers_of(model)
    assert weights
    dropped = [i for i in range(weights[0].shape[0]) if i not in kept]
    plain, places = torch.nn.functional.linear, {w.data_ptr() for w in weights}

    def linear(hidden, weight, bias=None):
        out = plain(hidden, weight, bias)
        if weight.data_ptr() in places:
            out[..., dropped] = -torch.inf
        return out

    with torch.no_grad():
        for bias in biases:
            bias[..., dropped] = -1e9
    torch.nn.functional.linear = linear
    try:
        yield
    finally:
        torch.nn.functional.linear = plain


@pytest.mark.parametrize("case", MIXTURES)
def test_what_is_kept_computes_as_if_the_rest_were_never_chosen(shardwright, tmp_path, case):
    write_mixture(tmp_path / "whole", case, MIXTURES[case][0])
    kept = MIXTURES[case][1]
    whole = load(tmp_path / "whole")
    before = logits_of(whole)
    with only(whole, set(experts_of(kept))):
        wanted = logits_of(whole)
    shardwright.run("experts", "prune", tmp_path / "whole", tmp_path / "out", "--keep", kept)
    assert shardwright.findings(tmp_path / "out") == []
    assert difference(wanted, logits_of(load(tmp_path / "out"))) < 2e-5
    assert difference(wanted, before) > 1e-3  # the experts that went were of weight


@pytest.mark.parametrize("case", ["mixtral", "qwen3_next", "nemotron_h"])
def test_the_form_in_memory_is_pruned_alike(shardwright, tmp_path, case):
    write_mixture(tmp_path / "whole", case, MIXTURES[case][0])
    load(tmp_path / "whole").save_pretrained(tmp_path / "fused", save_original_format=False)
    for name in ("whole", "fused"):
        shardwright.run("experts", "prune", tmp_path / name, tmp_path / f"{name}-out", "--keep", MIXTURES[case][1])
    fused, apart = (load_file(tmp_path / f"{name}-out" / "model.safetensors") for name in ("fused", "whole"))
    assert len(fused) < len(apart)
    assert torch.equal(logits_of(load(tmp_path / "fused-out")), logits_of(load(tmp_path / "whole-out")))


ACTIONS = [("some", "prune", ["--keep", "0,3"]), ("one", "split", ["--expert", "2"])]


def test_pickled_weights_are_taken_too(shardwright, tmp_path):
    write_mixture(tmp_path / "whole", "mixtral", {})
    wanted = {name: ["experts", action, tmp_path / "whole", tmp_path / name, *more] for name, action, more in ACTIONS}
    for command in wanted.values():
        shardwright.run(*command)
    torch.save(load_file(tmp_path / "whole" / "model.safetensors"), tmp_path / "whole" / "pytorch_model.bin")
    (tmp_path / "whole" / "model.safetensors").unlink()
    for name, command in wanted.items():
        shardwright.run(*command[:3], tmp_path / f"{name}-bin", *command[4:])
        files = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in (name, f"{name}-bin")]
        assert files[0] == files[1]


# What becomes of one expert: the dense architecture that is taken, by the mixture's.
DENSE = {
    "mixtral": "mistral",
    "qwen3_moe": "qwen3",
    "granitemoe": "granite",
    "granitemoeshared": "granite",
    "granitemoehybrid": "granite",
    "flex_olmo": "olmo2",
    "ernie4_5_moe": "ernie4_5",
    "hunyuan_v1_moe": "hunyuan_v1_dense",
    "deepseek": "llama",
    "dots1": "qwen3",
    "deepseek_v3": "deepseek_v3",
    "cohere2_moe": "cohere2",
    "lfm2_moe": "lfm2",
}
DENSE_OF_PAIR = {
    "qwen2-qwen2_moe": "qwen2",
    "qwen2-qwen2_moe-tied": "qwen2",
    "qwen2-qwen2_moe-sliding": "qwen2",
    "seed_oss-qwen2_moe": "qwen2",
    "llama-qwen2_moe": "llama",
    "mistral-qwen2_moe": "mistral",
    "qwen3-glm4_moe": "qwen3",
    "qwen2-glm4_moe": "qwen2",
    "llama-glm4_moe": "llama",
    "llama-glm4_moe-two-shared": "llama",
}


# Each way back is run of a mixture that transformers makes, below; of pairs some, and all with INTEROP=all.
SAMPLE = list(PAIRS) if len(HOW_BARE) > 1 else list(dict.fromkeys([*list(PAIRS)[::4], "gemma-granitemoe", "mistral-qwen2_moe"]))


def is_of_mixtures(key):
    return key.startswith("moe_") or any(part in key for part in ("expert", "router", "topk", "decoder_sparse"))


def check_dense(folder, wanted, model_type):
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == model_type
    if model_type != "deepseek_v3":  # whose dense form is of the same class
        assert [key for key in config if is_of_mixtures(key)] == []
    assert difference(wanted, logits_of(load(folder))) < 2e-5


@pytest.mark.parametrize("bare", HOW_BARE, ids=["bare", "whole"][: len(HOW_BARE)])
@pytest.mark.parametrize("pair", SAMPLE)
def test_an_expert_of_a_mixture_of_models_is_its_model_again(shardwright, tmp_path, pair, bare):
    model_type, settings, mixture, shared = PAIRS[pair]
    for seed, name in enumerate(["base", "one", "two"]):
        write_dense(tmp_path / name, model_type, settings, seed)
    base, two = (transformers.AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32) for name in ("base", "two"))
    mlps = {key: value for key, value in two.state_dict().items() if ".mlp." in key or ".feed_forward." in key}
    assert mlps
    base.load_state_dict(mlps, strict=False)
    wanted = logits_of(base.eval())
    if bare:
        assert leave_to_class(tmp_path / "base") > 0
    recipe = write_recipe(tmp_path / "recipe.yml", tmp_path / "base", [tmp_path / "one", tmp_path / "two"], shared)
    shardwright.run("moe", recipe, tmp_path / "mixture", "--arch", mixture)
    shardwright.run("experts", "split", tmp_path / "mixture", tmp_path / "out", "--expert", "1")
    assert shardwright.findings(tmp_path / "out") == []
    check_dense(tmp_path / "out", wanted, DENSE.get(mixture) or DENSE_OF_PAIR[pair])


def test_pruning_a_mixture_of_models_is_the_mixture_of_those_left(shardwright, tmp_path):
    for seed, name in enumerate("abcd"):
        write_dense(tmp_path / name, "llama", {}, seed)
    recipe = write_recipe(tmp_path / "four.yml", tmp_path / "a", [tmp_path / name for name in "abcd"])
    shardwright.run("moe", recipe, tmp_path / "four")
    recipe = write_recipe(tmp_path / "two.yml", tmp_path / "a", [tmp_path / name for name in "ac"])
    shardwright.run("moe", recipe, tmp_path / "two")
    shardwright.run("experts", "prune", tmp_path / "four", tmp_path / "out", "--keep", "0,2")
    four, two, out = (load_file(tmp_path / name / "model.safetensors") for name in ("four", "two", "out"))
    assert out.keys() == two.keys()
    for name, tensor in out.items():
        wanted = four[name][[0, 2]] if name.endswith("gate.weight") else two[name]
        assert torch.equal(tensor, wanted), name
    assert (tmp_path / "out" / "config.json").read_text() == (tmp_path / "two" / "config.json").read_text()


# Mixtures as transformers makes them, of which an expert can be taken out: settings, and what it becomes.
SPARSE = dict(first_k_dense_replace=0)
WHOLE_HEAD = SPARSE | dict(rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=1.0), partial_rotary_factor=1.0)
TAKEN_OUT = {
    "mixtral": ({}, "mistral"),
    "mixtral-sliding": (dict(sliding_window=4, rms_norm_eps=1e-4), "mistral"),
    "qwen2_moe": ({}, "qwen2"),
    "qwen2_moe-no-bias": (dict(qkv_bias=False), "llama"),
    "qwen2_moe-sliding": (dict(use_sliding_window=True, sliding_window=4, max_window_layers=1, layer_types=ABSENT), "qwen2"),
    "qwen3_moe": (dict(head_dim=16), "qwen3"),
    "qwen3_moe-sliding": (dict(use_sliding_window=True, sliding_window=4), "qwen3"),
    "qwen3_moe-dense-first": (dict(mlp_only_layers=[0], intermediate_size=16), "qwen3"),
    "deepseek": (SPARSE, "llama"),
    "granitemoe": (dict(attention_multiplier=0.2, residual_multiplier=0.5), "granite"),
    "granitemoeshared": ({}, "granite"),
    "granitemoehybrid": (dict(layer_types=["attention"] * 2, position_embedding_type="rope"), "granite"),
    "flex_olmo": ({}, "olmo2"),
    "ernie4_5_moe": (dict(moe_layer_start_index=0), "ernie4_5"),
    "hunyuan_v1_moe": ({}, "hunyuan_v1_dense"),
    "dots1": (SPARSE | dict(norm_topk_prob=True, routed_scaling_factor=1.5), "qwen3"),
    "dots1-sliding": (SPARSE | dict(norm_topk_prob=True, sliding_window=4, max_window_layers=1), "qwen3"),
    "glm4_moe": (WHOLE_HEAD | dict(routed_scaling_factor=0.5), "llama"),
    "glm4_moe-norms": (WHOLE_HEAD | dict(use_qk_norm=True), "qwen3"),
    "glm4_moe-bias": (WHOLE_HEAD | dict(attention_bias=True), "qwen2"),
    "deepseek_v3": (SPARSE | dict(routed_scaling_factor=2.5), "deepseek_v3"),
    "cohere2_moe": (dict(sliding_window=4), "cohere2"),
    "lfm2_moe": (dict(num_dense_layers=0, use_expert_bias=False), "lfm2"),
}
NEARLY_ONE = {"lfm2_moe": 2e-4}  # its router divides by the sum of its weights and 1e-6


def leave_out(folder, key):
    config = json.loads((folder / "config.json").read_text())
    del config[key]
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("case", TAKEN_OUT)
def test_an_expert_taken_out_computes_as_if_it_were_the_only_one(shardwright, tmp_path, case):
    settings, model_type = TAKEN_OUT[case]
    unsaid = {key for key, value in settings.items() if value is ABSENT}
    write_mixture(tmp_path / "whole", case, {key: settings[key] for key in settings.keys() - unsaid})
    for key in unsaid:
        leave_out(tmp_path / "whole", key)
    whole = load(tmp_path / "whole")
    with torch.no_grad():
        for name, weight in whole.named_parameters():
            if "shared" in name and name.endswith(("down_proj.weight", "output_linear.weight")):
                weight.zero_()
    with only(whole, {2}):
        wanted = logits_of(whole)
    shardwright.run("experts", "split", tmp_path / "whole", tmp_path / "out", "--expert", "2")
    assert shardwright.findings(tmp_path / "out") == []
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["model_type"] == model_type
    assert difference(wanted, logits_of(load(tmp_path / "out"))) < NEARLY_ONE.get(case, 2e-5)


REFUSED = {
    "gpt_oss": ({}, "no dense architecture is known"),
    "deepseek_v3": ({}, "is of a layer without experts"),
    "glm4_moe": (SPARSE, "only a part of its heads is rotated"),
    "granitemoehybrid": ({}, "some of its layers are no attention"),
    "cohere2_moe": (SPARSE | dict(rms_norm_eps=1e-5), "its norms are of another kind"),
    "ernie4_5_moe": (dict(moe_layer_start_index=0, use_bias=True), "biases"),
    "qwen2_moe": (dict(mlp_only_layers=[0, 1]), "none of the layers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_dense_model_computes_is_refused_with_the_reason(shardwright, tmp_path, case):
    settings, words = REFUSED[case]
    write_mixture(tmp_path / "whole", case, settings)
    assert words in shardwright.run("experts", "split", tmp_path / "whole", tmp_path / "out", "--expert", "0", codes=(2,))
    assert not (tmp_path / "out").exists()
