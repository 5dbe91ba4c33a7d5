"""Which class the tensors are of: what check says beside what transformers loads."""

import pytest
import torch
import transformers
from folders import change_config, change_json, change_shard, shards

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


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_a_decoder_of_another_depth(shardwright, tmp_path, layers):
    model = tmp_path / "model"
    save(model, "t5", "T5ForConditionalGeneration", T5)
    change_config(model, num_decoder_layers=layers)
    assert load_report(model, "T5ForConditionalGeneration") != {}
    (finding,) = shardwright.findings(model)
    assert (finding["code"], finding["pointer"]) == ("CF316", "/num_decoder_layers")
    shardwright.json("repair", model, "--output", tmp_path / "mended", "--unsafe")
    assert load_report(tmp_path / "mended", "T5ForConditionalGeneration") == {}


def test_a_config_under_another_case_is_named(shardwright, tmp_path):
    save(tmp_path, "llama", "LlamaForCausalLM", SIZES)
    (tmp_path / "config.json").rename(tmp_path / "Config.json")
    with pytest.raises((ValueError, OSError)):
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    (finding,) = shardwright.findings(tmp_path)
    assert finding["code"] == "CF301" and "'Config.json'" in finding["message"] and "'llama'" in finding["message"]
