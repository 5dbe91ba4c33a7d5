"""Heads that are tied and stored, or neither."""

from breakages.table import SHARDED, broken
from folders import INDEX, change_config, change_json, load, shards


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
