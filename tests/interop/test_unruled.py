"""Models without a rule: nothing is said of what transformers builds, and what it refuses or cannot find is found."""

import json
import os
import re
import struct

import config_types
import pytest
import tokenizers
import torch
import transformers
from conftest import ROOT
from folders import change_config, change_shard, load, logits, rename, shards
from test_checks_config import WRONG, refuses_type
from transformers.core_model_loading import revert_weight_conversion
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

ALL = os.environ.get("INTEROP") == "all"
TABLES = [
    f"MODEL_{which}MAPPING_NAMES"
    for which in (
        "FOR_CAUSAL_LM_", "FOR_IMAGE_TEXT_TO_TEXT_", "FOR_SEQ_TO_SEQ_CAUSAL_LM_", "FOR_MASKED_LM_",
        "FOR_SPEECH_SEQ_2_SEQ_", "",
    )
]  # fmt: skip
# Of each kind one: text models, mixtures, state spaces, encoders, decoders of pictures and of sound, embeddings with rows
# of their own, shapes with a 0, names of wrappers.
SAMPLE = (
    "olmo3 albert bart bloom clip csm deberta-v2 dinov3_vit falcon_mamba internvl levit llava lw_detr minimax mllama moshi "
    "nemo_speechlm paligemma swin whisper xlnet zamba2"
).split()
DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"}


def types_without_rule():
    return sorted(set(CONFIG_MAPPING_NAMES) - set(config_types.model_types()))


def classes(model_type):
    found = [getattr(modeling_auto, table).get(model_type, ()) for table in TABLES]
    return list(dict.fromkeys(name for names in found for name in ([names] if isinstance(names, str) else names)))


def write_without_numbers(folder, model, keep=()):
    """What save_pretrained writes, and `keep`, with zeros that take no space on disk."""
    left_out = set(getattr(model, "all_tied_weights_keys", None) or ()) | set(model._keys_to_ignore_on_save or ())
    left_out -= set(keep)
    stored = {name: tensor for name, tensor in model.state_dict().items() if name not in left_out}
    stored = revert_weight_conversion(model, stored)
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in sorted(stored.items()):
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)


@pytest.mark.parametrize("model_type", types_without_rule() if ALL else SAMPLE)
def test_what_transformers_builds_is_not_complained_of(model_type, shardwright, tmp_path):
    assert model_type in types_without_rule()
    built = 0
    for name in classes(model_type)[: None if ALL else 1]:
        folder = tmp_path / name
        folder.mkdir()
        try:
            with torch.device("meta"):
                model = getattr(transformers, name)(transformers.CONFIG_MAPPING[model_type](dtype="float32"))
            write_without_numbers(folder, model)
        except Exception:
            continue  # its defaults make no model
        built += 1
        assert shardwright.findings(folder) == [], name
    if built == 0:
        assert ALL, "the sample has to be of models that can be built"
        pytest.skip("no class of it can be built of its defaults")


def without_padding():
    text = (ROOT / "lib" / "check" / "unruled_config.cc").read_text()
    return "".join(re.findall(r'"([^"]*)"', re.search(r"kNoPadding =(.*?);", text, re.S)[1])).split()


@pytest.mark.parametrize("model_type", types_without_rule() if ALL else SAMPLE)
def test_a_padding_token_beyond_the_vocabulary(model_type, shardwright, tmp_path):
    """Where check says that the class refuses it, it does."""
    for name in classes(model_type)[:1]:  # none for some
        try:
            config = transformers.CONFIG_MAPPING[model_type](dtype="float32")
            with torch.device("meta"):
                write_without_numbers(tmp_path, getattr(transformers, name)(config))
            config = json.loads((tmp_path / "config.json").read_text())
            transformers.CONFIG_MAPPING[model_type].from_dict(dict(config))
        except Exception:
            pytest.skip("its defaults make no model, or no config that can be read again")
        text = config.get("text_config", config)
        if not isinstance(text.get("vocab_size"), int):
            pytest.skip("it has no vocabulary")
        text["pad_token_id"] = text["vocab_size"]
        (tmp_path / "config.json").write_text(json.dumps(config))
        found = shardwright.findings(tmp_path)
        if found == []:
            assert model_type in without_padding() or text.get("model_type") in without_padding()
            continue
        assert [finding["code"] for finding in found] == ["CF306"]
        # speech_to_text fails earlier, in its table of positions.
        refusal = "Padding_idx must be within num_embeddings|index .* is out of bounds"
        with pytest.raises((AssertionError, IndexError), match=refusal), torch.device("meta"):
            getattr(transformers, name)(transformers.CONFIG_MAPPING[model_type].from_dict(config))


def is_head(name):
    return name.endswith("lm_head.weight")


@pytest.mark.parametrize("model_type", types_without_rule() if ALL else SAMPLE)
def test_a_head_beside_the_embedding_that_it_is_tied_to(model_type, shardwright, tmp_path):
    """Where check says that the config ties the two, the class does."""
    for name in classes(model_type)[: None if ALL else 1]:
        folder = tmp_path / name
        folder.mkdir()
        try:
            config = transformers.CONFIG_MAPPING[model_type](dtype="float32")
            config.tie_word_embeddings = True
            with torch.device("meta"):
                model = getattr(transformers, name)(config)
            tied = {head: source for head, source in (model.all_tied_weights_keys or {}).items() if is_head(head)}
            write_without_numbers(folder, model, keep=tied)
        except Exception:
            continue  # its defaults make no model
        with open(folder / "model.safetensors", "r+b") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
            heads = [head for head in header if is_head(head)]
            if not heads:
                continue
            file.seek(8 + length + header[heads[0]]["data_offsets"][0])
            file.write(b"\1")
        found = shardwright.findings(folder)
        if found:
            assert [finding["code"] for finding in found] == ["AR413"], name
            # The checkpoint's name may have other modules in front.
            (source,) = tied.values()
            assert ".".join(source.split(".")[-2:]) + "'" in found[0]["message"]


def common_rows():
    """{key: (kinds, model types that take anything)} of the check's table."""
    text = (ROOT / "lib" / "check" / "config_types.cc").read_text()
    table = re.search(r"kTypedCommonly = .*?\(\{(.*?)\}\);", text, re.S)[1]
    rows = re.findall(r'\{"(\w+)",\s*([\w| ]+),\s*((?:"[^"]*"\s*)+)\}', table)
    return {key: (kinds.split(" | "), "".join(re.findall(r'"([^"]*)"', names)).lstrip("!").split()) for key, kinds, names in rows}


def test_what_most_classes_refuse_each_of_them_refuses():
    """Where the table refuses a kind of value, each class that has the key does."""
    rows = common_rows()
    assert len(rows) > 10
    unlike, tried = [], 0
    for model_type in types_without_rule() if ALL else SAMPLE:
        try:
            written = json.loads(transformers.CONFIG_MAPPING[model_type]().to_json_string(use_diff=False))
            transformers.CONFIG_MAPPING[model_type].from_dict({"model_type": model_type})
        except Exception:
            continue  # some ask for packages that are not here
        for key in rows.keys() & written.keys():
            kinds, others = rows[key]
            for kind, value in WRONG.items():
                if kind in kinds or model_type in others:
                    continue
                tried += 1
                if not refuses_type(model_type, key, value):
                    unlike.append((model_type, key, kind))
    assert tried > 100
    assert unlike == []


SMALL = dict(
    vocab_size=96, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48,
    pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
HEAD = "lm_head.weight"
UP = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(1)
    transformers.Olmo3ForCausalLM(transformers.Olmo3Config(**SMALL)).save_pretrained(tmp_path)
    return tmp_path


def named(change):
    return lambda folder: rename(folder, change)


def stored(change):
    return lambda folder: change_shard(shards(folder)[0], change)


def stated(**keys):
    return lambda folder: change_config(folder, **keys)


def replaced(tensor):
    return stored(lambda found: found | {UP: tensor(found[UP])})


# What is broken: the finding, what transformers does with it, and whether an unsafe repair gives back the model.
BROKEN = {
    "compiled": ("AR405", "complains", True, named(lambda name: "_orig_mod." + name)),
    "parallel": ("AR405", "complains", True, named(lambda name: "module." + name)),
    "peft": ("AR405", "complains", True, named(lambda name: "base_model.model." + name)),
    "base-layer": ("AR405", "complains", True, named(lambda name: name.replace("q_proj.", "q_proj.base_layer."))),
    "adapter": (
        "AR420", "complains", False,
        stored(lambda found: found | {UP.replace("weight", "lora_A.weight"): torch.ones(2, 32)}),
    ),
    "gap": ("AR407", "complains", False, stored(lambda found: {name: found[name] for name in found if ".1." not in name})),
    "last-layer": ("AR407", "complains", False, stored(lambda found: {name: found[name] for name in found if ".3." not in name})),
    "tied-head": ("AR413", "complains", True, stated(tie_word_embeddings=True)),
    "head-rows": ("TK501", "refuses", False, stored(lambda found: found | {HEAD: torch.ones(112, 32)})),
    "head-transposed": ("TK501", "refuses", False, stored(lambda found: found | {HEAD: found[HEAD].T})),
    "vocabulary": ("TK501", "refuses", True, stated(vocab_size=128)),
    "empty": ("AR404", "refuses", False, replaced(lambda tensor: torch.empty(0))),
    "fp8": ("AR406", "wrong", False, replaced(lambda tensor: tensor.to(torch.float8_e4m3fn))),
    "whole-numbers": ("AR406", "wrong", False, replaced(lambda tensor: tensor.view(torch.int32))),
    "leftover": ("CF313", "refuses", True, stated(quantization_config={"quant_method": "gptq", "bits": 4})),
    "layer-types": ("CF312", "refuses", False, stated(layer_types=["full_attention"])),
    "dtype": ("CF312", "refuses", False, stated(dtype="bf16")),
    "padding": ("CF306", "refuses", False, stated(pad_token_id=96)),
    "quotes": ("CF312", "refuses", False, stated(num_hidden_layers="4")),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name, model, shardwright, tmp_path_factory):
    code, does, mends, change = BROKEN[name]
    good = logits(load(model)[0])
    change(model)
    try:
        found, complaints = load(model)
        done = "complains" if complaints else "whole" if torch.equal(logits(found), good) else "wrong"
    except Exception:
        done = "refuses"
    assert done == does
    assert {(finding["code"], finding["severity"]) for finding in shardwright.findings(model)} == {(code, "error")}
    if mends:
        out = tmp_path_factory.mktemp("mended") / "out"
        shardwright.run("repair", model, "--output", out, "--unsafe")
        found, complaints = load(out)
        assert complaints == []
        assert torch.equal(logits(found), good)


def test_a_token_without_a_row(model, shardwright):
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{i}": i for i in range(97)}, unk_token="w0"))
    words.save(str(model / "tokenizer.json"))
    with pytest.raises(IndexError):
        load(model)[0](torch.tensor([words.encode("w96").ids]))
    assert [(finding["code"], finding["severity"]) for finding in shardwright.findings(model)] == [("TK502", "warning")]


VISION = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=28, patch_size=14)


@pytest.mark.parametrize("code, wrapper", [("AR405", "_orig_mod."), ("AR405", "module."), ("AR405", "base_model.model.")])
def test_a_wrapper_around_a_model_that_sees(code, wrapper, shardwright, tmp_path):
    text = transformers.Gemma3TextConfig(**SMALL | dict(head_dim=8))
    config = transformers.Gemma3Config(text_config=text, vision_config=VISION, mm_tokens_per_image=4)
    transformers.Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path)
    assert shardwright.findings(tmp_path) == []
    rename(tmp_path, lambda name: wrapper + name)
    assert [finding["code"] for finding in shardwright.findings(tmp_path)] == [code]
