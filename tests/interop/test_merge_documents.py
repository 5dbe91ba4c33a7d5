"""Recipes of several documents: the same as one merge after the other, and as mergekit-multi makes them."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_merge import family, recipe, steps_apart, tensors  # noqa: F401
from test_merge_tokenizer import plain  # noqa: F401


def write(path, *documents):
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return path


def linear(*models, **more):
    entries = [{"model": str(model), "parameters": {"weight": i + 1}} for i, model in enumerate(models)]
    return {"merge_method": "linear", "models": entries, "dtype": "bfloat16"} | more


def files(folder):
    """All but what speaks of the recipe."""
    papers = {"README.md", "mergekit_config.yml"}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in papers}


def chain(family):
    """Documents of methods with and without passes, of whole models and slices; two are used twice."""
    yield "sum", linear(family / "a", family / "b")
    yield "sparse", recipe(family, "ties", each=dict(weight=1.0, density=0.4))
    yield "turned", {
        "merge_method": "slerp",
        "models": [{"model": "sparse"}],
        "base_model": "sum",
        "parameters": {"t": 0.3},
        "dtype": "bfloat16",
    }
    yield "cut", {
        "merge_method": "passthrough",
        "slices": [
            {"sources": [{"model": "turned", "layer_range": [0, 3]}]},
            {"sources": [{"model": "sum", "layer_range": [1, 4]}]},
        ],
        "dtype": "bfloat16",
    }
    yield None, {
        "merge_method": "breadcrumbs",
        "models": [{"model": "cut", "parameters": {"weight": 0.7, "density": 0.6, "gamma": 0.1}}, {"model": "cut2"}],
        "base_model": "cut2",
        "dtype": "bfloat16",
    }


def with_paths(value, paths):
    if isinstance(value, dict):
        return {key: with_paths(item, paths) for key, item in value.items()}
    if isinstance(value, list):
        return [with_paths(item, paths) for item in value]
    return paths.get(value, value) if isinstance(value, str) else value


def one_by_one(shardwright, documents, folder):
    """Each document as a merge of its own."""
    paths = {}
    for name, document in documents:
        output = folder / (name or "result")
        asked = write(folder / f"{name}.yml", with_paths(document, paths))
        shardwright.run("merge", asked, output, "--max-shard-size", "300KB")
        paths[name] = str(output)
    return folder / "result"


def all_documents(family):
    documents = list(chain(family))
    second = dict(documents[3][1], slices=list(reversed(documents[3][1]["slices"])))
    return documents[:4] + [("cut2", second), documents[4]]


@pytest.mark.parametrize("threads", [1, 3])
def test_is_one_merge_after_the_other(threads, family, tmp_path, shardwright):
    documents = all_documents(family)
    apart = one_by_one(shardwright, documents, tmp_path)
    asked = write(
        tmp_path / "all.yml", *[document | ({"name": name} if name else {}) for name, document in documents]
    )
    shardwright.run("merge", asked, tmp_path / "whole", "--max-shard-size", "300KB", "--threads", threads)
    assert files(tmp_path / "whole") == files(apart)
    assert not list(tmp_path.glob(".*"))


def test_a_tokenizer_goes_from_document_to_document(plain, tmp_path, shardwright):
    documents = [
        ("ab", linear(plain / "a", plain / "b", base_model=str(plain / "a"), tokenizer_source="union")),
        (None, linear("ab", plain / "c", base_model="ab", tokenizer={"source": "union"}, chat_template="chatml")),
    ]
    apart = one_by_one(shardwright, documents, tmp_path)
    asked = write(tmp_path / "all.yml", documents[0][1] | {"name": "ab"}, documents[1][1])
    shardwright.run("merge", asked, tmp_path / "whole", "--max-shard-size", "300KB")
    assert "tokenizer.json" in files(apart)
    assert files(tmp_path / "whole") == files(apart)


def test_is_what_the_peer_makes(family, tmp_path, shardwright):
    documents = [
        linear(family / "a", family / "b", name="first"),
        linear(family / "base", family / "c", name="second"),
        linear("first", "second"),
    ]
    asked = write(tmp_path / "all.yml", *documents)
    shardwright.run("merge", asked, tmp_path / "ours")
    peer = Path(sys.executable).parent / "mergekit-multi"
    options = ["--no-copy-tokenizer", "--no-write-model-card", "-I", tmp_path / "parts", "--out-path", tmp_path / "theirs"]
    done = subprocess.run([peer, asked, *options], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    ours, theirs = tensors(tmp_path / "ours"), tensors(tmp_path / "theirs")
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert steps_apart(value, theirs[name]).max() <= 1, name


def test_the_plan_tells_each_document(family, tmp_path, shardwright):
    asked = write(tmp_path / "all.yml", linear(family / "a", family / "b", name="sum"), linear("sum", family / "c"))
    told = shardwright.run("merge", asked, tmp_path / "out", "--dry-run")
    assert "sum: linear of 2 models" in told and "linear of 2 models" in told.replace("sum: linear of 2 models", "")
    plan = shardwright.json("merge", asked, tmp_path / "out", "--dry-run")
    (document,) = plan["documents"]
    assert (document["document"], document["method"], plan["document"]) == ("sum", "linear", None)
    assert [Path(model["path"]).name for model in plan["inputs"]] == ["c"]
    # Two models of one size in, for each of which the result of the first is read once.
    size = plan["tensor_bytes"]
    assert (document["read_bytes"], plan["read_bytes"]) == (2 * size, 3 * size)
    assert not (tmp_path / "out").exists()


def test_a_mistake_has_its_place_in_the_file(family, tmp_path, shardwright):
    bad = {
        "name": "bad",
        "slices": [{"sources": [{"model": str(family / "a"), "layer_range": [0, 9]}]}],
        "merge_method": "passthrough",
    }
    asked = write(tmp_path / "all.yml", linear(family / "a", "bad"), bad)
    line = next(i for i, text in enumerate(asked.read_text().splitlines(), 1) if "sources" in text) + 1
    said = shardwright.run("merge", asked, tmp_path / "out", codes=(2,))
    assert f"{asked}:{line}:5: error: layer_range [0, 9] reaches beyond the 4 layers" in said, said
    assert not (tmp_path / "out").exists()


def test_a_document_with_a_bad_result_stops_all(family, tmp_path, shardwright):
    """Two documents are sound and the first's models are not."""
    (tmp_path / "broken").mkdir()
    for path in (family / "a").iterdir():
        (tmp_path / "broken" / path.name).write_bytes(path.read_bytes())
    shard = tmp_path / "broken" / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])
    asked = write(tmp_path / "all.yml", linear(tmp_path / "broken", family / "b", name="sum"), linear("sum", family / "c"))
    said = shardwright.run("merge", asked, tmp_path / "out", codes=(1, 2))
    assert str(tmp_path / "broken") in said and "nothing was written: sum: inputs have errors" in said
    assert not (tmp_path / "out").exists()
