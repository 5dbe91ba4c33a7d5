"""Tensors that nobody asks for."""

import torch
from breakages.table import broken, lost
from folders import INDEX, change_map, change_shard, shards
from safetensors.torch import load_file


def add_tensors(folder, more):
    """To the last shard, and to the index where there is one."""
    change_shard(shards(folder)[-1], lambda found: found | more)
    if (folder / INDEX).exists():
        change_map(folder, lambda names: names.update(dict.fromkeys(more, shards(folder)[-1].name)))


@broken("untied shards tied mixture-shards", "AR402", "error", "complains", unsafe=True)
def left_over_tensors(folder):
    """Of a value head, as TRL leaves it, and of another one."""
    more = {"v_head.summary.weight": torch.ones(1, 32), "reward_model.weight": torch.ones(4)}
    add_tensors(folder, more)


@lost("untied shards", "AR402", "error", "complains")
def left_over_inside_of_a_layer(folder):
    """Of a class that was changed: what its layers compute with it, nobody knows."""
    add_tensors(folder, {"model.layers.0.self_attn.sink": torch.ones(4)})


@lost("untied shards", "AR402", "error", "complains")
def biases_that_the_config_lost(folder):
    """The config may have lost attention_bias: nobody but the owner knows."""
    biases = {f"model.layers.{layer}.self_attn.q_proj.bias": torch.ones(32) for layer in range(2)}
    add_tensors(folder, biases)


@lost("correction", "AR408", "error", "complains")
def half_a_layer_that_predicts(folder):
    add_tensors(folder, {"model.layers.2.eh_proj.weight": torch.ones(32, 64)})


@lost("correction", "AR408", "error", "complains")
def one_tensor_of_a_further_layer(folder):
    add_tensors(folder, {"model.layers.2.input_layernorm.weight": torch.ones(32)})


@broken("untied mixture", "AR422", "info", "whole")
def old_rotary_buffers(folder):
    buffers = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(4) for layer in range(2)}
    change_shard(shards(folder)[0], lambda found: found | buffers)


@broken("untied mixtral", "AR422", "error", "complains")
def old_rotary_tables(folder):
    names = ("inv_freq", "cos_cached", "sin_cached")
    add_tensors(folder, {f"model.layers.0.self_attn.rotary_emb.{name}": torch.ones(4) for name in names})


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
