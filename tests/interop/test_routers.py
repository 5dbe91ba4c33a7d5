"""What check says of mixtures that load whole: experts that no token gets to, and weights that do not add up to one."""

import os
import shutil

import pytest
import torch
from breakages.experts import EXPERT
from breakages.routers import CORRECTION, ROUTER, change_gates
from folders import change_config, change_json, change_shard, load, shards
from models import model_named

FAMILIES = ["mixtral", "qwen2_moe", "glm4_moe", "gpt_oss"]
if os.environ.get("INTEROP") == "all":
    FAMILIES += ["qwen3_moe", "granitemoe", "ernie4_5_moe", "hunyuan_v1_moe", "qwen3_next", "flex_olmo"]
KEYS = ("num_experts_per_tok", "moe_k", "moe_topk")
STACKS = ("gate_up_proj", "down_proj", "input_linear.weight", "output_linear.weight", "gate_up_proj_bias", "down_proj_bias")
SHARED_GATE = "shared_expert_gate.weight"
ROUTERS = (*ROUTER, "mlp.gate.wg.weight")
BIASES = ("mlp.router.bias", CORRECTION)


@pytest.fixture(scope="session", params=FAMILIES)
def original(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model_named(f"{request.param}-plain").write(folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    """A mixture of four experts in the last layer, of which a token takes one."""
    shutil.copytree(original, tmp_path / "model")
    take(tmp_path / "model", 1)
    return tmp_path / "model"


def take(folder, count):
    def change(config):
        keys = [key for key in KEYS if key in config]
        assert keys
        config.update(dict.fromkeys(keys, count))

    change_json(folder / "config.json", change)


def spoil(folder, number):
    """Makes an expert of every layer NaN."""

    def spoiled(name, tensor):
        found = EXPERT.search(name)
        if found and int(found[3]) == number:
            return tensor * torch.nan
        if ("experts." in name or "block_sparse_moe" in name) and name.endswith(STACKS) and not found:
            tensor = tensor.clone()
            tensor[number] = torch.nan
        return tensor

    for path in shards(folder):
        change_shard(path, lambda found: {name: spoiled(name, tensor) for name, tensor in found.items()})


def logits(folder):
    model, complaints = load(folder)
    assert complaints == []
    with torch.no_grad():
        return model(torch.arange(90)[None]).logits


def unused(folder, tmp_path):
    """The experts that no token gets to, in no layer."""
    found = []
    for number in range(4):
        copy = tmp_path / f"without-{number}"
        shutil.copytree(folder, copy)
        spoil(copy, number)
        if torch.isfinite(logits(copy)).all():
            found.append(number)
    return found


def codes(shardwright, folder):
    found = shardwright.findings(folder, "--data", "--ignore", "ST130", least="info")  # save_pretrained's modes
    return [(finding["code"], finding["severity"]) for finding in found]


def test_experts_of_random_routers(folder, shardwright, tmp_path):
    assert unused(folder, tmp_path) == []
    assert codes(shardwright, folder) == []


def test_zero_routers(folder, shardwright, tmp_path):
    change_gates(folder, (*ROUTERS, *BIASES), torch.zeros_like)
    assert len(unused(folder, tmp_path)) == 3
    assert codes(shardwright, folder) == [("ME806", "warning")]


def test_equal_rows(folder, shardwright, tmp_path):
    def repeat(router):
        router = router.clone()
        router[3] = router[1]
        return router

    change_gates(folder, ROUTERS, repeat)
    change_gates(folder, BIASES, torch.zeros_like)
    assert len(set(unused(folder, tmp_path)) & {1, 3}) == 1
    assert codes(shardwright, folder) == [("ME807", "warning")]


def test_no_expert_a_token(folder, shardwright, tmp_path):
    take(folder, 0)
    assert unused(folder, tmp_path) == [0, 1, 2, 3]
    assert codes(shardwright, folder) == [("ME805", "warning")]


def test_all_experts_a_token(folder, shardwright, tmp_path):
    """An average of all experts is meant to be one."""
    take(folder, 4)
    change_gates(folder, ROUTERS, torch.zeros_like)
    assert unused(folder, tmp_path) == []
    assert codes(shardwright, folder) == []


def test_shared_gates_of_zeros(folder, shardwright):
    change_gates(folder, SHARED_GATE, torch.zeros_like)
    assert codes(shardwright, folder) == []
    logits(folder)


@pytest.mark.parametrize("family", ["qwen2_moe", "qwen3_moe", "olmoe", "glm4_moe"])
def test_weights_of_a_token(family, shardwright, tmp_path):
    """Copies of one expert are that expert, however many a token takes: where their weights add up to one."""
    model_named(f"{family}-plain").write(tmp_path / "model")

    def copies(found):
        first = lambda name: EXPERT.sub(r"\g<1>0", name)  # noqa: E731
        return {name: found[first(name)].clone() for name in found}

    change_shard(shards(tmp_path / "model")[0], copies)

    def differs():
        found = []
        for count in (1, 2):
            take(tmp_path / "model", count)
            found.append(logits(tmp_path / "model"))
        return not torch.allclose(*found, atol=1e-5)

    change_config(tmp_path / "model", norm_topk_prob=True)
    assert not differs()
    assert codes(shardwright, tmp_path / "model") == []

    change_json(tmp_path / "model" / "config.json", lambda config: config.pop("norm_topk_prob"))
    takes_true = family == "glm4_moe"
    assert differs() != takes_true
    assert codes(shardwright, tmp_path / "model") == ([] if takes_true else [("ME808", "info")])
