"""Experts: how many there are, and their numbers."""

import re

from breakages.table import broken, lost
from folders import INDEX, change_json, change_map, change_shard, shards

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
