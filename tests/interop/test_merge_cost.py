"""What a dry run foresees, beside what the system counts of the run itself."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

MIB = 1 << 20


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Five files of the same shapes: a matrix, rows too long to be held whole, and one long vector."""
    folder = tmp_path_factory.mktemp("models")
    shapes = {"matrix": (2048, 2048), "wide": (4, 1 << 20), "flat": (1 << 22,)}
    for model in range(5):
        random = torch.Generator().manual_seed(model)
        tensors = {name: torch.randn(shape, generator=random).bfloat16() for name, shape in shapes.items()}
        save_file(tensors, folder / f"{model}.safetensors", {"format": "pt"})
    return [folder / f"{model}.safetensors" for model in range(5)]


def recipe(models, method, parameters):
    lines = [f"merge_method: {method}", "models:"]
    rest = models
    if method != "linear":
        lines.insert(0, f"base_model: {models[0]}")
        rest = models[1:]
    lines += [f"  - {{model: {model}, parameters: {{weight: 0.3}}}}" for model in rest]
    return "\n".join([*lines, f"parameters: {{{parameters}}}", "dtype: bfloat16", ""])


# A process begins with the maximum of the one that starts it: a small one, then.
MEASURE = """
import os, subprocess, sys
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(usage.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_of(command):
    """Bytes of memory that a command held at most, as the system counts them."""
    measure = [sys.executable, "-S", "-c", MEASURE, *command]
    return int(subprocess.run(measure, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("linear", ""),
        ("ties", "density: 0.5"),
        ("della", "density: 0.5, epsilon: 0.1"),
        ("breadcrumbs", "density: 0.5, gamma: 0.01"),
    ],
)
def test_memory_is_foreseen(shardwright, models, tmp_path, method, parameters, threads):
    (tmp_path / "recipe.yml").write_text(recipe(models, method, parameters))
    command = ["merge", tmp_path / "recipe.yml", tmp_path / "out", "--threads", threads]
    plan = shardwright.json(*command, "--dry-run")
    peak = peak_of([shardwright.path, *map(str, command), "--quiet"])
    assert plan["threads"] == threads
    assert peak <= plan["peak_memory"] <= 4 * peak
    assert peak < (300 if threads > 2 else 150) * MIB
    assert plan["write_bytes"] == sum(file.stat().st_size for file in (tmp_path / "out").iterdir())


@pytest.mark.parametrize("limit", [30, 45, 55])
def test_a_limit_is_kept(shardwright, models, tmp_path, limit):
    (tmp_path / "recipe.yml").write_text(recipe(models, "linear", ""))
    command = ["merge", tmp_path / "recipe.yml", tmp_path / "out", "--threads", 32, "--memory-limit", f"{limit}MB"]
    plan = shardwright.json(*command, "--dry-run")
    assert 1 <= plan["threads"] < 32
    assert plan["peak_memory"] <= limit * 1_000_000
    assert peak_of([shardwright.path, *map(str, command), "--quiet"]) <= limit * 1_000_000
