"""An adapter beside a whole model: what transformers does with the two, and what CF317 says of them."""

import os

import peft
import pytest
import transformers
from folders import change_json, change_shard
from models import model_named

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted")
    model_named("llama-untied").write(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False)).save_pretrained(folder)
    (folder / WEIGHTS).chmod(0o644)
    return folder


@pytest.fixture
def folder(adapted, tmp_path):
    for path in adapted.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def severities(shardwright, folder):
    found = shardwright.findings(folder, least="info")
    assert {finding["code"] for finding in found} == {"CF317"}
    return [finding["severity"] for finding in found]


def loaded(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)


def test_adapter_is_loaded_with_the_model(folder, shardwright):
    model, found = loaded(folder)
    assert any("lora_A" in name for name, _ in model.named_parameters()) and not found["missing_keys"]
    assert severities(shardwright, folder) == ["info"]


def pointer(folder):
    (folder / WEIGHTS).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 4976\n")


def other_rank(folder):
    change_json(folder / CONFIG, lambda config: config.update(r=8))


@pytest.mark.parametrize("spoil", [lambda folder: (folder / WEIGHTS).unlink(), pointer, lambda folder: os.truncate(folder / WEIGHTS, 700), other_rank],
                         ids=["gone", "pointer", "cut", "other-rank"])  # fmt: skip
def test_adapter_keeps_the_model_from_loading(spoil, folder, shardwright):
    spoil(folder)
    with pytest.raises(Exception):
        loaded(folder)
    assert severities(shardwright, folder) == ["error"]


def test_adapter_of_a_layer_that_is_not_there(folder, shardwright):
    change_shard(folder / WEIGHTS, lambda found: {name.replace("layers.1.", "layers.7."): tensor for name, tensor in found.items()})
    assert loaded(folder)[1]["missing_keys"]
    assert severities(shardwright, folder) == ["warning"]


def test_adapter_without_its_config_is_passed_over(folder, shardwright):
    (folder / CONFIG).unlink()
    model, _ = loaded(folder)
    assert not any("lora_A" in name for name, _ in model.named_parameters())
    assert [finding["code"] for finding in shardwright.findings(folder, least="info")] == ["IX213"]
