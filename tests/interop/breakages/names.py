"""Names: wrappers, prefixes, other words."""

import torch
from breakages.table import broken, lost
from folders import change_json, change_shard, rename, shards


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


@broken("untied tied-shards", "TK501", "error", "complains", unsafe=True)
def wrapped_by_compile_and_other_rows(folder):
    """A config of another vocabulary beside it: both are found, and mended, in one run."""
    rename(folder, lambda name: "_orig_mod." + name)
    change_json(folder / "config.json", lambda config: config.update(vocab_size=config["vocab_size"] + 8))


@broken("untied", "AR405", "error", "complains", unsafe=True)
def saved_by_trl(folder):
    """A policy with a value head beside it."""
    rename(folder, lambda name: "pretrained_model." + name)
    change_shard(shards(folder)[0], lambda found: found | {"v_head.summary.weight": torch.ones(1, 32)})


@broken("untied", "AR402", "error", "complains", unsafe=True)
def wrapped_by_compile_with_a_value_head(folder):
    rename(folder, lambda name: "_orig_mod." + name)
    change_shard(shards(folder)[0], lambda found: found | {"v_head.summary.weight": torch.ones(1, 32)})


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


@broken("mixture mixture-shards router", "AR419", "error", "complains", unsafe=True)
def renamed_routers(folder):
    rename(folder, lambda name: name.replace("mlp.gate.weight", "mlp.gate.linear.weight"))


@broken("untied shards", "AR419", "error", "complains", unsafe=True)
def attention_by_another_name(folder):
    rename(folder, lambda name: name.replace("self_attn", "attention"))


@broken("untied shards", "AR410", "warning", "whole")
def doubled_prefix(folder):
    rename(folder, lambda name: name.replace("model.layers.1.", "model.model.layers.1."))


@broken("untied tied-shards", "AR410", "warning", "whole")
def layer_without_prefix(folder):
    rename(folder, lambda name: name.replace("model.layers.1.", "layers.1."))


@lost("fused", "AR409", "error", "complains")
def rows_stored_apart(folder):
    """Of gate_up_proj alone: with the attention's, too, they would be Llama's."""

    def split(found):
        whole = [name for name in found if "gate_up_proj" in name]
        for name in whole:
            gate, up = found.pop(name).chunk(2)
            found |= {name.replace("gate_up", "gate"): gate.clone(), name.replace("gate_up", "up"): up.clone()}
        return found

    change_shard(shards(folder)[0], split)


@lost("untied", "AR409", "error", "complains")
def rows_stored_in_one(folder):
    def join(found):
        for name in [name for name in found if "q_proj" in name]:
            parts = [found.pop(name.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
            found[name.replace("q_proj", "qkv_proj")] = torch.cat(parts)
        return found

    change_shard(shards(folder)[0], join)
