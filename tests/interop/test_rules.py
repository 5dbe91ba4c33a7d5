"""Every rule against what transformers saves: the same names, the same shapes, and nothing to complain of."""

import json

import pytest
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
