"""Broken checkpoints: check says of them what transformers does, and after repair transformers loads the original model."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from breakages import BREAKAGES, ORIGINALS
from folders import assert_whole, contents, load, logits, shapes, verdict

# One of each kind of edit: a shard, an index, a config, a shard with its index, and a file that is added.
IN_PLACE = [
    "extra-equal-head-tied-shards", "flat-shared-gates-mixture", "tie-flag-false-tied", "wrong-total-size-shards",
    "index-missing-shards", "wrapped-by-data-parallel-shards", "much-at-once-tied-shards",
]  # fmt: skip


@dataclass
class Original:
    folder: Path
    logits: torch.Tensor


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """The good models by name, each written when it is first asked for."""
    made = {}

    def original(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            ORIGINALS[name].write(folder)
            model, complaints = load(folder)
            assert complaints == []
            made[name] = Original(folder, logits(model))
        return made[name]

    return original


@dataclass
class Case:
    breakage: object
    folder: Path  # the broken one
    good: torch.Tensor  # logits of the original

    def repaired(self, shardwright, *target, codes=(0,)):
        unsafe = ["--unsafe"] if self.breakage.unsafe else []
        return shardwright.json("repair", self.folder, *target, *unsafe, codes=codes)


@pytest.fixture
def case(request, originals, tmp_path):
    original = originals(request.param.original)
    folder = tmp_path / "broken"
    shutil.copytree(original.folder, folder)
    request.param.apply(folder)
    return Case(request.param, folder, original.logits)


def breakages(wanted):
    return pytest.mark.parametrize("case", filter(wanted, BREAKAGES), ids=str, indirect=True)


@breakages(lambda breakage: True)
def test_check_says_what_transformers_does(case, shardwright):
    breakage = case.breakage
    assert verdict(case.folder, case.good).startswith(breakage.transformers)
    assert (breakage.severity == "error") == (breakage.transformers != "whole" or bool(breakage.although))

    findings = shardwright.findings(case.folder, "--data", least="info")
    assert breakage.severity in {finding["severity"] for finding in findings if finding["code"] == breakage.code}
    levels = ["info", "warning", "error"]
    worst = max(levels.index(finding["severity"]) for finding in findings)
    assert levels[worst] == breakage.severity, "something else is worse"


@breakages(lambda breakage: breakage.mendable)
def test_repair(case, shardwright, tmp_path):
    before = contents(case.folder)
    mended = tmp_path / "mended"
    report = case.repaired(shardwright, "--output", mended)
    assert report["published"]
    assert case.breakage.code in {step["code"] for step in report["plan"]}
    assert contents(case.folder) == before, "the input was changed"

    assert_whole(mended, case.good)
    assert shardwright.findings(mended, "--data") == []

    shardwright.json("repair", mended, "--output", tmp_path / "again", *(["--unsafe"] if case.breakage.unsafe else []))
    assert contents(tmp_path / "again") == contents(mended)


@breakages(lambda breakage: breakage.unsafe)
def test_without_unsafe_nothing_is_decided(case, shardwright, tmp_path):
    report = shardwright.json("repair", case.folder, "--output", tmp_path / "mended", codes=(1,))
    assert not report["published"]
    assert case.breakage.code in {finding["code"] for finding in report["left"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


@breakages(lambda breakage: not breakage.mendable)
def test_what_is_lost_is_refused(case, shardwright, tmp_path):
    before = contents(case.folder)
    report = shardwright.json("repair", case.folder, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
    assert not report["published"]
    assert case.breakage.code in {finding["code"] for finding in report["left"]}
    shardwright.json("repair", case.folder, "--in-place", "--unsafe", codes=(1,))
    assert contents(case.folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["broken"], "something was left behind"


@breakages(lambda breakage: str(breakage) in IN_PLACE)
def test_in_place_and_undo(case, shardwright, tmp_path):
    before = contents(case.folder)
    case.repaired(shardwright, "--output", tmp_path / "mended")
    assert case.repaired(shardwright, "--in-place")["published"]
    after = {name: data for name, data in contents(case.folder).items() if not name.startswith(".shardwright-undo/")}
    assert after == contents(tmp_path / "mended")
    assert_whole(case.folder, case.good)

    shardwright.run("repair", case.folder, "--undo")
    assert contents(case.folder) == before


@pytest.mark.parametrize(
    "name, option",
    [
        ("tied", "--materialize-tied"), ("tied-shards", "--materialize-tied"), ("tied-by-flag", "--untie"),
        ("tied-shards", "--untie"), ("mixture", "--layout=fused"), ("mixture-shards", "--layout=fused"),
    ],
)  # fmt: skip
def test_asked_for_form(name, option, originals, shardwright, tmp_path):
    """Another form of a good model is the same model."""
    original = originals(name)
    report = shardwright.json("repair", original.folder, "--output", tmp_path / "formed", option)
    assert report["plan"]
    assert_whole(tmp_path / "formed", original.logits)
    back = {"--materialize-tied": "--drop-tied", "--untie": "--drop-tied", "--layout=fused": "--layout=hub"}[option]
    shardwright.json("repair", tmp_path / "formed", "--output", tmp_path / "back", back)
    assert_whole(tmp_path / "back", original.logits)
    assert shapes(tmp_path / "back") == shapes(original.folder)
    assert shardwright.findings(tmp_path / "back", "--data") == []
