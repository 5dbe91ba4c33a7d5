"""Every rule against what transformers saves: the same names, the same shapes, and nothing to complain of."""

import dataclasses
import json

import pytest
import transformers
from conftest import ROOT
from folders import shapes
from models import FAMILIES, all_models


def test_every_rule_has_a_family(shardwright):
    assert {rule["name"] for rule in shardwright.json("schema", "list")} == {family.model_type for family in FAMILIES}


@pytest.fixture(scope="module", params=all_models(), ids=str)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(str(request.param))
    request.param.write(folder)
    return folder


def test_expansion(saved, shardwright):
    expected = shardwright.expand(saved)
    found = shapes(saved)
    assert found, "transformers wrote no tensor"
    required = {name for name, tensor in expected.items() if not tensor["optional"]}
    assert required - found.keys() == set(), "the rule asks for what transformers does not write"
    assert found.keys() - expected.keys() == set(), "transformers writes what the rule does not know"
    assert found == {name: expected[name]["shape"] for name in found}


def test_check_is_silent(saved, shardwright):
    assert shardwright.findings(saved) == []


def test_what_a_config_leaves_to_its_class(saved, request, shardwright, tmp_path):
    """The config as it was given to the class, without the defaults that saving adds, asks for the same tensors."""
    model = request.node.callspec.params["saved"]
    if "save_original_format" in model.save:
        pytest.skip("the names, not the config, choose the form in memory")
    given = dict(model.config, model_type=model.family, architectures=[model.class_name])
    (tmp_path / "config.json").write_text(json.dumps(given))
    assert {name: tensor["shape"] for name, tensor in shardwright.expand(tmp_path).items()} == {
        name: tensor["shape"] for name, tensor in shardwright.expand(saved).items()
    }


def defaults_of(rule):
    return json.loads(ROOT.joinpath("rules", "architectures", f"{rule}.json").read_text()).get("defaults", {})


def class_default(config_class, key):
    """What the class takes where a config has no such key."""
    of_rope = config_class().rope_parameters if key in ("rope_theta", "rope_type", "partial_rotary_factor") else None
    if of_rope and key in of_rope:
        return of_rope[key]
    # The field's, since an instance may have put another value there for want of a second key.
    (found,) = (entry.default for entry in dataclasses.fields(config_class) if entry.name == key)
    return found


@pytest.mark.parametrize("rule", [family.model_type for family in FAMILIES if defaults_of(family.model_type)])
def test_defaults_are_those_of_the_class(rule):
    config_class = transformers.CONFIG_MAPPING[rule]
    assert defaults_of(rule) == {key: class_default(config_class, key) for key in defaults_of(rule)}
    assert {type(value) for value in defaults_of(rule).values()} <= {int, float, bool, str, type(None)}
