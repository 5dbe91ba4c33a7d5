"""Tiny models quantised by the packages that people quantise with, on a processor."""

import os
import warnings
from dataclasses import dataclass, field, replace
from typing import Callable

import torch
import transformers
from folders import change_shard, shards
from models import model_named

SIZES = dict(vocab_size=128, hidden_size=128, intermediate_size=192, num_attention_heads=4, num_key_value_heads=2, head_dim=32)
# bitsandbytes computes on a processor where rows are whole blocks of 64.
WHOLE_BLOCKS = SIZES | dict(intermediate_size=256)
SHARDED = dict(max_shard_size="60KB")


def write_plain(folder, family, config=SIZES):
    model = model_named(f"{family}-plain")
    replace(model, config=model.config | config, dtype=torch.bfloat16).write(folder)


def plain(folder, **more):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", **more)


# compressed-tensors


def weights(bits, strategy, type="int", symmetric=True, group_size=None, **more):
    return dict(num_bits=bits, type=type, strategy=strategy, symmetric=symmetric, group_size=group_size, dynamic=False) | more


def inputs(strategy, type="int", dynamic=True, **more):
    return dict(num_bits=8, type=type, strategy=strategy, symmetric=True, dynamic=dynamic) | more


FLOAT4 = dict(scale_dtype="torch.float8_e4m3fn", zp_dtype="torch.float8_e4m3fn")
MX = dict(type="float", group_size=32, scale_dtype="torch.uint8", zp_dtype="torch.uint8")
SCALED_INPUTS = dict(num_bits=4, type="float", strategy="tensor_group", symmetric=True, dynamic="local", group_size=16) | FLOAT4


def group(weights, inputs=None, targets=("Linear",)):
    return dict(targets=list(targets), weights=weights) | ({"input_activations": inputs} if inputs else {})


def compressed(source, folder, groups, ignore=("lm_head",), save=None, **more):
    model = plain(source)
    compressor = compress(model, groups, ignore, **more)
    model.save_pretrained(folder, **(save or {}))
    compressor.update_config(folder)


def compress(model, groups, ignore=(), **more):
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config

    groups = {f"group_{i}": each for i, each in enumerate(groups)}
    apply_quantization_config(model, QuantizationConfig(config_groups=groups, ignore=list(ignore), **more))
    for module in model.modules():
        scheme = getattr(module, "quantization_scheme", None)
        if scheme is None:
            continue
        for name, value in module.named_parameters(recurse=False):
            if name.endswith("_global_scale"):
                value.data.fill_(2.0)
            elif name == "weight_scale":
                most = module.weight.abs().max().item() / 2 ** (scheme.weights.num_bits - 1)
                value.data.fill_(most * (2 if hasattr(module, "weight_global_scale") else 1))
            elif name.endswith("_scale"):
                value.data.fill_(0.05)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    return compressor


def with_compressed_experts(state, groups):
    names = [name.removesuffix(".weight") for name in state if ".experts." in name]
    experts = torch.nn.ModuleList(torch.nn.Linear(*state[f"{name}.weight"].shape[::-1], bias=False) for name in names)
    for name, expert in zip(names, experts):
        expert.weight.data = state.pop(f"{name}.weight")
    compress(experts, groups)
    return state | {f"{name}.{part}": value for name, expert in zip(names, experts) for part, value in expert.state_dict().items()}


def compressed_mixture(*groups):
    """Each expert by itself, as llm-compressor stores them: the model of transformers 5 holds them as one tensor."""

    def write(source, folder, save):
        compressed(source, folder, groups, save=save)
        for path in shards(folder):
            change_shard(path, lambda state: with_compressed_experts(state, groups))

    return write


def compressed_form(*groups, **more):
    return lambda source, folder, save: compressed(source, folder, groups, save=save, **more)


# The others


def on_the_way(config):
    """Quantised by transformers while it loads."""

    def write(source, folder, save):
        plain(source, quantization_config=config()).save_pretrained(folder, **save)

    return write


def bitsandbytes(**settings):
    return on_the_way(lambda: transformers.BitsAndBytesConfig(**settings))


def torchao(name, **settings):
    def config():
        import torchao.quantization

        return transformers.TorchAoConfig(getattr(torchao.quantization, name)(**settings))

    return on_the_way(config)


def quanto(name):
    def write(source, folder, save):
        import optimum.quanto as quanto

        quanto.QuantizedModelForCausalLM.quantize(plain(source), weights=getattr(quanto, name), exclude="lm_head").save_pretrained(folder)

    return write


def auto_round(form, **settings):
    def write(source, folder, save):
        from auto_round import AutoRound
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel

        words = Tokenizer(WordLevel({f"w{i}": i for i in range(128)}, unk_token="w0"))
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0", pad_token="w1", eos_token="w2")
        rounding = dict(iters=0, group_size=32, disable_opt_rtn=True, device_map="cpu")
        AutoRound(plain(source), tokenizer, **(rounding | settings)).quantize_and_save(str(folder.parent / "rounded"), format=form)
        (config,) = (folder.parent / "rounded").rglob("config.json")
        config.parent.rename(folder)

    return write


@dataclass(frozen=True)
class Form:
    name: str
    packages: tuple  # that have to be there, to write it and to load it
    write: Callable  # (plain model, folder, arguments of save_pretrained)
    families: tuple = ("llama",)
    sizes: dict = field(default_factory=lambda: SIZES)
    loads: bool = True  # transformers takes it
    first: bool = False  # in the sample
    sharded: bool = True

    def __str__(self):
        return self.name


ALL = ("llama", "qwen2", "gemma2")


def forms():
    def of(packages, **more):
        def form(name, write, **settings):
            yield Form(name, packages, write, **(more | settings))

        return form

    ct = of(("compressed_tensors",))
    yield from ct("int4-groups", compressed_form(group(weights(4, "group", group_size=32))), first=True, families=ALL)
    yield from ct("int3-groups", compressed_form(group(weights(3, "group", group_size=32))), first=True)
    yield from ct("int5-rows", compressed_form(group(weights(5, "channel"))))
    yield from ct("int8-rows", compressed_form(group(weights(8, "channel"))))
    yield from ct("int2-groups", compressed_form(group(weights(2, "group", group_size=32))))
    yield from ct("int4-order", compressed_form(group(weights(4, "group", group_size=32, actorder="weight"))))
    yield from ct("int8-dynamic", compressed_form(group(weights(8, "channel"), inputs("token"))), families=ALL)
    yield from ct("int8-static", compressed_form(group(weights(8, "channel"), inputs("tensor", dynamic=False))), first=True)
    yield from ct("int8-static-zeros", compressed_form(group(weights(8, "channel"), inputs("tensor", dynamic=False, symmetric=False))))
    yield from ct("int8-zeros", compressed_form(group(weights(8, "channel", symmetric=False), inputs("token"))), first=True)
    yield from ct("fp8-static", compressed_form(group(weights(8, "tensor", "float"), inputs("tensor", "float", False))), families=ALL, first=True)
    yield from ct("fp8-dynamic", compressed_form(group(weights(8, "channel", "float"), inputs("token", "float"))), families=ALL)
    blocks = group(weights(8, "block", "float", block_structure=[32, 32]), inputs("group", "float", group_size=32))
    yield from ct("fp8-blocks", compressed_form(blocks))
    four = weights(4, "tensor_group", "float", group_size=16, **FLOAT4)
    yield from ct("nvfp4", compressed_form(group(four, SCALED_INPUTS)), families=ALL, first=True)
    yield from ct("nvfp4-weights", compressed_form(group(four)))
    yield from ct("mxfp4", compressed_form(group(weights(4, "group", **MX))))
    yield from ct("mxfp6", compressed_form(group(weights(6, "group", **MX))))
    yield from ct("mxfp8", compressed_form(group(weights(8, "group", **MX))))
    cache = dict(kv_cache_scheme=inputs("tensor", "float", False))
    yield from ct("cache", compressed_form(**cache))
    yield from ct("fp8-cache", compressed_form(group(weights(8, "tensor", "float"), inputs("tensor", "float", False)), **cache))
    mlp = group(weights(4, "group", group_size=32), targets=("re:.*mlp.*proj",))
    yield from ct("mlp-alone", compressed_form(mlp), first=True)
    attention = group(weights(8, "channel", "float"), inputs("token", "float"), ("re:.*self_attn.*",))
    yield from ct("mixed", compressed_form(attention, mlp))
    yield from ct("head-too", compressed_form(group(weights(4, "group", group_size=32)), ignore=()))

    for family in ("qwen3_moe", "mixtral"):
        mixture = dict(families=(family,), sizes=SIZES | dict(moe_intermediate_size=64), sharded=False)
        first = family == "qwen3_moe"
        yield from ct(f"{family}-int4", compressed_mixture(group(weights(4, "group", group_size=32))), first=first, **mixture)
        yield from ct(f"{family}-fp8", compressed_mixture(group(weights(8, "channel", "float"), inputs("token", "float"))), **mixture)

    bnb = of(("bitsandbytes", "accelerate"), sizes=WHOLE_BLOCKS, families=ALL)
    yield from bnb("nf4", bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4"))
    yield from bnb("fp4", bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="fp4"))
    yield from bnb("nf4-double", bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True))
    yield from bnb("nf4-in-bf16", bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_quant_storage="bfloat16"))
    skipped = ["q_proj", "lm_head"]
    yield from bnb("nf4-skipped", bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4", llm_int8_skip_modules=skipped))
    yield from bnb("int8", bitsandbytes(load_in_8bit=True))
    yield from bnb("int8-skipped", bitsandbytes(load_in_8bit=True, llm_int8_skip_modules=["down_proj", "lm_head"]))

    ao = of(("torchao",))
    yield from ao("ao-int8", torchao("Int8WeightOnlyConfig", version=2), families=ALL)
    yield from ao("ao-fp8", torchao("Float8WeightOnlyConfig"))

    yield from of(("optimum.quanto",), loads=False, sharded=False)("quanto-int8", quanto("qint8"))
    yield from of(("optimum.quanto",), loads=False, sharded=False)("quanto-int4", quanto("qint4"))

    rounded = of(("auto_round", "gptqmodel", "optimum"), sharded=False)
    for bits in (3, 4, 8):
        yield from rounded(f"gptq-{bits}", auto_round("auto_gptq", bits=bits))
    yield from rounded("awq", auto_round("auto_awq", bits=4, sym=False))
    yield from rounded("auto-round", auto_round("auto_round", bits=4))
    yield from rounded("auto-round-awq", auto_round("auto_round:auto_awq", bits=4))


warnings.simplefilter("ignore")
FORMS = [form for form in forms() if form.first or os.environ.get("INTEROP") == "all"]
