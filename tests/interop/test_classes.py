"""Which class the tensors are of: what check says beside what transformers loads."""

import contextlib
import json

import pytest
import torch
import transformers
from folders import change_config, change_json, change_shard, shards, tensors

SIZES = dict(vocab_size=57, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40)
T5 = dict(vocab_size=57, d_model=32, d_kv=6, d_ff=40, num_layers=2, num_decoder_layers=3, num_heads=4)


def save(folder, model_type, class_name, sizes):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(model_type, **sizes, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    getattr(transformers, class_name)(config).save_pretrained(folder)


def load_report(folder, class_name):
    _, info = getattr(transformers, class_name).from_pretrained(folder, output_loading_info=True)
    return {kind: set(names) for kind, names in info.items() if names}


@pytest.mark.parametrize(
    "model_type, class_name, auto",
    [
        ("bert", "BertModel", "AutoModel"),
        ("bert", "BertForSequenceClassification", "AutoModelForSequenceClassification"),
        ("bert", "BertForTokenClassification", "AutoModelForTokenClassification"),
        ("roberta", "RobertaForSequenceClassification", "AutoModelForSequenceClassification"),
        ("llama", "LlamaModel", "AutoModel"),
        ("llama", "LlamaForSequenceClassification", "AutoModelForSequenceClassification"),
        ("gpt2", "GPT2Model", "AutoModel"),
        ("t5", "T5EncoderModel", "T5EncoderModel"),
    ],
)
def test_a_config_need_not_name_a_class(shardwright, tmp_path, model_type, class_name, auto):
    save(tmp_path, model_type, class_name, T5 if model_type == "t5" else SIZES)
    change_json(tmp_path / "config.json", lambda config: config.pop("architectures"))
    assert load_report(tmp_path, auto) == {}
    assert shardwright.findings(tmp_path) == []


DECODER = "decoder.block.1.layer.0.SelfAttention.o.weight"


def test_a_hole_in_a_decoder_makes_no_encoder(shardwright, tmp_path):
    save(tmp_path, "t5", "T5ForConditionalGeneration", T5)
    change_shard(shards(tmp_path)[0], lambda found: {name: found[name] for name in found if name != DECODER})
    assert load_report(tmp_path, "T5ForConditionalGeneration") == {"missing_keys": {DECODER}}
    (finding,) = shardwright.findings(tmp_path)
    assert (finding["code"], finding["tensor"]) == ("AR401", DECODER)
    assert finding["fix"]["safety"] == "never"


@pytest.mark.parametrize("layers", [1, 2])
def test_a_decoder_of_another_depth(shardwright, tmp_path, layers):
    model = tmp_path / "model"
    save(model, "t5", "T5ForConditionalGeneration", T5)
    change_config(model, num_decoder_layers=layers)
    assert load_report(model, "T5ForConditionalGeneration") != {}
    (finding,) = shardwright.findings(model)
    assert (finding["code"], finding["pointer"]) == ("CF316", "/num_decoder_layers")
    shardwright.json("repair", model, "--output", tmp_path / "mended", "--unsafe")
    assert load_report(tmp_path / "mended", "T5ForConditionalGeneration") == {}


DEEPSEEK = SIZES | dict(
    num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, q_lora_rank=12, kv_lora_rank=10,
    qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6, first_k_dense_replace=1, n_group=2, topk_group=1,
)  # fmt: skip
GEMMA = SIZES | dict(
    num_hidden_layers=6, num_key_value_heads=2, head_dim=8, global_head_dim=16, vocab_size_per_layer_input=50,
    hidden_size_per_layer_input=6, layer_types=["sliding_attention", "full_attention"] * 3, num_kv_shared_layers=2,
)  # fmt: skip
QWEN = SIZES | dict(
    num_key_value_heads=2, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, num_hidden_layers=4, mlp_only_layers=[0, 3]
)  # fmt: skip
LOST = object()


@pytest.mark.parametrize(
    "model_type, prefix, sizes, key, said, was",
    [
        ("deepseek_v3", "DeepseekV3", DEEPSEEK, "q_lora_rank", None, 12),
        ("deepseek_v3", "DeepseekV3", DEEPSEEK | dict(q_lora_rank=None), "q_lora_rank", 12, None),
        ("deepseek_v3", "DeepseekV3", DEEPSEEK | dict(q_lora_rank=None), "q_lora_rank", LOST, None),
        ("deepseek_v2", "DeepseekV2", DEEPSEEK, "q_lora_rank", None, 12),
        ("deepseek_v2", "DeepseekV2", DEEPSEEK | dict(q_lora_rank=None), "q_lora_rank", LOST, None),
        ("gemma4_text", "Gemma4", GEMMA | dict(use_double_wide_mlp=True), "num_kv_shared_layers", 0, 2),
        ("gemma4_text", "Gemma4", GEMMA | dict(use_double_wide_mlp=True), "num_kv_shared_layers", 1, 2),
        ("qwen3_moe", "Qwen3Moe", QWEN, "mlp_only_layers", LOST, [0, 3]),
        ("opt", "OPT", SIZES | dict(ffn_dim=40, word_embed_proj_dim=20), "word_embed_proj_dim", LOST, 20),
    ],
)
def test_a_setting_that_the_tensors_tell(shardwright, tmp_path, model_type, prefix, sizes, key, said, was):
    """One finding, and a repair after which transformers has nothing to report."""
    model, class_name = tmp_path / "model", prefix + "ForCausalLM"
    save(model, model_type, class_name, sizes)
    assert load_report(model, class_name) == {}
    change_json(model / "config.json", lambda config: config.pop(key) if said is LOST else config.update({key: said}))
    with contextlib.suppress(RuntimeError):  # of other shapes
        assert load_report(model, class_name) != {}
    (finding,) = shardwright.findings(model)
    assert (finding["code"], finding["pointer"]) == ("CF316", f"/{key}")
    shardwright.json("repair", model, "--output", tmp_path / "mended", "--unsafe")
    assert json.loads((tmp_path / "mended" / "config.json").read_text())[key] == was
    assert load_report(tmp_path / "mended", class_name) == {}


@pytest.mark.parametrize(
    "model_type, prefix, sizes, key, said",
    [
        ("llama", "Llama", SIZES, "attention_bias", True),
        ("phi", "Phi", SIZES, "qk_layernorm", True),
        ("t5", "T5", T5, "num_decoder_layers", 4),
        ("gemma4_text", "Gemma4", GEMMA, "num_kv_shared_layers", 0),
    ],
)
def test_a_setting_of_which_nothing_is_stored(shardwright, tmp_path, model_type, prefix, sizes, key, said):
    """The config may be wrong, and the tensors may be lost: the two leave the same files."""
    class_name = prefix + ("ForConditionalGeneration" if model_type == "t5" else "ForCausalLM")
    other, lost = tmp_path / "other", tmp_path / "lost"
    save(other, model_type, class_name, sizes)
    names = set(tensors(other))
    change_config(other, **{key: said})
    save(lost, model_type, class_name, sizes | {key: said})
    change_shard(shards(lost)[0], lambda found: {name: found[name] for name in found if name in names})
    for model in (other, lost):
        missing = load_report(model, class_name)["missing_keys"]
        (finding,) = shardwright.findings(model)
        assert (finding["code"], finding["pointer"], finding["count"]) == ("CF316", f"/{key}", len(missing))
        assert finding["fix"]["safety"] == "never"
        shardwright.json("repair", model, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
        assert not (tmp_path / "mended").exists()


@pytest.mark.parametrize(
    "model_type, prefix, kind, other",
    [("qwen2", "Qwen2", "_proj.bias", "llama"), ("ministral3", "Ministral3", "post_attention_layernorm", "cohere")],
)
def test_tensors_that_are_lost_make_no_other_model(shardwright, tmp_path, model_type, prefix, kind, other):
    model = tmp_path / "model"
    save(model, model_type, prefix + "ForCausalLM", SIZES | dict(num_key_value_heads=2, head_dim=8, tie_word_embeddings=True))
    change_shard(shards(model)[0], lambda found: {name: found[name] for name in found if kind not in name})
    assert all(kind in name for name in load_report(model, prefix + "ForCausalLM")["missing_keys"])
    findings = shardwright.findings(model)
    assert {finding["code"] for finding in findings} == {"AR401"}
    assert all(f"'{other}'" in finding["message"] for finding in findings)
    shardwright.json("repair", model, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
    assert not (tmp_path / "mended").exists()


@pytest.mark.parametrize("stored, said", [("olmoe", "flex_olmo"), ("flex_olmo", "olmoe"), ("qwen3", "exaone4")])
def test_norms_in_other_places_are_another_models(shardwright, tmp_path, stored, said):
    """A name for a name of the same shape: the model that it makes would compute something else."""
    classes = {"olmoe": "Olmoe", "flex_olmo": "FlexOlmo", "qwen3": "Qwen3", "exaone4": "Exaone4"}
    model, mended = tmp_path / "model", tmp_path / "mended"
    sizes = SIZES | dict(num_key_value_heads=2, head_dim=8)
    if stored != "qwen3":
        sizes |= dict(num_experts=4, num_experts_per_tok=2)
    save(model, stored, classes[stored] + "ForCausalLM", sizes)
    change_config(model, model_type=said, architectures=[classes[said] + "ForCausalLM"])
    assert load_report(model, classes[said] + "ForCausalLM") != {}
    (finding,) = shardwright.findings(model)
    assert finding["code"] == "AR424"
    shardwright.json("repair", model, "--output", mended, "--unsafe")
    assert json.loads((mended / "config.json").read_text())["model_type"] == stored
    assert load_report(mended, classes[stored] + "ForCausalLM") == {}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("model_type, prefix", [("llama", "Llama"), ("smollm3", "SmolLM3")])
def test_the_text_of_a_model_that_sees(shardwright, tmp_path, model_type, prefix, tied):
    """As it is cut out of one: a model of text alone finds nothing by those names."""
    model, mended, class_name = tmp_path / "model", tmp_path / "mended", prefix + "ForCausalLM"
    save(model, model_type, class_name, SIZES | dict(num_key_value_heads=2, tie_word_embeddings=tied))
    whole = tensors(model)
    change_shard(
        shards(model)[0],
        lambda found: {name.replace("model.", "model.language_model.", 1): found[name] for name in found},
    )
    assert load_report(model, class_name)["missing_keys"] >= {name for name in whole if name.startswith("model.")}
    (finding,) = shardwright.findings(model)
    assert (finding["code"], finding["fix"]["safety"]) == ("AR405", "safe")
    shardwright.json("repair", model, "--output", mended)
    assert load_report(mended, class_name) == {}
    repaired = tensors(mended)
    assert repaired.keys() == whole.keys() and all(torch.equal(repaired[name], whole[name]) for name in whole)


def test_rows_that_a_key_of_their_own_counts(shardwright, tmp_path):
    """The inputs of the layers have a vocabulary beside that of the tokens."""
    model, mended = tmp_path / "model", tmp_path / "mended"
    save(model, "gemma4_text", "Gemma4ForCausalLM", GEMMA)
    change_config(model, vocab_size_per_layer_input=40)
    with pytest.raises(RuntimeError):
        load_report(model, "Gemma4ForCausalLM")
    (finding,) = shardwright.findings(model)
    assert (finding["code"], finding["pointer"]) == ("TK501", "/vocab_size_per_layer_input")
    shardwright.json("repair", model, "--output", mended, "--unsafe")
    assert load_report(mended, "Gemma4ForCausalLM") == {}


@pytest.mark.parametrize("before", ["", "model.model."])
def test_names_with_two_prefixes(shardwright, tmp_path, before):
    """Of two tensors for one place one is loaded, and nobody hears of the other."""
    save(tmp_path, "llama", "LlamaForCausalLM", SIZES)
    change_shard(
        shards(tmp_path)[0],
        lambda found: found | {before + name[6:]: found[name] + 1 for name in found if name.startswith("model.")},
    )
    assert load_report(tmp_path, "LlamaForCausalLM") == {}
    (finding,) = shardwright.findings(tmp_path)
    assert (finding["code"], finding["fix"]["safety"]) == ("AR402", "never")
    assert "does not report the other" in finding["message"]


def test_a_config_under_another_case_is_named(shardwright, tmp_path):
    save(tmp_path, "llama", "LlamaForCausalLM", SIZES)
    (tmp_path / "config.json").rename(tmp_path / "Config.json")
    with pytest.raises((ValueError, OSError)):
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    (finding,) = shardwright.findings(tmp_path)
    assert finding["code"] == "CF301" and "'Config.json'" in finding["message"] and "'llama'" in finding["message"]
