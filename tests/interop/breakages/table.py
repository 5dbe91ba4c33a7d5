"""The good models, and what is known of a broken one."""

from dataclasses import dataclass
from typing import Callable

from models import model_named

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
    "fused": model_named("phi3-untied"),
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
