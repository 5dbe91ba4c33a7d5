"""Quantised checkpoints as the packages write them: nothing is found in what transformers loads, and broken in ways that
happen, one finding says what transformers then does not say, or says in other words."""

import importlib.util
import os
import re
import shutil

import pytest
import torch
import transformers
from folders import INDEX, assert_whole, change_config, change_json, load, logits, shards, tensors, verdict
from models import model_named
from quantized import FORMS, SHARDED, write_plain
from safetensors import safe_open
from safetensors.torch import save_file

MODULE = "model.layers.1.mlp.up_proj"
OTHER = "model.layers.1.mlp.down_proj"


def is_there(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


class Quantized:
    """Each form of each family, written once."""

    def __init__(self, root):
        self.root = root
        self.made = {}

    def folder(self, form, family, sharded=False):
        for package in form.packages:
            if not is_there(package):
                pytest.skip(f"no {package}")
        key = f"{form.name}-{family}-{sharded}"
        if key not in self.made:
            place = self.root / key
            place.mkdir()
            write_plain(place / "plain", family, form.sizes)
            form.write(place / "plain", place / "quantized", SHARDED if sharded else {})
            self.made[key] = place
        return self.made[key] / "quantized"

    def plain(self, form, family):
        return self.folder(form, family).parent / "plain"


@pytest.fixture(scope="session")
def quantized(tmp_path_factory):
    return Quantized(tmp_path_factory.mktemp("quantized"))


def findings(shardwright, folder, *options, least="warning"):
    """Without what AutoRound leaves out of the header's metadata."""
    return [finding for finding in shardwright.findings(folder, *options, least=least) if finding["code"] != "ST126"]


WRITTEN = [
    pytest.param(form, family, sharded, id=f"{form}-{family}{'-sharded' if sharded else ''}")
    for form in FORMS
    for family in form.families
    for sharded in ((False, True) if form.sharded and family == "llama" else (False,))
]


@pytest.mark.parametrize("form, family, sharded", [case for case in WRITTEN if case.values[0].loads])
def test_as_written(shardwright, quantized, form, family, sharded):
    folder = quantized.folder(form, family, sharded)
    assert (folder / INDEX).exists() == sharded
    _, complaints = load(folder)
    assert complaints == []
    assert findings(shardwright, folder, "--data") == []
    assert "CF307" in {finding["code"] for finding in shardwright.findings(folder, least="info")}


@pytest.mark.parametrize("form, family, sharded", [case for case in WRITTEN if not case.values[0].loads])
def test_of_another_loader(shardwright, quantized, form, family, sharded):
    """transformers does not see that these are quantised."""
    folder = quantized.folder(form, family, sharded)
    _, complaints = load(folder)
    assert complaints != []
    assert [finding["code"] for finding in findings(shardwright, folder)] == ["AR417"]


# Breakages


def write(folder, state):
    first, *rest = shards(folder)
    with safe_open(first, "pt") as shard:
        metadata = shard.metadata() or {"format": "pt"}
    assert not rest
    save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, first, metadata)


def parts(state, module=MODULE):
    return {name: tensor for name, tensor in state.items() if name.startswith(module + ".")}


def without(*names):
    return lambda state, plain: {name: tensor for name, tensor in state.items() if name not in names}


def without_all(end):
    return lambda state, plain: {name: tensor for name, tensor in state.items() if not name.endswith(end)}


def module_lost(state, plain):
    return {name: tensor for name, tensor in state.items() if name not in parts(state)}


def module_plain(state, plain):
    return module_lost(state, plain) | {MODULE + ".weight": plain[MODULE + ".weight"]}


def all_plain(state, plain):
    return plain


def head_lost(state, plain):
    return {name: tensor for name, tensor in state.items() if not name.startswith("lm_head.")}


def layer_too_many(state, plain):
    return state | {name.replace(".1.", ".2."): tensor for name, tensor in state.items() if ".layers.1." in name}


def layer_lost(state, plain):
    return {name: tensor for name, tensor in state.items() if ".layers.1." not in name}


def wrapped(state, plain):
    return {f"_orig_mod.{name}": tensor for name, tensor in state.items()}


def of_other_parts(end):
    """A part of a module with another shape."""

    def change(state, plain):
        return state | {MODULE + end: state[OTHER + end]}

    return change


def converted(end, dtype):
    return lambda state, plain: {name: tensor.to(dtype) if name.endswith(end) else tensor for name, tensor in state.items()}


def both(state, plain):
    """The weight plain, too, as another one than that of the parts."""
    return state | {MODULE + ".weight": plain[MODULE + ".weight"] * 2}


def all_both(state, plain):
    return state | {n: t for n, t in plain.items() if n.endswith("_proj.weight")}


def beside(**more):
    """Tensors of names that are neither the model's nor the method's."""
    return lambda state, plain: state | {name.replace("__", "."): torch.ones(shape, dtype=torch.bfloat16) for name, shape in more.items()}


def widened(dtype):
    return lambda state, plain: state | {MODULE + ".weight": state[MODULE + ".weight"].to(dtype)}


EVERY = {
    "module-lost": (module_lost, "AR401"),
    "module-plain": (module_plain, "AR418"),
    "all-plain": (all_plain, "CF313"),
    "head-lost": (head_lost, "AR401"),
    "layer-too-many": (layer_too_many, "AR408"),
    "layer-lost": (layer_lost, "AR407"),
    "wrapped": (wrapped, "AR405"),
    "no-config": (None, "AR417"),
    "stranger": (beside(model__foo__weight=[3]), "AR402"),
    "adapter": (beside(**{MODULE + ".lora_A.weight": [4, 128], MODULE + ".lora_B.weight": [192, 4]}), "AR420"),
}
QUANTIZES_PLAIN = {"ao-int8", "ao-fp8"}
OWN = {
    "int4-groups": {
        "one-shape": (without(MODULE + ".weight_shape"), "AR418"),
        "no-shapes": (without_all(".weight_shape"), "AR418"),
        "one-scale": (without(MODULE + ".weight_scale"), "AR418"),
        "no-packed": (without(MODULE + ".weight_packed"), "AR418"),
        "other-packed": (of_other_parts(".weight_packed"), "AR423"),
        "other-dtype": (converted("up_proj.weight_packed", torch.int64), "AR406"),
        "both": (both, "AR402"),
        "all-both": (all_both, "AR402"),
        "bias": (beside(**{MODULE + ".bias": [192]}), "AR402"),
    },
    "int8-static": {"one-input": (without(MODULE + ".input_scale"), "AR418"), "no-inputs": (without_all(".input_scale"), "AR418")},
    "int8-zeros": {
        "one-zero": (without(MODULE + ".weight_zero_point"), "AR418"),
        "other-zeros": (of_other_parts(".weight_zero_point"), "AR423"),
    },
    "fp8-static": {"one-input": (without(MODULE + ".input_scale"), "AR418"), "one-scale": (without(MODULE + ".weight_scale"), "AR418")},
    "nvfp4": {
        "one-global": (without(MODULE + ".weight_global_scale"), "AR418"),
        "no-inputs": (without_all(".input_global_scale"), "AR418"),
    },
    "fp8-cache": {},
    "nf4": {
        "one-absmax": (without(MODULE + ".weight.absmax"), "AR418"),
        "weights-alone": (lambda state, plain: {n: t for n, t in state.items() if ".weight." not in n}, "AR418"),
        "other-weight": (lambda state, plain: state | {MODULE + ".weight": state[MODULE + ".weight"][:-64]}, "AR423"),
        "in-f32": (widened(torch.float32), "AR406"),
        "in-i64": (widened(torch.int64), "AR406"),
    },
    "nf4-double": {
        "one-nested": (without(MODULE + ".weight.nested_absmax"), "AR418"),
        "no-nested": (without_all(".nested_quant_map"), "AR418"),
        "in-bf16": (converted(".nested_absmax", torch.bfloat16), "AR406"),
    },
    "int8": {"one-scb": (without(MODULE + ".SCB"), "AR418"), "in-bf16": (converted(".SCB", torch.bfloat16), "AR406")},
    "ao-int8": {
        "one-scale": (without(MODULE + "._weight_scale"), "AR418"),
        "no-codes": (without_all("_qdata"), "AR418"),
        "both": (both, "AR402"),
    },
    "gptq-4": {
        "one-scale": (without(MODULE + ".scales"), "AR418"),
        "no-codes": (without_all(".qweight"), "AR418"),
        "one-order": (without(MODULE + ".g_idx"), "AR418"),
        "no-order": (without_all(".g_idx"), "AR418"),
        "other-codes": (of_other_parts(".qweight"), "AR423"),
        "both": (both, "AR402"),
    },
    "awq": {"both": (both, "AR402"), "one-zero": (without(MODULE + ".qzeros"), "AR418"), "other-codes": (of_other_parts(".qweight"), "AR423")},
    "auto-round": {"one-zero": (without(MODULE + ".qzeros"), "AR418")},
}
# What happens to any form, in the sample to one.
MOST_BROKEN = OWN.keys() if os.environ.get("INTEROP") == "all" else {"int4-groups"}
BROKEN = [
    pytest.param(form, change, code, id=f"{form}-{name}")
    for form in FORMS
    if form.name in OWN
    for name, (change, code) in ((EVERY if form.name in MOST_BROKEN else {}) | OWN[form.name]).items()
    if not (form.name in QUANTIZES_PLAIN and change in (module_plain, all_plain))
]


def break_it(folder, change, plain):
    if change is None:
        change_json(folder / "config.json", lambda config: config.pop("quantization_config"))
    else:
        write(folder, change(tensors(folder), tensors(plain)))


@pytest.mark.parametrize("form, change, code", BROKEN)
def test_broken(shardwright, quantized, tmp_path, form, change, code):
    good = quantized.folder(form, "llama")
    model, _ = load(good)
    numbers = logits(model)
    folder = tmp_path / "broken"
    shutil.copytree(good, folder)
    break_it(folder, change, quantized.plain(form, "llama"))
    assert verdict(folder, numbers) != "whole"
    found = findings(shardwright, folder)
    assert [finding["code"] for finding in found] == [code], found

    report = shardwright.json("repair", folder, "--output", tmp_path / "mended", "--unsafe", codes=(0, 1))
    if not report["published"]:
        assert code in {finding["code"] for finding in report["left"]}
        assert not (tmp_path / "mended").exists()
        return
    assert findings(shardwright, tmp_path / "mended") == []
    if change is wrapped:
        assert_whole(tmp_path / "mended", numbers)
    else:
        assert change is all_plain
        assert_whole(tmp_path / "mended", logits(load(quantized.plain(form, "llama"))[0]))


HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


@pytest.mark.parametrize("form", [form for form in FORMS if form.name in ("int4-groups", "nf4", "gptq-4")], ids=str)
def test_tied_head(shardwright, quantized, tmp_path, form):
    """A head that is stored plain though the config ties it."""
    folder = tmp_path / "model"
    shutil.copytree(quantized.folder(form, "llama"), folder)
    change_config(folder, tie_word_embeddings=True)
    (finding,) = findings(shardwright, folder)
    assert (finding["code"], finding["tensor"]) == ("AR413", HEAD)

    state = tensors(folder)
    write(folder, state | {HEAD: state[EMBEDDING]})
    numbers = logits(load(folder)[0])
    (finding,) = findings(shardwright, folder, "--data")
    assert (finding["code"], finding["tensor"]) == ("AR412", HEAD)
    shardwright.json("repair", folder, "--in-place")
    assert HEAD not in tensors(folder)
    assert findings(shardwright, folder, "--data") == []
    assert_whole(folder, numbers)


# Mixtures

EXPERT = "model.layers.1.mlp.experts.2"
PART = EXPERT + ".up_proj"


def of_experts(keep):
    return lambda state, plain: {name: tensor for name, tensor in state.items() if ".experts." not in name or keep(name)}


BROKEN_MIXTURES = {
    "one-scale": (without(PART + ".weight_scale"), "AR418"),
    "no-scales": (of_experts(lambda name: not name.endswith(".weight_scale")), "AR418"),
    "one-packed": (without(PART + ".weight_packed"), "AR418"),
    "no-packed": (of_experts(lambda name: not name.endswith(".weight_packed")), "AR418"),
    "part-lost": (lambda state, plain: {n: t for n, t in state.items() if n not in parts(state, PART)}, "AR401"),
    "part-plain": (lambda state, plain: {n: t for n, t in state.items() if n not in parts(state, PART)} | {PART + ".weight": plain[PART + ".weight"]}, "AR418"),
    "expert-lost": (of_experts(lambda name: not name.startswith(EXPERT + ".")), "ME803"),
    "experts-of-a-layer-lost": (of_experts(lambda name: ".layers.0." in name), "AR401"),
    "experts-lost": (of_experts(lambda name: False), "AR401"),
    "layer-lost": (layer_lost, "AR407"),
    "one-too-many": (lambda state, plain: state | {n.replace("experts.3", "experts.4"): t for n, t in state.items() if ".1.mlp.experts.3." in n}, "ME803"),
    "all-too-many": (lambda state, plain: state | {n.replace("experts.3", "experts.4"): t for n, t in state.items() if "experts.3." in n}, "ME802"),
    "router-lost": (without("model.layers.1.mlp.gate.weight"), "AR401"),
}


IN_SAMPLE = BROKEN_MIXTURES.keys() if os.environ.get("INTEROP") == "all" else {"one-scale", "part-lost", "expert-lost", "one-too-many"}


@pytest.mark.parametrize("change, code", [pytest.param(*case, id=name) for name, case in BROKEN_MIXTURES.items() if name in IN_SAMPLE])
def test_broken_mixture(shardwright, quantized, tmp_path, change, code):
    (form,) = (form for form in FORMS if form.name == "qwen3_moe-int4")
    good = quantized.folder(form, "qwen3_moe")
    numbers = logits(load(good)[0])
    folder = tmp_path / "broken"
    shutil.copytree(good, folder)
    break_it(folder, change, quantized.plain(form, "qwen3_moe"))
    assert verdict(folder, numbers) != "whole"
    found = findings(shardwright, folder)
    assert [finding["code"] for finding in found] == [code], found


# What configs say of modules


@pytest.mark.parametrize("pattern", [MODULE, "re:.*layers\\.1\\.mlp\\.up_proj", "re:.*(up|gate)_proj$"])
def test_left_alone(shardwright, quantized, tmp_path, pattern):
    """A plain module that the config means is none too few."""
    (form,) = (form for form in FORMS if form.name == "int4-groups")
    folder = tmp_path / "model"
    shutil.copytree(quantized.folder(form, "llama"), folder)
    state = tensors(folder)
    plain = tensors(quantized.plain(form, "llama"))
    names = [name for name in state if re.fullmatch(r"model\.layers\.1\.mlp\.up_proj\..*", name)]
    if pattern.endswith("$"):
        names = [name for name in state if re.search(r"\.(up|gate)_proj\.", name)]
    modules = {name.rpartition(".")[0] for name in names}
    write(folder, {n: t for n, t in state.items() if n not in names} | {f"{m}.weight": plain[f"{m}.weight"] for m in modules})
    change_json(folder / "config.json", lambda config: config["quantization_config"]["ignore"].append(pattern))
    _, complaints = load(folder)
    assert complaints == []
    assert findings(shardwright, folder) == []


@pytest.mark.parametrize("scheme, block", [("static", {}), ("dynamic", {}), ("static", {"weight_block_size": None})])
def test_scales_of_another_form(shardwright, quantized, tmp_path, scheme, block):
    """fp8 with the names of compressed-tensors, and a config of transformers' own, as AutoFP8 wrote them."""
    (form,) = (form for form in FORMS if form.name == "fp8-static")
    folder = tmp_path / "model"
    shutil.copytree(quantized.folder(form, "llama"), folder)
    if scheme == "dynamic":
        write(folder, without_all(".input_scale")(tensors(folder), {}))
    change_config(folder, quantization_config={"quant_method": "fp8", "activation_scheme": scheme, "ignored_layers": ["lm_head"]} | block)
    _, complaints = load(folder)
    assert any("unexpected_keys" in complaint for complaint in complaints)
    assert [finding["code"] for finding in findings(shardwright, folder)] == ["AR417"]


# fp8 of transformers with scales of the inputs

LOST = MODULE + ".activation_scale"


@pytest.mark.parametrize(
    "change, scheme, codes, unsettled",
    [
        pytest.param(lambda state, plain: state, "static", [], set(), id="whole"),
        pytest.param(without(LOST), "static", ["AR418"], {LOST}, id="one"),
        pytest.param(without_all(".activation_scale"), "static", ["AR418"], None, id="all"),
        pytest.param(without_all(".activation_scale"), "dynamic", [], set(), id="none-needed"),
    ],
)
def test_scales_of_inputs(shardwright, quantized, tmp_path, monkeypatch, change, scheme, codes, unsettled):
    from transformers.quantizers.quantizer_finegrained_fp8 import FineGrainedFP8HfQuantizer

    (form,) = (form for form in FORMS if form.name == "fp8-static")
    folder = tmp_path / "model"
    shutil.copytree(quantized.folder(form, "llama"), folder)
    own = {".weight_scale": ".weight_scale_inv", ".input_scale": ".activation_scale"}
    state = {}
    for name, tensor in tensors(folder).items():
        ends = [end for end in own if name.endswith(end)]
        state |= {name.removesuffix(ends[0]) + own[ends[0]]: tensor.float().reshape(())} if ends else {name: tensor}
    write(folder, change(state, {}))
    settings = {"quant_method": "fp8", "activation_scheme": scheme, "modules_to_not_convert": ["lm_head"], "weight_block_size": None}
    change_config(folder, quantization_config=settings)
    assert [finding["code"] for finding in findings(shardwright, folder)] == codes

    # On a processor it makes them plain, and needs no scale of the inputs; elsewhere the modules have one.
    _, complaints = load(folder)
    assert complaints == []
    monkeypatch.setattr(FineGrainedFP8HfQuantizer, "validate_environment", lambda self, *args, **more: None)
    _, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    missing = {name for name in info["missing_keys"] if name.endswith(".activation_scale")}
    assert missing == (unsettled if unsettled is not None else {name for name in state if name.endswith(".activation_scale")})

@pytest.mark.parametrize("name, method", [("llama-untied", "foo"), ("llama-untied", "modelopt"), ("llama-untied", "mxfp4"), ("gpt_oss-plain", "mxfp4")])
def test_plain_weights_that_load_under_another_method(name, method, shardwright, tmp_path):
    """transformers skips a method that it does not know, and reads MXFP4 in full precision where it cannot compute with it."""
    model_named(name).write(tmp_path)
    good = logits(load(tmp_path)[0])
    change_config(tmp_path, quantization_config={"quant_method": method})
    assert verdict(tmp_path, good) == "whole"
    (finding,) = shardwright.findings(tmp_path)
    assert (finding["code"], finding["severity"]) == ("CF313", "warning")
    shardwright.json("repair", tmp_path, "--in-place", "--unsafe")
    assert shardwright.findings(tmp_path) == []
    assert_whole(tmp_path, good)


@pytest.mark.parametrize(
    "change, code",
    [
        ({"quantization_config": {"quant_method": "fp8", "activation_scheme": "bogus"}}, "CF312"),
        ({"quantization_config": {"quant_method": "fp8", "scale_fmt": "E8M0"}}, "CF312"),
        ({"quantization_config": {"quant_method": None, "activation_scheme": "dynamic"}}, "CF312"),
        ({"quantization_config": {"quant_method": "bitnet"}}, "CF313"),
        ({"transformers_weights": "weights.safetensors"}, "IX202"),
    ],
)
def test_configs_under_which_nothing_loads(change, code, shardwright, tmp_path):
    model_named("llama-untied").write(tmp_path)
    change_config(tmp_path, **change)
    with pytest.raises(Exception):  # noqa: B017: whatever it says
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert code in [finding["code"] for finding in shardwright.findings(tmp_path, least="error")]
