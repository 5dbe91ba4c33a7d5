"""Headers at random: what the reference reader refuses is an error, and what it accepts is at most a warning.

HEADERS=1000000 compares the two readers over so many, and prints how many were of which kind."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from conftest import program
from headers import random_file
from safetensors import safe_open

COUNT = 60_000 if os.environ.get("INTEROP") == "all" else 4_000
READ = int(os.environ.get("HEADERS", 20_000))
BATCH = 20_000
SAMPLE = COUNT // 40  # for inspect, which is one process each
MOST = 2**63 - 1  # in our JSON: greater numbers are given as that
BEYOND = {"ST126", "ST127", "ST128"}  # what transformers asks of metadata, and the reader does not


def as_the_reference_sees(path):
    """({name: (dtype, shape)}, None), or (None, what it prints when it refuses)."""
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            return {name: (part.get_dtype(), [min(n, MOST) for n in part.get_shape()]) for name, part in slices.items()}, None
    except Exception as error:
        return None, str(error)


@dataclass
class Seen:
    """One file, as both see it."""

    path: str
    tensors: dict
    refusal: str
    findings: list

    def __str__(self):
        said = [f"{finding['severity']} {finding['code']} {finding['message']}" for finding in self.findings]
        return "\n  ".join([repr(open(self.path, "rb").read(400)), f"reference: {self.refusal or self.tensors}", *said])

    def errors(self):
        return [finding for finding in self.findings if finding["severity"] == "error"]


@pytest.fixture(scope="module")
def files(tmp_path_factory, shardwright):
    """The same files in every run, checked in one process."""
    folder = tmp_path_factory.mktemp("headers")
    random = Random(20)
    reference = {}
    for at in range(COUNT):
        path = folder / f"{at}.safetensors"
        path.write_bytes(random_file(random))
        reference[str(path)] = as_the_reference_sees(path)
    (folder / "list").write_text("".join(f"{path}\n" for path in reference))
    lines = shardwright.run("check", "--files-from", folder / "list", "--format", "jsonl", codes=(0, 1)).splitlines()
    seen = []
    for model in map(json.loads, lines):
        findings = [finding for finding in model["findings"] if finding["code"] not in BEYOND]
        seen.append(Seen(model["path"], *reference.pop(model["path"]), findings))
    assert not reference, "files without a line"
    return seen


def assert_none(wrong, files):
    assert wrong == [], f"{len(wrong)} of {len(files)}:\n" + "\n".join(map(str, wrong[:10]))


def test_severities(files):
    assert_none([file for file in files if bool(file.errors()) != bool(file.refusal)], files)


def test_errors_say_what_the_reference_prints(files):
    def quotes(finding):
        found = re.findall(r"prints? ['\"](Error while .*?)['\"](?:$|[;, ])", finding["message"])
        return [quote.rstrip("…. ") for quote in found]

    def is_told(file):
        """Of several defects the reference meets another one first: a finding of several places has the words for one
        of them, and of a text that is no JSON nothing else is said."""
        said = [quote for finding in file.errors() for quote in quotes(finding)]
        several = any(finding["count"] > 1 or finding["code"] == "ST111" for finding in file.errors())
        return any(file.refusal.startswith(quote) for quote in said) or (several and said)

    assert_none([file for file in files if file.refusal and not is_told(file)], files)


def test_tensors(files, shardwright):
    for file in Random(1).sample([file for file in files if not file.refusal], SAMPLE):
        tensors = shardwright.json("inspect", file.path)["tensors"]
        assert {tensor["name"]: (tensor["dtype"], tensor["shape"]) for tensor in tensors} == file.tensors, str(file)


def test_the_files_are_of_many_kinds(files):
    """Else the tests above would show little."""
    refusals = Counter(re.sub(r"[`0-9].*", "", file.refusal) for file in files if file.refusal)
    assert 0.25 < sum(refusals.values()) / len(files) < 0.75
    assert len(refusals) > 40
    codes = {finding["code"] for file in files for finding in file.findings}
    assert codes >= {f"ST{number}" for number in [*range(110, 118), *range(119, 126)]}


def line_of_reference(path):
    """What read_headers prints, by what the reference makes of the file: tensors and metadata sorted."""
    try:
        with safe_open(path, framework="np") as file:
            slices = ((name, file.get_slice(name)) for name in file.keys())
            tensors = [
                f"{name.encode().hex()}:{part.get_dtype()}:{','.join(map(str, part.get_shape()))}" for name, part in slices
            ]
            metadata = [f"{key.encode().hex()}={value.encode().hex()}" for key, value in (file.metadata() or {}).items()]
            return sorted([*tensors, *metadata]), None
    except Exception as error:
        return None, re.sub(r"[`0-9].*", "", str(error))


def compare(folder, random, count, kinds):
    """Reads so many files with both readers, and counts what the reference said."""
    expected = {}
    for at in range(count):
        path = folder / f"{at}.safetensors"
        path.write_bytes(random_file(random))
        expected[path], refusal = line_of_reference(path)
        kinds[refusal or "taken"] += 1
    done = subprocess.run(
        [program("read_headers")], input="".join(f"{path}\n" for path in expected), capture_output=True, text=True, timeout=900, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == count
    for line, (path, reference) in zip(lines, expected.items()):
        verdict, *parts = line.split(" ")
        ours = sorted(parts) if verdict == "taken" else None
        assert verdict in ("taken", "refused") and ours == reference, f"{path.read_bytes()[:400]!r}: {line}, not {reference}"


def test_both_readers_take_the_same(tmp_path):
    """Verdict, names, dtypes, shapes and metadata."""
    kinds = Counter()
    for begin in range(0, READ, BATCH):
        folder = tmp_path / str(begin)
        folder.mkdir()
        compare(folder, Random(1000 + begin), min(BATCH, READ - begin), kinds)
        shutil.rmtree(folder)
    print(f"{sum(kinds.values())} headers, {kinds['taken']} taken by both, {len(kinds) - 1} kinds of refusal")
    assert 0.25 < kinds["taken"] / READ < 0.75
    assert len(kinds) > 40
