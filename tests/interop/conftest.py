import json
import os
import pathlib
import subprocess

import output_schemas
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Shardwright:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments, codes=(0,)):
        """What a command prints; its exit code must be one of `codes`, and its JSON fit docs/schemas."""
        command = [self.path, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert done.returncode in codes, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        output_schemas.check_output(command[1:], done.stdout)
        return done.stdout

    def json(self, *arguments, codes=(0,)):
        return json.loads(self.run(*arguments, "--format", "json", codes=codes))

    def expand(self, folder):
        return {tensor["name"]: tensor for tensor in self.json("schema", "expand", folder)}

    def check(self, folder, *options):
        """What a check says of one model."""
        (model,) = self.json("check", folder, *options, codes=(0, 1))["models"]
        assert "error" not in model, model["error"]
        return model

    def findings(self, folder, *options, least="warning"):
        """The findings of a check, from the given severity up."""
        levels = ["info", "warning", "error"]
        wanted = levels[levels.index(least) :]
        return [finding for finding in self.check(folder, *options)["findings"] if finding["severity"] in wanted]


def binary():
    if path := os.environ.get("SHARDWRIGHT"):
        return path
    for preset in ("release", "dev"):
        path = ROOT / "build" / preset / "tools" / "shardwright"
        if path.exists():
            return str(path)
    raise pytest.UsageError("no binary: build one, or set SHARDWRIGHT to its path")


def program(name):
    """One of the programs of this folder, beside the command that is tested; ENCODE names encode, and so on."""
    build = os.path.dirname(os.path.dirname(os.path.realpath(binary())))
    path = os.environ.get(name.upper()) or os.path.join(build, "tests", "interop", name)
    if not os.path.exists(path):
        raise pytest.UsageError(f"no {path}: build all targets, or set {name.upper()} to its path")
    return path


@pytest.fixture(scope="session")
def shardwright():
    return Shardwright(binary())
