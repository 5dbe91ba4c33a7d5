"""The types that transformers declares for the keys of configs, as lib/check/config_types.inc has them.

Printed, they are that file: `build/interop-venv/bin/python tests/interop/config_types.py > lib/check/config_types.inc`."""

import collections
import dataclasses
import json
import sys
import textwrap
import types
import typing
from pathlib import Path

import torch
import transformers
from transformers import PreTrainedConfig as Base
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

RULES = Path(__file__).resolve().parents[2] / "rules" / "architectures"
HEAD = """\
// The types that transformers 5.23 declares for the keys of configs, and in which model types: all
// that have a rule, or all but those behind the "!". Written by tests/interop/config_types.py.
"""
KINDS = {type(None): "kNull", bool: "kBool", int: "kInt", float: "kReal", str: "kString", list: "kList", tuple: "kList",
         dict: "kObject", Base: "kObject"}  # fmt: skip
ORDER = ["kNull", "kBool", "kInt", "kReal", "kString", "kList", "kObject"]


def model_types():
    rules = (json.loads(path.read_text()) for path in RULES.glob("*.json"))
    return sorted(name for rule in rules for name in rule["model_types"])


def kinds(declared):
    """The kinds of JSON values that a type takes; None where only some values of a kind will do."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        found = [kinds(one) for one in arguments]
        return None if None in found else set().union(*found)
    if origin is typing.Literal:
        return None
    if typing.is_typeddict(declared):
        return {"kObject"}
    return {KINDS[origin or declared]}


def declared_types(model_type):
    """{key: kinds} of the config's class."""
    config = transformers.CONFIG_MAPPING[model_type]
    names = vars(sys.modules[config.__module__]) | vars(sys.modules["transformers.configuration_utils"]) | {"torch": torch}
    hints = typing.get_type_hints(config, globalns=names)
    # What the common ancestor declares is not checked.
    own = {key for base in config.__mro__ if issubclass(base, Base) and base is not Base for key in vars(base).get("__annotations__", {})}
    found = {field.name: kinds(hints[field.name]) for field in dataclasses.fields(config) if field.name in own}
    return {key: value for key, value in found.items() if value}


def rows():
    """{(key, kinds in order): model types}"""
    found = collections.defaultdict(list)
    for model_type in set(model_types()) & set(CONFIG_MAPPING_NAMES):
        for key, value in declared_types(model_type).items():
            found[key, tuple(kind for kind in ORDER if kind in value)].append(model_type)
    return {row: sorted(names) for row, names in sorted(found.items())}


def text():
    every = model_types()

    def names(chosen):
        others = [name for name in every if name not in chosen]
        return " ".join(chosen) if len(others) > len(chosen) else "!" + " ".join(others)

    lines = [f'SW_TYPED("{key}", {" | ".join(value)}, "{names(chosen)}")' for (key, value), chosen in rows().items()]
    return HEAD + "\n".join(lines) + "\n"


def model_types_text():
    """lib/check/model_types.inc: all types that transformers has a class for, in lines of one literal."""
    lines = textwrap.wrap(" ".join(sorted(CONFIG_MAPPING_NAMES)), 92)
    head = "// Written by tests/interop/config_types.py --model-types.\n"
    return head + "".join(f'    "{line}{" " if line is not lines[-1] else ""}"\n' for line in lines)


if __name__ == "__main__":
    print(model_types_text() if "--model-types" in sys.argv else text(), end="")
