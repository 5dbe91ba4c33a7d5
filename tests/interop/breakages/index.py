"""The index, and the names of the shards."""

from shutil import copy

from breakages.table import broken, lost
from folders import INDEX, change_json, change_map, shards
from safetensors.torch import load_file, save_file

CONTRADICTION = dict(although="index and shards contradict each other")


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


@lost("shards tied-shards bf16-shards", "IX216", "error", "complains")
def shard_copied_over_another(folder):
    copy(shards(folder)[0], shards(folder)[1])


@lost("shards tied-shards", "IX214", "error", "refuses")
def index_of_another_name(folder):
    (folder / INDEX).rename(folder / "pytorch_model.safetensors.index.json")


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
