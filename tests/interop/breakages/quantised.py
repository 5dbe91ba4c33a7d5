"""Quantised weights and what is said of them."""

import torch
from breakages.table import broken, lost
from folders import change_config, change_shard, shards


@broken("untied shards", "CF313", "error", "refuses", unsafe=True)
def quantization_left_behind(folder):
    change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 32})


@broken("untied", "CF313", "error", "refuses", unsafe=True)
def half_quadratic_left_behind(folder):
    change_config(folder, quantization_config={"quant_method": "hqq"})


@lost("untied", "AR417", "error", "complains")
def eight_bits_without_config(folder):
    def quantize(found):
        linear = [name for name in found if name.endswith("_proj.weight")]
        scales = {name.replace("weight", "SCB"): torch.ones(len(found[name])) for name in linear}
        return found | {name: found[name].to(torch.int8) for name in linear} | scales

    change_shard(shards(folder)[0], quantize)
