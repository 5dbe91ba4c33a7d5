"""Values of a config that transformers refuses, and those that it takes: CF312 and its tables beside the real ones."""

import copy
import json
import re
import warnings

import config_types
import pytest
import torch
import transformers
from conftest import ROOT
from folders import change_config, change_json, load
from models import model_named
from transformers.activations import ACT2FN
from transformers.configuration_utils import _LEGACY_LAYER_TYPE_REMAP, ALLOWED_ATTN_LAYER_TYPES, ALLOWED_MLP_LAYER_TYPES
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

CHECK = ROOT / "lib" / "check"
RULES = {path.stem: json.loads(path.read_text()) for path in config_types.RULES.glob("*.json")}


def table(file, name):
    """The words of a constant table of the check's source."""
    rows = re.search(rf"{name} = .*?\(\s*\{{(.*?)\}}\);", (CHECK / file).read_text(), re.S)[1]
    return rows


def words(file, name):
    return set(re.findall(r'"(\w+)"', table(file, name)))


def test_the_types_are_those_that_transformers_declares():
    assert (CHECK / "config_types.inc").read_text() == config_types.text()


def test_the_model_types_are_those_that_transformers_has():
    assert (CHECK / "model_types.inc").read_text() == config_types.model_types_text()


WRONG = {
    "kNull": None, "kBool": True, "kInt": 3, "kReal": 0.5, "kString": "text", "kList": [], "kObject": {},
}  # fmt: skip


def refuses_type(model_type, key, value):
    """Whether the class refuses the type of the value, when it reads a config."""
    try:
        transformers.CONFIG_MAPPING[model_type].from_dict({"model_type": model_type, key: copy.deepcopy(value)})
    except Exception as error:
        return type(error).__name__ == "StrictDataclassFieldValidationError" and f"'{key}'" in str(error)
    return False


def test_the_declared_types_are_asked_for():
    """Each kind of value for each key of each class: refused where the table says so, and nowhere else."""
    unlike = []
    for (key, kinds), model_types in config_types.rows().items():
        for model_type in model_types:
            for kind, value in WRONG.items():
                if key == "time_step_limit" and kind == "kList":
                    continue  # a pair
                if (kind not in kinds) != refuses_type(model_type, key, value):
                    unlike.append((key, model_type, kind))
    assert unlike == []


def test_the_words_are_those_that_transformers_knows():
    assert words("config_types.cc", "kActivations") == set(ACT2FN)
    assert words("config_types.cc", "kLayerTypes") == set(ALLOWED_ATTN_LAYER_TYPES) | set(_LEGACY_LAYER_TYPE_REMAP)
    assert words("config_types.cc", "kMlpLayerTypes") == set(ALLOWED_MLP_LAYER_TYPES)


def rope_types():
    rows = re.findall(r'\{"(\w+)", "([\w ]*)",\s+"[\w ]*"\}', table("rope_settings.cc", "kRopeTypes"))
    return {name: needed.split() for name, needed in rows}


def test_the_types_of_positions_are_those_that_transformers_knows():
    assert set(rope_types()) == set(ROPE_INIT_FUNCTIONS) | {"default"}


NUMBERS = dict(factor=2.0, low_freq_factor=1.0, high_freq_factor=4.0, short_factor=[1.0] * 8, long_factor=[1.0] * 8)


def build(model_type, keys):
    """The model that a rule's example and these keys describe, without memory."""
    rule = RULES[model_type]
    config = transformers.CONFIG_MAPPING[model_type].from_dict(rule["example"] | {"model_type": model_type} | keys)
    with torch.device("meta"):
        return getattr(transformers, next(iter(rule["classes"])))(config)


def is_refused(model_type, keys):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build(model_type, copy.deepcopy(keys))
    except Exception:
        return True
    return False


@pytest.mark.parametrize("name", rope_types())
def test_what_positions_need(name):
    needed = {key: NUMBERS[key] for key in rope_types()[name]}
    given = {"rope_type": name, "rope_theta": 10000.0} | needed
    assert not is_refused("llama", {"rope_parameters": given})
    for key in needed:
        assert is_refused("llama", {"rope_parameters": {other: given[other] for other in given if other != key}})
        if not isinstance(given[key], list):
            assert is_refused("llama", {"rope_parameters": given | {key: "2"}})


ACTIVATIONS = ("activation", "activation_function", "hidden_act", "hidden_activation", "mamba_hidden_act", "mlp_hidden_act")


@pytest.mark.parametrize("model_type", sorted(set(RULES) & set(CONFIG_MAPPING_NAMES)))
def test_which_keys_a_class_reads(model_type):
    """A rule's defaults name the functions, and the kind of rotary positions, that its class computes with."""
    defaults = RULES[model_type].get("defaults", {})
    for key in ACTIVATIONS:
        assert is_refused(model_type, {key: "no_function"}) == (key in defaults), key
    if "rope_theta" in defaults and "position_embedding_type" not in defaults:
        assert is_refused(model_type, {"rope_parameters": {"rope_type": "spiral", "rope_theta": 10000.0}})


BOTH_KINDS = ["sliding_attention", "full_attention"]
YARN = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0}
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
LINEAR = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
YARN = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0}


def longrope(*lengths):
    short, long = lengths
    return {"rope_type": "longrope", "short_factor": [1.0] * short, "long_factor": [1.0] * long, "factor": 2.0,
            "original_max_position_embeddings": 64, "rope_theta": 10000.0}  # fmt: skip


NAN, INFINITE = float("nan"), float("inf")
LENGTH = "original_max_position_embeddings"
YARN = {"rope_type": "yarn", "factor": 2.0, "rope_theta": 10000.0, LENGTH: 32}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 10000.0, LENGTH: 32}

REFUSED = [
    ("llama-plain", dict(hidden_act="swiglu")),
    ("gemma2-plain", dict(hidden_activation="nothing")),
    ("gpt2-plain", dict(activation_function="gelu_knew")),
    ("llama-plain", dict(rope_parameters={"rope_type": "spiral", "rope_theta": 10000.0})),
    ("llama-plain", dict(rope_parameters=None, rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]})),
    ("llama-plain", dict(rope_parameters=None, rope_scaling={"type": "linear"})),
    ("qwen3-plain", dict(rope_parameters=LINEAR | {"factor": "2"})),
    ("qwen3-plain", dict(rope_parameters={"rope_type": None, "rope_theta": 10000.0})),
    ("llama-plain", dict(rope_parameters={"rope_type": "llama3", "factor": 8.0, "rope_theta": 10000.0})),
    ("phi3-plain", dict(rope_parameters=LINEAR | {"partial_rotary_factor": 1.0})),
    ("gemma3_text-plain", dict(layer_types=BOTH_KINDS, rope_parameters={"full_attention": {"rope_type": "spiral"}, "sliding_attention": {}})),
    ("llama-plain", dict(layer_types=["full_attention", "mystery"])),
    ("qwen2-plain", dict(layer_types=["full_attention", "sparse"])),
    ("llama-plain", dict(layer_types=["full_attention"] * 3)),
    ("qwen3-plain", dict(mlp_layer_types=["dense", "odd"])),
    ("gemma3_text-plain", dict(layer_types=["full_attention", "chunked_attention"])),
    ("phi3-plain", dict(rope_parameters=YARN)),
    ("llama-plain", dict(attention_bias="no")),
    ("qwen2_moe-plain", dict(norm_topk_prob=1)),
    ("llama-plain", dict(pretraining_tp=1.0)),
    ("gemma2-plain", dict(final_logit_softcapping=30)),
    ("phi3-plain", dict(sliding_window="2047")),
    ("llama-plain", dict(use_cache=None)),
    ("llama-plain", dict(id2label=["a", "b"])),
    ("phi3-plain", dict(rope_scaling={"type": "su", "short_factor": [1.0] * 4, "long_factor": [1.0] * 4})),
    ("llama-plain", dict(rope_parameters=longrope(3, 4))),
    ("phi3-plain", dict(rope_parameters=longrope(4, 3))),
    ("phi3-plain", dict(partial_rotary_factor=0.5, rope_parameters=longrope(2, 4))),
    ("qwen3-plain", dict(rope_parameters=longrope(4, 4) | {"short_factor": ["1"] * 4})),
    ("llama-plain", dict(initializer_range=INFINITE)),
    ("llama-plain", dict(initializer_range=NAN)),
    ("llama-plain", dict(initializer_range=5.0)),
    ("llama-plain", dict(initializer_range=-0.1)),
    ("llama-plain", dict(rope_parameters=PLAIN | {"rope_theta": "10000"})),
    ("qwen3-plain", dict(rope_parameters=PLAIN | {"rope_theta": None})),
    ("llama-plain", dict(rope_parameters=None, rope_theta="10000")),
    ("llama-plain", dict(rope_parameters=None, rope_theta=None)),
    ("gpt_neox-plain", dict(rope_parameters=None, rotary_emb_base="10000")),
    ("falcon-plain", dict(rope_parameters=None, rope_theta="10000")),
    ("llama-plain", dict(rope_parameters=YARN | {LENGTH: "32"})),
    ("llama-plain", dict(rope_parameters=YARN | {LENGTH: None})),
    ("llama-plain", dict(rope_parameters=YARN | {LENGTH: NAN})),
    ("llama-plain", dict(rope_parameters=YARN | {LENGTH: 0})),
    ("llama-plain", dict(rope_parameters=YARN | {"beta_fast": "32"})),
    ("llama-plain", dict(rope_parameters=YARN | {"beta_slow": NAN})),
    ("llama-plain", dict(rope_parameters=LLAMA3 | {LENGTH: "32"})),
    ("llama-plain", dict(rope_parameters=longrope(4, 4) | {LENGTH: "64"})),
    ("llama-plain", dict(rope_parameters=longrope(4, 4) | {"factor": "2"})),
    ("llama-plain", dict(dtype="auto")),
    ("llama-plain", dict(dtype="float8_e4m3fn")),
    ("llama-plain", dict(dtype="float4_e2m1fn_x2")),
    ("llama-plain", dict(rope_parameters=LLAMA3 | {"low_freq_factor": 0})),
    ("llama-plain", dict(rope_parameters=YARN | {"beta_fast": -1.0})),
    ("glm4-plain", dict(rope_parameters=PLAIN | {"partial_rotary_factor": -1.0})),
    ("gpt_neox-plain", dict(rope_parameters=PLAIN | {"partial_rotary_factor": None})),
    ("bert-plain", dict(hidden_dropout_prob=-1.0)),
    ("bert-plain", dict(attention_probs_dropout_prob=1.5)),
    ("roberta-plain", dict(hidden_dropout_prob=2.0)),
    ("gpt2-plain", dict(attn_pdrop=-0.1)),
    ("gpt2-plain", dict(embd_pdrop=1.1)),
    ("gpt2-plain", dict(resid_pdrop=-1.0)),
    ("phi-plain", dict(embd_pdrop=-1.0)),
    ("phi-plain", dict(resid_pdrop=-1.0)),
    ("phi3-plain", dict(resid_pdrop=-1.0)),
    ("stablelm-plain", dict(hidden_dropout=-1.0)),
    ("gpt_neox-plain", dict(hidden_dropout=-1.0)),
    ("distilbert-plain", dict(dropout=-1.0)),
    ("distilbert-plain", dict(attention_dropout=-1.0)),
    ("falcon-plain", dict(attention_dropout=-1.0)),
    ("falcon-plain", dict(attention_dropout=None)),
    ("t5-plain", dict(dropout_rate=-1.0)),
    ("t5-plain", dict(dense_act_fn="nothing")),
    ("gemma2-plain", dict(query_pre_attn_scalar=0)),
    ("qwen3_moe-plain", dict(head_dim=8.0)),
    ("glm4_moe-plain", dict(head_dim=8.0)),
    ("gemma3_text-plain", dict(query_pre_attn_scalar=0)),
    ("gemma4_text-plain", dict(use_bidirectional_attention="none")),
    ("gemma4_text-plain", dict(use_bidirectional_attention=True)),
]  # fmt: skip
TAKEN = [
    ("bert-plain", dict(hidden_dropout_prob=1)),
    ("gpt2-plain", dict(attn_pdrop=NAN)),
    ("llama-plain", dict(attention_dropout=-1.0)),
    ("gemma4_text-plain", dict(use_bidirectional_attention="vision")),
    ("qwen2-plain", dict(sliding_window=0)),
    ("gemma2-plain", dict(sliding_window=0, layer_types=["full_attention"] * 2)),
    ("mistral-plain", dict(sliding_window=None)),
    ("llama-plain", dict(rope_parameters=PLAIN | {"partial_rotary_factor": None})),
    ("falcon-plain", dict(hidden_dropout=0.5)),
    ("smollm3-plain", dict(no_rope_layers=[1, 1, 1, 0])),
    ("glm4_moe-plain", dict(mlp_layer_types=["dense"])),
    ("llama-plain", dict(hidden_act="gelu_pytorch_tanh")),
    ("gemma2-plain", dict(hidden_act="nothing")),
    ("gpt_oss-plain", dict(hidden_act="nothing")),
    ("llama-plain", dict(rope_parameters=LINEAR)),
    ("llama-plain", dict(rope_parameters=None, rope_scaling={"type": "dynamic", "factor": 2})),
    ("llama-plain", dict(rope_parameters={"rope_type": "linear", "factor": 2, "some_key": "x", "rope_theta": 10000.0})),
    ("bert-plain", dict(rope_parameters={"rope_type": "spiral"})),
    ("phi3-plain", dict(rope_scaling={"type": "su", "short_factor": [1.0] * 4, "long_factor": [1.0] * 4, "original_max_position_embeddings": 64})),
    ("gemma3_text-plain", dict(rope_parameters={"full_attention": {"rope_type": "spiral"}, "sliding_attention": {}})),
    ("llama-plain", dict(rope_parameters=longrope(1, 1))),
    ("llama-plain", dict(layer_types=["full_attention"] * 2)),
    ("qwen2-plain", dict(layer_types=["attention"] * 2)),
    ("llama-plain", dict(rope_parameters=PLAIN | {"partial_rotary_factor": 0.5})),
    ("deepseek_v3-plain", dict(rope_parameters=LINEAR | {"partial_rotary_factor": 0.5})),
    ("llama-plain", dict(attention_dropout=0)),
    ("gpt2-plain", dict(rms_norm_eps=1, sliding_window="all", rope_theta="x")),
    ("llama-plain", dict(a_key_of_a_tool={"a": 1}, interval=0)),
    ("qwen3_5_text-plain", dict(full_attention_interval=0)),
    ("qwen3-plain", dict(initializer_range=5.0)),
    ("llama-plain", dict(initializer_range=1.0)),
    ("llama-plain", dict(attention_dropout=NAN)),
    ("mixtral-plain", dict(router_aux_loss_coef=NAN)),
    ("gpt_oss-plain", dict(swiglu_limit=INFINITE)),
    ("llama-plain", dict(rope_theta=NAN)),
    ("llama-plain", dict(rope_parameters=YARN | {"beta_fast": None, "attention_factor": None})),
    ("llama-plain", dict(rope_parameters=YARN | {LENGTH: 32.5})),
    ("llama-plain", dict(rope_parameters=YARN | {"factor": None})),
    ("gpt_neox-plain", dict(rope_parameters=None, rope_theta="10000")),
    ("llama-plain", dict(rope_parameters=PLAIN | {LENGTH: "32"})),
]  # fmt: skip


def kinds_of(rows):
    return pytest.mark.parametrize("original, keys", rows, ids=lambda row: row if isinstance(row, str) else json.dumps(row))


def refused_by(folder):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformers.AutoModel.from_pretrained(folder)
    except Exception as error:
        return error
    return None


@kinds_of(REFUSED)
def test_refused_values(original, keys, shardwright, tmp_path):
    model_named(original).write(tmp_path)
    change_config(tmp_path, **keys)
    assert refused_by(tmp_path) is not None
    found = shardwright.findings(tmp_path)
    assert [(finding["code"], finding["severity"]) for finding in found] in ([("CF312", "error")], [("CF306", "error")])


@kinds_of(TAKEN)
def test_values_that_are_taken(original, keys, shardwright, tmp_path):
    model_named(original).write(tmp_path)
    change_config(tmp_path, **keys)
    assert refused_by(tmp_path) is None
    assert shardwright.findings(tmp_path) == []


SPOILED = [
    ("llama-plain", dict(rms_norm_eps=NAN)),
    ("llama-plain", dict(rms_norm_eps=INFINITE)),
    ("gpt_neox-plain", dict(layer_norm_eps=NAN)),
    ("gpt2-plain", dict(layer_norm_epsilon=NAN)),
    ("gemma2-plain", dict(final_logit_softcapping=NAN)),
    ("gemma2-plain", dict(attn_logit_softcapping=INFINITE)),
    ("granite-plain", dict(embedding_multiplier=NAN)),
    ("granite-plain", dict(logits_scaling=NAN)),
    ("cohere-plain", dict(logit_scale=NAN)),
    ("deepseek_v3-plain", dict(routed_scaling_factor=NAN)),
    ("gpt_oss-plain", dict(swiglu_limit=NAN)),
    ("llama-plain", dict(rope_parameters=PLAIN | {"rope_theta": NAN})),
    ("llama-plain", dict(rope_parameters=PLAIN | {"rope_theta": 0})),
    ("llama-plain", dict(rope_parameters=PLAIN | {"rope_theta": -5.0})),
    ("llama-plain", dict(rope_parameters=None, rope_theta=NAN)),
    ("llama-plain", dict(rope_parameters=LINEAR | {"factor": NAN})),
    ("llama-plain", dict(rope_parameters=YARN | {"factor": NAN})),
    ("llama-plain", dict(rope_parameters=YARN | {"attention_factor": NAN})),
    ("llama-plain", dict(rope_parameters=LLAMA3 | {LENGTH: NAN})),
    ("llama-plain", dict(rope_parameters=longrope(4, 4) | {LENGTH: NAN})),
    ("llama-plain", dict(rope_parameters=longrope(4, 4) | {"factor": NAN})),
    ("llama-plain", dict(rope_parameters=LINEAR | {"factor": 0})),
    ("llama-plain", dict(rope_parameters=LINEAR | {"factor": -1.0})),
    ("llama-plain", dict(rope_parameters=LLAMA3 | {"factor": -1.0})),
    ("glm4-plain", dict(rope_parameters=PLAIN | {"partial_rotary_factor": 0})),
    ("llama-plain", dict(rms_norm_eps=-1.0)),
    ("bert-plain", dict(layer_norm_eps=-1.0)),
    ("starcoder2-plain", dict(norm_epsilon=-1.0)),
    ("lfm2-plain", dict(norm_eps=-1.0)),
    ("granite-plain", dict(attention_multiplier=0.0)),
    ("granite-plain", dict(logits_scaling=0.0)),
    ("gemma2-plain", dict(final_logit_softcapping=0.0)),
    ("gemma2-plain", dict(attn_logit_softcapping=0.0)),
]  # fmt: skip
STOPS = [
    ("opt-plain", dict(dropout=-1.0)),
    ("falcon-plain", dict(hidden_dropout=-1.0)),
    ("falcon-plain", dict(hidden_dropout=None)),
    ("falcon-plain", dict(layer_norm_epsilon=None)),
    ("starcoder2-plain", dict(residual_dropout=-1.0)),
    ("starcoder2-plain", dict(embedding_dropout=-1.0)),
    ("seed_oss-plain", dict(residual_dropout=1.5)),
    ("nemotron_h-plain", dict(chunk_size=0)),
    ("granitemoehybrid-plain", dict(mamba_chunk_size=0)),
    ("granitemoehybrid-plain", dict(mamba_chunk_size=None)),
    ("granitemoe-plain", dict(embedding_multiplier=None)),
    ("granitemoe-plain", dict(residual_multiplier=None)),
    ("granitemoeshared-plain", dict(logits_scaling=None)),
    ("cohere-plain", dict(layer_norm_eps=None)),
    ("cohere-plain", dict(logit_scale=None)),
    ("ernie4_5_moe-plain", dict(moe_norm_min=None)),
    ("cohere2_moe-plain", dict(expert_selection_fn="tanh")),
    ("phi3-plain", dict(rope_parameters=PLAIN | {"partial_rotary_factor": 2.0})),
    ("mistral-plain", dict(sliding_window=0)),
    ("mixtral-plain", dict(sliding_window=-5)),
    ("phi3-plain", dict(sliding_window=0)),
    ("gemma2-plain", dict(sliding_window=0)),
    ("gemma3n_text-plain", dict(sliding_window=0)),
    ("gemma4_text-plain", dict(sliding_window=0)),
    ("gpt_oss-plain", dict(sliding_window=0)),
    ("cohere2-plain", dict(sliding_window=0)),
    ("qwen2-plain", dict(sliding_window=0, use_sliding_window=True, layer_types=["sliding_attention"] * 2)),
    ("qwen3-plain", dict(layer_types=["full_attention", "linear_attention"])),
    ("smollm3-plain", dict(layer_types=["full_attention", "conv"])),
    ("cohere2-plain", dict(layer_types=["full_attention", "chunked_attention"])),
    ("ministral3-plain", dict(rope_parameters=YARN)),
    ("llama-plain", dict(rope_parameters=LINEAR | {"partial_rotary_factor": 0.5})),
    ("gemma-plain", dict(rope_parameters=YARN | {"partial_rotary_factor": 0.5})),
]  # fmt: skip


def logits(folder):
    with torch.no_grad():
        return load(folder)[0].eval()(input_ids=torch.tensor([[1, 2, 3]])).logits


@kinds_of(SPOILED)
def test_numbers_that_spoil_a_model(original, keys, shardwright, tmp_path):
    """It loads, and its logits are others: NaN, or those of positions that are none."""
    model_named(original).write(tmp_path)
    sound = logits(tmp_path)
    change_config(tmp_path, **keys)
    assert refused_by(tmp_path) is None
    # With an infinite epsilon all are zero.
    assert not torch.allclose(logits(tmp_path), sound, atol=1e-4)
    found = shardwright.findings(tmp_path)
    assert [(finding["code"], finding["severity"]) for finding in found] == [("CF312", "error")]
    assert "loads the model" in found[0]["message"] and "is null" not in found[0]["message"]


@kinds_of(STOPS)
def test_values_that_stop_a_model(original, keys, shardwright, tmp_path):
    """It loads, and its first forward pass raises."""
    model_named(original).write(tmp_path)
    logits(tmp_path)
    change_config(tmp_path, **keys)
    assert refused_by(tmp_path) is None
    with pytest.raises(Exception):
        logits(tmp_path)
    found = shardwright.findings(tmp_path)
    assert [(finding["code"], finding["severity"]) for finding in found] == [("CF312", "error")]
    assert "stops at the first text" in found[0]["message"]


def test_a_number_beyond_doubles(shardwright, tmp_path):
    """Python reads 1e400 as infinite, in any key."""
    model_named("qwen3-plain").write(tmp_path)
    change_config(tmp_path, initializer_range=5e300)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace("5e+300", "1e400"))
    assert "1e400" in path.read_text() and refused_by(tmp_path) is None
    assert shardwright.findings(tmp_path) == []


def test_an_interval_of_zero_without_a_list(shardwright, tmp_path):
    model_named("qwen3_5_text-plain").write(tmp_path)
    change_config(tmp_path, full_attention_interval=0)
    change_json(tmp_path / "config.json", lambda config: config.pop("layer_types"))
    assert refused_by(tmp_path) is not None
    assert [finding["code"] for finding in shardwright.findings(tmp_path)] == ["CF306"]


# Names that transformers does not know: the weights are checked all the same.

OLD_FALCON = {"num_hidden_layers": "n_layer", "num_attention_heads": "n_head", "num_kv_heads": "n_head_kv"}


def age(folder, model_type, **more):
    """The config as the code had it that came with Falcon before transformers knew it."""

    def change(config):
        for key, old in OLD_FALCON.items():
            config[old] = config.pop(key)
        for key in ("new_decoder_architecture", "ffn_hidden_size"):
            config.pop(key, None)
        config.update(model_type=model_type, architectures=["RWForCausalLM"], **more)

    change_json(folder / "config.json", change)


OLD = {"RefinedWeb": dict(new_decoder_architecture=True, num_kv_heads=2),
       "RefinedWebModel": dict(new_decoder_architecture=False, multi_query=True)}  # fmt: skip


@pytest.mark.parametrize("own_code", [False, True])
@pytest.mark.parametrize("model_type", OLD)
def test_falcon_under_its_older_names(model_type, own_code, shardwright, tmp_path):
    config = transformers.FalconConfig(
        vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, **OLD[model_type]
    )
    transformers.FalconForCausalLM(config).save_pretrained(tmp_path)
    age(tmp_path, model_type)
    if own_code:
        change_config(tmp_path, auto_map={"AutoModelForCausalLM": "modelling_RW.RWForCausalLM"})
        (tmp_path / "modelling_RW.py").write_text("")
    assert refused_by(tmp_path) is not None
    assert [finding["code"] for finding in shardwright.findings(tmp_path)] == ["CF305"]
    assert shardwright.check(tmp_path)["findings"][0]["fix"]["safety"] == "never"
    change_config(tmp_path, n_layer=3)
    assert "AR407" in {finding["code"] for finding in shardwright.findings(tmp_path)}


def test_llama_under_its_older_name(shardwright, tmp_path):
    model_named("llama-plain").write(tmp_path)
    change_config(tmp_path, architectures=["LLaMAForCausalLM"])
    assert load(tmp_path)[1] == []
    assert shardwright.findings(tmp_path) == []
    change_json(tmp_path / "config.json", lambda config: config.pop("model_type"))
    assert refused_by(tmp_path) is not None
    assert [finding["code"] for finding in shardwright.findings(tmp_path)] == ["CF311"]
