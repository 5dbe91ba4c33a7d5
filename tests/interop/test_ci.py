"""The hook of pre-commit and the action of GitHub, as far as they run without GitHub: pre-commit itself runs the hook in a
repository of its own, and the steps of action.yml run as they stand, with the environment that a runner gives them."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, binary

TOOL = pathlib.Path(sys.executable).parent


def run(*command, cwd, codes=(0,), **environment):
    done = subprocess.run([*map(str, command)], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=300)
    assert done.returncode in codes, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def repository(folder):
    folder.mkdir(exist_ok=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    run(*git, "init", "-q", cwd=folder)
    run(*git, "add", "-A", cwd=folder)
    run(*git, "commit", "-q", "--allow-empty", "-m", "a", cwd=folder)
    return folder


@pytest.fixture
def on_path(tmp_path):
    """A PATH that has the program under its own name."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "shardwright").symlink_to(pathlib.Path(binary()).resolve())
    return f"{tmp_path / 'bin'}:{os.environ['PATH']}"


@pytest.fixture
def models(shardwright, tmp_path):
    """A repository with a good and a broken model, and a config.json that is of neither."""
    folder = tmp_path / "repository"
    folder.mkdir()
    shardwright.run("synth", "llama", folder / "good model", "--shards", "2")
    shardwright.run("synth", "gemma2", folder / "broken", "--defect", "spurious-head")
    (folder / "web").mkdir()
    (folder / "web" / "config.json").write_text("{}")
    return repository(folder)


# --- pre-commit ------------------------------------------------------------------------------------


@pytest.fixture
def hooks(tmp_path):
    folder = tmp_path / "hooks"
    (folder / "tools" / "ci").mkdir(parents=True)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", folder)
    shutil.copy(ROOT / "tools" / "ci" / "pre_commit", folder / "tools" / "ci")
    return repository(folder)


def test_pre_commit_runs_the_hook(hooks, models, on_path, tmp_path):
    pre_commit = [TOOL / "pre-commit"]
    environment = {"PATH": on_path, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PRE_COMMIT_COLOR": "never"}
    run(*pre_commit, "validate-manifest", hooks / ".pre-commit-hooks.yaml", cwd=models, **environment)
    attempt = [*pre_commit, "try-repo", hooks, "shardwright-check", "--verbose"]

    done = run(*attempt, "--all-files", cwd=models, codes=(1,), **environment)
    assert "AR412 spurious-tied-head" in done.stdout
    assert done.stdout.count("good model: nothing found") == 1, "one model, one check, whatever the number of its files"
    assert "web" not in done.stdout

    good = run(*attempt, "--files", "good model/config.json", "good model/model-00001-of-00002.safetensors", "web/config.json", cwd=models, **environment)
    assert "Passed" in good.stdout and "broken" not in good.stdout
    nothing = run(*attempt, "--files", "web/config.json", cwd=models, **environment)
    assert "Passed" in nothing.stdout


def test_pre_commit_takes_options_of_check(hooks, models, on_path, tmp_path):
    (models / ".pre-commit-config.yaml").write_text(
        yaml.safe_dump({"repos": [{"repo": str(hooks), "rev": run("git", "rev-parse", "HEAD", cwd=hooks).stdout.strip(),
                                   "hooks": [{"id": "shardwright-check", "args": ["--fail-on=error", "--quiet"]}]}]})
    )
    run("git", "add", ".pre-commit-config.yaml", cwd=models)
    environment = {"PATH": on_path, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    done = run(TOOL / "pre-commit", "run", "--all-files", "--verbose", cwd=models, **environment)
    assert "AR412" in done.stdout and "nothing found" not in done.stdout


def test_a_committed_file_is_no_option(models, on_path):
    """Its name may be one, and what it says would be heard."""
    hook = ROOT / "tools" / "ci" / "pre_commit"
    evil = models / "--config-file=evil"
    evil.mkdir()
    (models / "evil").mkdir()
    for folder in (evil, models / "evil"):
        (folder / ".shardwright.json").write_text('{"ignore": [{"code": "AR412", "reason": "x"}]}')
    files = ["--config-file=evil/.shardwright.json", "broken/config.json"]
    assert "AR412" in run(hook, *files, cwd=models, codes=(1,), PATH=on_path).stdout
    assert "AR412" in run(hook, "--fail-on=warning", *files, cwd=models, codes=(1,), PATH=on_path).stdout
    assert "AR412" in run(hook, "--fail-on=warning", "--", *files, cwd=models, codes=(1,), PATH=on_path).stdout
    run(hook, "--config-file=evil/other.json", "broken/config.json", cwd=models, codes=(2,), PATH=on_path)
    shutil.copytree(models / "good model", models / "-x")
    assert "nothing found" in run(hook, "-x/config.json", cwd=models, PATH=on_path).stdout


def test_the_hook_says_where_the_program_is_missing(models):
    hook = ROOT / "tools" / "ci" / "pre_commit"
    done = run(hook, "broken/config.json", cwd=models, codes=(2,), PATH="/usr/bin:/bin")
    assert "shardwright is not on the PATH" in done.stderr


# --- the action ------------------------------------------------------------------------------------


def act(root, tmp_path, codes=(0,), **inputs):
    """Runs the steps of action.yml as a runner of GitHub does; what they print, and the folder they ran in."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    known = {name: facts.get("default") for name, facts in action["inputs"].items()} | inputs
    assert set(known) == set(action["inputs"])
    path, printed = tmp_path / "path", ""
    for number, step in enumerate(action["runs"]["steps"]):
        assert step["shell"] == "bash" and "${{" not in step["run"], "inputs come by the environment, never as text of a script"
        environment = {name: known[value.removeprefix("${{ inputs.").removesuffix(" }}")] for name, value in step["env"].items()}
        path.touch()
        first = ":".join([*reversed(path.read_text().split()), os.environ["PATH"]])
        last = number + 1 == len(action["runs"]["steps"])
        done = run("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"], cwd=root, codes=codes if last else (0,),
                   PATH=first, GITHUB_PATH=str(path), GITHUB_ACTION_PATH=str(ROOT), RUNNER_TEMP=str(tmp_path), **environment)
        printed += done.stdout
    return printed


def test_the_action_annotates_and_writes_sarif(models, on_path, tmp_path):
    program = str(tmp_path / "bin" / "shardwright")
    printed = act(models, tmp_path, codes=(1,), models="good model\nbroken\n", sarif="out.sarif", binary=program)
    assert printed.startswith("::warning file=broken/model.safetensors,title=AR412 spurious-tied-head::")
    (result,) = json.loads((models / "out.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "AR412"

    assert "::warning" in act(models, tmp_path, models="broken", arguments="--fail-on=error\n--quiet\n", binary=program)
    assert act(models, tmp_path, models="good model", binary=program) == ""
    assert "::error" in act(models, tmp_path, codes=(2,), models="gone", sarif="gone.sarif", binary=program)
    assert not json.loads((models / "gone.sarif").read_text())["runs"][0]["invocations"][0]["executionSuccessful"]
    assert "::error title=shardwright::no models" in act(models, tmp_path, codes=(2,), models="\n", binary=program)
    # What an input says is never run.
    act(models, tmp_path, codes=(2,), models="$(touch ran); touch ran\n`touch ran`", arguments="--quiet; touch ran", binary=program)
    assert not (models / "ran").exists()


def test_the_action_takes_a_program_of_any_name(models, on_path, tmp_path):
    other = tmp_path / "shardwright-1.2"
    shutil.copy(tmp_path / "bin" / "shardwright", other)
    (tmp_path / "bin" / "shardwright").unlink()
    assert act(models, tmp_path, models="good model", binary=str(other)) == ""
    for absent in (tmp_path / "gone", models):
        done = run(ROOT / "tools" / "ci" / "action", "build", cwd=models, codes=(2,), SHARDWRIGHT_BINARY=str(absent), GITHUB_PATH=str(tmp_path / "x"))
        assert "is no program" in done.stdout


def test_the_files_are_what_their_readers_take():
    for schema, name in {"vendor.github-actions": "action.yml"}.items():
        run(TOOL / "check-jsonschema", "--builtin-schema", schema, ROOT / name, cwd=ROOT)
