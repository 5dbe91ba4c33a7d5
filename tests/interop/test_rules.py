"""Every rule against what transformers saves: the same names, the same shapes, and nothing to complain of."""

import pytest
from models import all_models
from safetensors import safe_open


def stored(folder):
    """{name: shape} over all shards of a folder."""
    shapes = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as shard:
            for name in shard.keys():
                assert name not in shapes, f"{name} is in two shards"
                shapes[name] = list(shard.get_slice(name).get_shape())
    return shapes


@pytest.fixture(scope="module", params=all_models(), ids=str)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(str(request.param))
    request.param.write(folder)
    return folder


def test_expansion(saved, shardwright):
    expected = shardwright.expand(saved)
    found = stored(saved)
    assert found, "transformers wrote no tensor"
    required = {name for name, tensor in expected.items() if not tensor["optional"]}
    assert required - found.keys() == set(), "the rule asks for what transformers does not write"
    assert found.keys() - expected.keys() == set(), "transformers writes what the rule does not know"
    assert found == {name: expected[name]["shape"] for name in found}


def test_check_is_silent(saved, shardwright):
    assert shardwright.findings(saved) == []
