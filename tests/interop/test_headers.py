"""Headers at random: what the reference reader refuses is an error, and what it accepts is at most a warning."""

import json
import os
from collections import Counter
from random import Random

import pytest
from headers import random_file
from safetensors import safe_open

COUNT = 60_000 if os.environ.get("INTEROP") == "all" else 4_000
SAMPLE = COUNT // 40  # for inspect, which is one process each
BEYOND = {"ST126", "ST127", "ST128"}  # what transformers asks of metadata, and the reader does not


def as_the_reference_sees(path):
    """({name: (dtype, shape)}, None), or (None, why it is refused)."""
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            return {name: (part.get_dtype(), part.get_shape()) for name, part in slices.items()}, None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{path: what the reference sees}, for files that are the same in every run."""
    folder = tmp_path_factory.mktemp("headers")
    random = Random(20)
    seen = {}
    for at in range(COUNT):
        path = folder / f"{at}.safetensors"
        path.write_bytes(random_file(random))
        seen[path] = as_the_reference_sees(path)
    return seen


def shown(path, seen, findings):
    said = [f"{finding['severity']} {finding['code']} {finding['message']}" for finding in findings]
    return "\n  ".join([f"{path.name}: {path.read_bytes()[:400]!r}", f"reference: {seen}", *said])


def test_severities(files, shardwright, tmp_path):
    (tmp_path / "list").write_text("".join(f"{path}\n" for path in files))
    lines = shardwright.run("check", "--files-from", tmp_path / "list", "--format", "jsonl", codes=(0, 1)).splitlines()
    models = {model["path"]: model for model in map(json.loads, lines)}
    assert len(models) == len(files)

    wrong, kinds = [], Counter()
    for path, (tensors, refusal) in files.items():
        findings = [finding for finding in models[str(path)].get("findings", []) if finding["code"] not in BEYOND]
        refused = any(finding["severity"] == "error" for finding in findings)
        if refused != (refusal is not None) or "error" in models[str(path)]:
            wrong.append(shown(path, tensors or refusal, findings))
        kinds.update({finding["code"] for finding in findings} or {"none"})
    print(dict(kinds), sum(refusal is None for _, refusal in files.values()), "accepted of", len(files))
    assert wrong == [], f"{len(wrong)} of {len(files)}:\n" + "\n".join(wrong[:10])


def test_tensors(files, shardwright):
    accepted = [path for path, (tensors, _) in files.items() if tensors is not None]
    for path in Random(1).sample(accepted, SAMPLE):
        found = {tensor["name"]: (tensor["dtype"], tensor["shape"]) for tensor in shardwright.json("inspect", path)["tensors"]}
        assert found == files[path][0], path.read_bytes()


def test_the_files_are_of_all_kinds(files):
    """Else the two tests above would show little."""
    refusals = Counter(refusal.split(":")[-1][:30] for _, refusal in files.values() if refusal)
    assert 0.25 < sum(refusals.values()) / len(files) < 0.75
    assert len(refusals) > 30
