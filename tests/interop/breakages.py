"""The table of broken checkpoints: each is a small function that breaks a good folder, and what is known of the result."""

import json
import os
import re
from dataclasses import dataclass
from typing import Callable

import torch
from folders import INDEX, change_config, change_json, change_map, change_shard, load, rename, rewrite_bytes, shards
from models import model_named
from safetensors.torch import load_file, save_file

SHARDED = dict(max_shard_size="20KB")
ORIGINALS = {
    "tied": model_named("gemma2-plain"),
    "tied-shards": model_named("gemma2-plain", save=SHARDED),
    "tied-by-flag": model_named("llama-tied"),
    "untied": model_named("llama-untied"),
    "shards": model_named("llama-sharded"),
    "bf16-shards": model_named("qwen3-bfloat16", save=SHARDED),
    "mixture": model_named("qwen2_moe-plain"),
    "mixture-shards": model_named("qwen2_moe-sharded"),
    "router": model_named("qwen3_moe-one-expert"),
    "mixtral": model_named("mixtral-plain"),
    "correction": model_named("glm4_moe-plain"),
    "stacked": model_named("granitemoe-plain"),
    "biased": model_named("gpt_oss-plain"),
    "wide": model_named("llama-wide-head"),
    "gpt2": model_named("gpt2-plain"),
    "neox": model_named("gpt_neox-plain"),
}


@dataclass(frozen=True)
class Breakage:
    name: str
    original: str
    code: str  # of the finding
    severity: str
    transformers: str  # what it does with the folder: whole, complains, wrong, refuses
    apply: Callable
    unsafe: bool = False  # the fix needs a decision
    mendable: bool = True
    although: str = ""  # why it is an error although transformers 5 loads it whole

    def __str__(self):
        return f"{self.name}-{self.original}"


BREAKAGES = []


def broken(originals, code, severity, transformers, **more):
    """Adds the function below to the table, once for each original."""

    def add(function):
        name = function.__name__.replace("_", "-")
        BREAKAGES.extend(
            Breakage(name, original, code, severity, transformers, function, **more) for original in originals.split()
        )
        return function

    return add


def lost(originals, code, severity, transformers, **more):
    """The same for what nothing in the folder can mend."""
    return broken(originals, code, severity, transformers, mendable=False, **more)


CONTRADICTION = dict(although="index and shards contradict each other")


# Ties


@broken("tied tied-shards tied-by-flag", "AR412", "warning", "whole")
def extra_equal_head(folder):
    """As trainers still make it: save_pretrained with a state dict of clones."""
    model, _ = load(folder)
    sharded = SHARDED if (folder / INDEX).exists() else {}
    for path in shards(folder):
        path.unlink()
    clones = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=clones, **sharded)


@broken("untied shards bf16-shards", "AR413", "error", "complains", unsafe=True)
def tied_with_another_head(folder):
    change_config(folder, tie_word_embeddings=True)


@broken("tied tied-shards tied-by-flag", "AR414", "error", "complains", unsafe=True)
def tie_flag_false(folder):
    change_config(folder, tie_word_embeddings=False)


@broken("tied-by-flag", "AR414", "error", "complains", unsafe=True)
def tie_flag_lost(folder):
    """The class default of Llama is untied."""
    change_json(folder / "config.json", lambda config: config.pop("tie_word_embeddings"))


# Routers and gates

SHARED_GATE = "mlp.shared_expert_gate.weight"
ROUTER = ("mlp.gate.weight", "block_sparse_moe.gate.weight", "router.layer.weight", "mlp.router.weight")
CORRECTION = "e_score_correction_bias"


def change_gates(folder, ending, change):
    for path in shards(folder):
        gates = {name: change(tensor) for name, tensor in load_file(path).items() if name.endswith(ending)}
        change_shard(path, lambda found: found | gates)


@broken("mixture mixture-shards", "ME801", "error", "refuses")
def flat_shared_gates(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.flatten())


@broken("mixture", "ME801", "error", "refuses")
def standing_shared_gates(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.T)


@broken("mixture router stacked", "ME801", "error", "refuses")
def flat_routers(folder):
    change_gates(folder, ROUTER, lambda router: router.flatten())


@broken("mixture mixtral biased", "ME801", "error", "refuses", unsafe=True)
def turned_routers(folder):
    """The number of elements is right, and their order is not."""
    change_gates(folder, ROUTER, lambda router: router.T)


@lost("mixture stacked", "ME801", "error", "refuses")
def routers_a_row_short(folder):
    change_gates(folder, ROUTER, lambda router: router[:-1])


@lost("mixtral biased", "ME801", "error", "refuses")
def routers_with_more_rows(folder):
    change_gates(folder, ROUTER, lambda router: router.repeat(2, 1))


@broken("correction", "ME801", "error", "refuses")
def correction_in_a_row(folder):
    change_gates(folder, CORRECTION, lambda bias: bias[None])


@lost("correction", "ME801", "error", "refuses")
def short_correction(folder):
    change_gates(folder, CORRECTION, lambda bias: bias[:-1])


@lost("biased", "ME801", "error", "refuses")
def short_router_bias(folder):
    change_gates(folder, "mlp.router.bias", lambda bias: bias[:-1])


@lost("mixture mixture-shards", "ME801", "error", "refuses")
def shared_gates_without_rows(folder):
    """As merge tools wrote them where no prompt was given."""
    change_gates(folder, SHARED_GATE, lambda gate: gate[:0])


@lost("mixture", "ME801", "error", "refuses")
def shared_gates_of_two_rows(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.repeat(2, 1))


@lost("mixture", "ME801", "error", "refuses")
def short_shared_gates(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.flatten()[:-1])


@lost("mixture", "AR401", "error", "complains")
def shared_gates_absent(folder):
    change_shard(shards(folder)[0], lambda found: {name: found[name] for name in found if not name.endswith(SHARED_GATE)})


# Experts

EXPERT = re.compile(r"(layers\.(\d+)\..*experts\.)(\d+)")
COUNTS = ("num_experts", "num_local_experts", "n_routed_experts")
BY_NUMBER = dict(although="transformers 4 fills those of other numbers with random values")


def number_experts(folder, number):
    """Renames experts to what `number` makes of (layer, expert), and drops those for which that is None."""

    def new_name(name):
        found = EXPERT.search(name)
        if found is None:
            return name
        other = number(int(found[2]), int(found[3]))
        return None if other is None else name[: found.start(3)] + str(other) + name[found.end(3) :]

    for path in shards(folder):
        change_shard(path, lambda found: {new_name(name): found[name] for name in found if new_name(name) is not None})
    if (folder / INDEX).exists():
        change_map(folder, lambda names: renamed(names, new_name))


def renamed(names, new_name):
    found = dict(names)
    names.clear()
    names.update({new_name(name): file for name, file in found.items() if new_name(name) is not None})


def copy_experts(folder, wanted):
    """Adds expert 4, a copy of expert 3, to the layers that are wanted."""

    def grown(found):
        more = {}
        for name, tensor in found.items():
            expert = EXPERT.search(name)
            if expert and expert[3] == "3" and wanted(int(expert[2])):
                more[name[: expert.start(3)] + "4" + name[expert.end(3) :]] = tensor.clone()
        return found | more

    for path in shards(folder):
        change_shard(path, grown)


def count_experts(folder, count):
    change_json(folder / "config.json", lambda config: config.update({key: count for key in COUNTS if key in config}))


@broken("mixture mixtral mixture-shards correction stacked biased", "ME802", "error", "refuses")
def config_of_more_experts(folder):
    count_experts(folder, 8)


@broken("mixture mixtral correction stacked biased", "ME802", "error", "refuses")
def config_of_fewer_experts(folder):
    count_experts(folder, 3)


@lost("mixture mixtral correction", "ME802", "error", "refuses")
def last_experts_lost(folder):
    number_experts(folder, lambda layer, expert: expert if expert < 3 else None)


@lost("mixtral", "ME802", "error", "refuses")
def experts_without_rows(folder):
    copy_experts(folder, lambda layer: True)


@lost("mixture mixtral correction", "ME803", "error", "refuses")
def experts_with_a_hole(folder):
    number_experts(folder, lambda layer, expert: None if expert == 1 else expert)


@lost("mixture mixtral mixture-shards", "ME803", "error", "refuses")
def expert_of_a_layer_lost(folder):
    number_experts(folder, lambda layer, expert: None if (layer, expert) == (1, 3) else expert)


@lost("mixture mixtral", "ME803", "error", "refuses")
def expert_too_many_in_a_layer(folder):
    copy_experts(folder, lambda layer: layer == 1)


@broken("mixture mixtral correction", "ME803", "error", "whole", unsafe=True, **BY_NUMBER)
def experts_numbered_from_one(folder):
    number_experts(folder, lambda layer, expert: expert + 1)


@broken("mixture mixtral mixture-shards", "ME803", "error", "whole", unsafe=True, **BY_NUMBER)
def experts_numbered_with_a_hole(folder):
    number_experts(folder, lambda layer, expert: expert + 12 * (layer == 1 and expert > 1))


@lost("mixture mixtral", "AR401", "error", "refuses")
def part_of_an_expert_lost(folder):
    parts = ("layers.1.mlp.experts.2.up_proj.weight", "layers.1.block_sparse_moe.experts.2.w3.weight")
    change_shard(shards(folder)[0], lambda found: {name: found[name] for name in found if not name.endswith(parts)})


@lost("mixture mixtral", "AR403", "error", "refuses")
def narrow_expert(folder):
    def narrow(name, tensor):
        found = EXPERT.search(name)
        return tensor[:8, :8].clone() if found and found[2] == "1" and found[3] == "2" else tensor

    change_shard(shards(folder)[0], lambda found: {name: narrow(name, tensor) for name, tensor in found.items()})


# Wrappers


@broken("untied shards tied mixture", "AR405", "error", "complains")
def wrapped_by_data_parallel(folder):
    rename(folder, lambda name: "module." + name)


@broken("tied-by-flag shards", "AR405", "error", "complains")
def wrapped_by_compile(folder):
    rename(folder, lambda name: "_orig_mod." + name)


@broken("untied bf16-shards", "AR405", "error", "complains")
def parts_wrapped_by_fsdp(folder):
    def wrap(name):
        return name.replace("self_attn.", "self_attn._fsdp_wrapped_module.").replace("mlp.", "_fsdp_wrapped_module.mlp.")

    rename(folder, wrap)


@broken("untied tied-shards", "AR405", "error", "complains")
def layer_wrapped_by_compile(folder):
    rename(folder, lambda name: name.replace("layers.1.", "layers.1._orig_mod."))


@broken("shards", "AR405", "error", "complains")
def wrapped_twice(folder):
    rename(folder, lambda name: "_orig_mod.module." + name.replace("mlp.", "mlp.module."))


@broken("untied shards", "AR405", "error", "complains")
def saved_by_peft(folder):
    """A merged adapter whose model was saved with the names of the wrapper."""
    rename(folder, lambda name: "base_model.model." + name.replace("q_proj.", "q_proj.base_layer."))


@broken("untied shards mixture", "AR405", "error", "complains")
def part_of_something_larger(folder):
    rename(folder, lambda name: "llm." + name)


LORA = {"lora_A": torch.ones(2, 32), "lora_B": torch.ones(32, 2)}


@lost("untied", "AR420", "error", "complains")
def adapter_never_merged(folder):
    rename(folder, lambda name: name.replace("q_proj.", "q_proj.base_layer."))
    pairs = {f"model.layers.0.self_attn.q_proj.{name}.default.weight": LORA[name].clone() for name in LORA}
    change_shard(shards(folder)[0], lambda found: found | pairs)


@lost("untied", "AR420", "error", "complains")
def adapter_as_the_model(folder):
    pairs = {f"base_model.model.model.layers.0.self_attn.q_proj.{name}.weight": LORA[name].clone() for name in LORA}
    change_shard(shards(folder)[0], lambda found: pairs)


# Other names


@broken("mixture mixture-shards router", "AR419", "error", "complains", unsafe=True)
def renamed_routers(folder):
    rename(folder, lambda name: name.replace("mlp.gate.weight", "mlp.gate.linear.weight"))


@broken("untied shards", "AR419", "error", "complains", unsafe=True)
def attention_by_another_name(folder):
    rename(folder, lambda name: name.replace("self_attn", "attention"))


# Tensors of nobody


@broken("untied shards tied mixture-shards", "AR402", "error", "complains", unsafe=True)
def left_over_tensors(folder):
    """Of a value head, as TRL leaves it, and of a class that was changed."""
    more = {"v_head.summary.weight": torch.ones(1, 32), "model.layers.0.self_attn.sink": torch.ones(4)}
    change_shard(shards(folder)[-1], lambda found: found | more)
    if (folder / INDEX).exists():
        change_map(folder, lambda names: names.update(dict.fromkeys(more, shards(folder)[-1].name)))


@lost("untied shards", "AR402", "error", "complains")
def biases_that_the_config_lost(folder):
    """The config may have lost attention_bias: nobody but the owner knows."""
    biases = {f"model.layers.{layer}.self_attn.q_proj.bias": torch.ones(32) for layer in range(2)}
    change_shard(shards(folder)[-1], lambda found: found | biases)
    if (folder / INDEX).exists():
        change_map(folder, lambda names: names.update(dict.fromkeys(biases, shards(folder)[-1].name)))


@broken("untied mixture", "AR422", "info", "whole")
def old_rotary_buffers(folder):
    buffers = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(4) for layer in range(2)}
    change_shard(shards(folder)[0], lambda found: found | buffers)


@broken("gpt2 neox", "AR422", "info", "whole")
def old_attention_masks(folder):
    """As versions before 4.30 wrote them."""
    is_neox = any(name.startswith("gpt_neox.") for name in load_file(shards(folder)[0]))
    attention = "gpt_neox.layers.{}.attention" if is_neox else "transformer.h.{}.attn"
    masks = {"bias": torch.ones(1, 1, 40, 40, dtype=torch.bool).tril()}
    if is_neox:
        masks["masked_bias"] = torch.tensor(-1e9)
    buffers = {f"{attention.format(layer)}.{name}": mask for layer in range(2) for name, mask in masks.items()}
    change_shard(shards(folder)[0], lambda found: found | {name: mask.clone() for name, mask in buffers.items()})


@broken("gpt2", "AR422", "error", "complains")
def old_number_in_masked_places(folder):
    numbers = {f"transformer.h.{layer}.attn.masked_bias": torch.tensor(-1e9) for layer in range(2)}
    change_shard(shards(folder)[0], lambda found: found | numbers)


# Quantisation


@broken("untied shards", "CF313", "error", "refuses", unsafe=True)
def quantization_left_behind(folder):
    change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 32})


@lost("untied", "AR417", "error", "complains")
def eight_bits_without_config(folder):
    def quantize(found):
        linear = [name for name in found if name.endswith("_proj.weight")]
        scales = {name.replace("weight", "SCB"): torch.ones(len(found[name])) for name in linear}
        return found | {name: found[name].to(torch.int8) for name in linear} | scales

    change_shard(shards(folder)[0], quantize)


# Prefixes


@broken("untied shards", "AR410", "warning", "whole")
def doubled_prefix(folder):
    rename(folder, lambda name: name.replace("model.layers.1.", "model.model.layers.1."))


@broken("untied tied-shards", "AR410", "warning", "whole")
def layer_without_prefix(folder):
    rename(folder, lambda name: name.replace("model.layers.1.", "layers.1."))


# The config


@broken("untied mixture", "AR403", "error", "refuses", unsafe=True)
def other_key_value_heads(folder):
    change_config(folder, num_key_value_heads=1)


@broken("wide", "AR403", "error", "refuses", unsafe=True)
def head_dim_lost(folder):
    change_json(folder / "config.json", lambda config: config.pop("head_dim"))


@broken("untied correction", "CF316", "error", "complains", unsafe=True)
def attention_bias_claimed(folder):
    change_config(folder, attention_bias=True)


@broken("biased", "CF316", "error", "complains", unsafe=True)
def attention_bias_denied(folder):
    change_config(folder, attention_bias=False)


@broken("correction", "CF316", "error", "complains", unsafe=True)
def more_dense_layers(folder):
    change_config(folder, first_k_dense_replace=2)


@broken("untied mixtral", "AR407", "error", "complains", unsafe=True)
def config_of_a_deeper_model(folder):
    change_config(folder, num_hidden_layers=4)


@broken("untied shards tied", "TK501", "error", "refuses", unsafe=True)
def vocabulary_of_the_base(folder):
    """Rows were added, and the config is still that of the base."""
    change_config(folder, vocab_size=80)


@lost("untied", "CF314", "error", "refuses")
def generation_refused(folder):
    change_json(folder / "generation_config.json", lambda config: config.update(max_new_tokens=0))


@broken("tied-by-flag mixture", "CF311", "error", "refuses", unsafe=True)
def model_type_lost(folder):
    change_json(folder / "config.json", lambda config: config.pop("model_type"))


# The index


@broken("shards tied-shards mixture-shards bf16-shards", "IX211", "error", "refuses")
def index_missing(folder):
    (folder / INDEX).unlink()


@broken("shards tied-shards", "IX203", "error", "whole", **CONTRADICTION)
def index_with_wrong_targets(folder):
    def swap(weight_map):
        first, last = min(weight_map.values()), max(weight_map.values())
        weight_map.update({name: {first: last, last: first}.get(file, file) for name, file in weight_map.items()})

    change_map(folder, swap)


@broken("shards tied-shards", "IX204", "error", "whole", **CONTRADICTION)
def index_with_phantom(folder):
    change_map(folder, lambda weight_map: weight_map.update({"model.rotary_emb.inv_freq": min(weight_map.values())}))


@broken("tied-shards", "IX204", "error", "whole", **CONTRADICTION)
def index_still_names_the_head(folder):
    """Somebody dropped the head of a tied model from the shard alone."""
    change_map(folder, lambda weight_map: weight_map.update({"lm_head.weight": max(weight_map.values())}))


@broken("shards mixture-shards", "IX205", "error", "whole", **CONTRADICTION)
def tensor_not_in_index(folder):
    change_map(folder, lambda weight_map: weight_map.pop("model.norm.weight"))


@broken("shards tied-shards", "IX205", "error", "complains")
def shard_not_in_index(folder):
    def forget(weight_map):
        last = max(weight_map.values())
        for name in [name for name, file in weight_map.items() if file == last]:
            del weight_map[name]

    change_map(folder, forget)


@broken("shards mixture-shards", "IX205", "error", "complains")
def index_that_names_one_shard(folder):
    change_map(folder, lambda weight_map: weight_map.update(dict.fromkeys(weight_map, min(weight_map.values()))))


@broken("shards", "IX209", "warning", "whole")
def wrong_total_size(folder):
    change_json(folder / INDEX, lambda index: index["metadata"].update(total_size=1))


@broken("shards", "IX209", "info", "whole")
def metadata_without_total_size(folder):
    change_json(folder / INDEX, lambda index: index["metadata"].pop("total_size"))


@broken("shards tied-shards", "IX209", "info", "whole")
def empty_metadata(folder):
    change_json(folder / INDEX, lambda index: index.update(metadata={}))


@broken("shards", "IX210", "error", "refuses")
def index_without_metadata(folder):
    change_json(folder / INDEX, lambda index: index.pop("metadata"))


def name_shards(folder, name):
    """Renames the shards to what `name` makes of (number, count), both from 1, and removes the index."""
    found = shards(folder)
    for number, path in enumerate(found, 1):
        path.rename(folder / f"{name(number, len(found))}.new")
    for path in folder.glob("*.new"):
        path.rename(path.with_suffix(""))
    (folder / INDEX).unlink()


@broken("shards tied-shards bf16-shards mixture-shards", "IX211", "error", "refuses")
def numbers_with_gaps(folder):
    name_shards(folder, lambda number, count: f"model-{2 * number - 1:05}-of-{2 * count:05}.safetensors")


@broken("shards mixture-shards", "IX211", "error", "refuses")
def numbers_from_zero(folder):
    name_shards(folder, lambda number, count: f"model-{number - 1:05}-of-{count:05}.safetensors")


@broken("shards tied-shards", "IX211", "error", "refuses")
def counts_that_disagree(folder):
    name_shards(folder, lambda number, count: f"model-{number:05}-of-{number:05}.safetensors")


@broken("shards tied-shards mixture-shards", "IX211", "error", "refuses")
def names_of_an_unfinished_merge(folder):
    """As mergekit names its shards until it has finished."""
    name_shards(folder, lambda number, count: f"model-{number}.safetensors")


@broken("shards", "IX202", "error", "refuses")
def index_counts_a_shard_too_many(folder):
    """Its tensors went to another shard."""
    change_map(folder, lambda names: names.update({min(names): "model-00099-of-00099.safetensors"}))


@lost("shards", "IX211", "error", "refuses")
def numbers_with_a_loss(folder):
    shards(folder)[1].unlink()
    name_shards(folder, lambda number, count: f"model-{2 * number - 1:05}-of-{2 * count:05}.safetensors")


@lost("shards", "IX202", "error", "refuses")
def index_of_another_save(folder):
    """The same tensors, in shards of other names. The owner must say that those which are there are the model."""

    def renumber(weight_map):
        weight_map.update({name: f"model-0000{1 + at % 3}-of-00003.safetensors" for at, name in enumerate(weight_map)})

    change_map(folder, renumber)


@lost("shards", "IX212", "error", "complains")
def stray_single_file(folder):
    """transformers takes it and never looks at the index."""
    save_file(load_file(shards(folder)[0]), folder / "model.safetensors", {"format": "pt"})


@lost("shards", "IX202", "error", "refuses")
def shard_missing(folder):
    shards(folder)[1].unlink()


@lost("shards", "IX211", "error", "refuses")
def shard_and_index_missing(folder):
    shards(folder)[1].unlink()
    (folder / INDEX).unlink()


# Headers and data


@broken("untied shards", "ST126", "warning", "whole")
def no_metadata(folder):
    for path in shards(folder):
        rewrite_bytes(path, lambda header, data: ({name: header[name] for name in header if name != "__metadata__"}, data))


@broken("untied shards", "ST126", "error", "whole", although="transformers 4 refuses it")
def metadata_without_format(folder):
    for path in shards(folder):
        rewrite_bytes(path, lambda header, data: (header | {"__metadata__": {"step": "1000"}}, data))


@broken("untied", "ST127", "error", "whole", although="transformers 4 refuses it")
def unknown_format(folder):
    """numpy's save_file takes any."""
    rewrite_bytes(shards(folder)[0], lambda header, data: (header | {"__metadata__": {"format": "np"}}, data))


@broken("untied", "ST114", "warning", "whole")
def tensor_twice_in_header(folder):
    def repeat(header, data):
        entry = json.dumps({"model.norm.weight": header["model.norm.weight"]})
        return json.dumps(header)[:-1].encode() + b", " + entry[1:].encode(), data

    rewrite_bytes(shards(folder)[0], repeat)


@broken("untied shards", "ST123", "error", "refuses")
def gap_between_tensors(folder):
    def widen(header, data):
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        cut = sorted(entry["data_offsets"][0] for entry in entries)[-1]
        for entry in entries:
            if entry["data_offsets"][0] >= cut:
                entry["data_offsets"] = [at + 64 for at in entry["data_offsets"]]
        return header, data[:cut] + bytes(64) + data[cut:]

    rewrite_bytes(shards(folder)[-1], widen)


def pad(folder, padding, surplus):
    """Pads the header of the first shard so that the data begin `surplus` bytes after a multiple of 8."""

    def padded(header, data):
        text = json.dumps(header).encode()
        return text + padding * (8 - len(text) % 8 + surplus), data

    rewrite_bytes(shards(folder)[0], padded)


@broken("untied bf16-shards", "ST125", "info", "whole")
def misaligned_data(folder):
    pad(folder, b" ", 1)


@broken("untied", "ST117", "info", "whole")
def header_padded_with_newlines(folder):
    pad(folder, b"\n", 0)


@broken("untied shards", "ST124", "error", "refuses")
def trailing_bytes(folder):
    with shards(folder)[0].open("ab") as file:
        file.write(b"left by a longer file")


@lost("untied shards", "ST121", "error", "refuses")
def truncated(folder):
    path = shards(folder)[0]
    os.truncate(path, path.stat().st_size - 100)


@lost("untied", "TD601", "error", "wrong")
def not_finite(folder):
    def spoil(found):
        found["model.norm.weight"][3] = torch.nan
        return found

    change_shard(shards(folder)[0], spoil)


# One tensor in two shards


def store_twice(folder, change):
    first, last = shards(folder)[0], shards(folder)[-1]
    name, tensor = next(iter(load_file(last).items()))
    change_shard(first, lambda found: found | {name: change(tensor)})


@broken("shards", "IX206", "warning", "whole")
def equal_tensor_in_two_shards(folder):
    store_twice(folder, lambda tensor: tensor)


@lost("shards", "IX206", "error", "whole", although="other loaders take the other copy")
def differing_tensor_in_two_shards(folder):
    store_twice(folder, lambda tensor: tensor + 1)


# Several at once


@broken("tied-shards", "IX211", "error", "refuses")
def much_at_once(folder):
    extra_equal_head(folder)
    rename(folder, lambda name: "module." + name)
    no_metadata(folder)
    gap_between_tensors(folder)
    pad(folder, b" ", 3)
    index_missing(folder)
