"""`explain` of what transformers prints of a broken model names the check that finds what is broken."""

import importlib.util
import os
import shutil
import subprocess

import pytest
import torch
import transformers
from breakages import BREAKAGES, ORIGINALS
from folders import change_config, listening, logits
from models import model_named
from safetensors.torch import save_file


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    root = tmp_path_factory.mktemp("originals")
    for name, model in ORIGINALS.items():
        model.write(root / name)
    return root


def printed(folder):
    """All that a user sees of loading the folder, and of the first token."""
    with listening("transformers") as log:
        try:
            logits(transformers.AutoModelForCausalLM.from_pretrained(folder).eval())
        except Exception as error:
            log.lines.append(f"{type(error).__name__}: {error}")
    return "\n".join(log.lines)


def explained(shardwright, text):
    done = subprocess.run([shardwright.path, "explain", "-"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stderr}: {text}"
    return done.stdout


# Without INTEROP=all, of each breakage what one model makes of it.
SAMPLE = BREAKAGES if os.environ.get("INTEROP") == "all" else list({one.name: one for one in reversed(BREAKAGES)}.values())


# A loader that has the package of a quantisation gets further, and stops elsewhere.
PACKAGES = {"quantization-left-behind": "gptqmodel", "CF313 gptq": "gptqmodel", "CF313 awq": "gptqmodel", "CF313 bitsandbytes": "bitsandbytes"}


def skip_with_package(name):
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]):
        pytest.skip(f"{PACKAGES[name]} is installed")


# Of two things that are broken, the one that transformers sees.
SEEN = {"wrapped-by-compile-and-other-rows": "AR405"}


@pytest.mark.parametrize("breakage", SAMPLE, ids=str)
def test_what_transformers_prints_is_explained(breakage, originals, shardwright, tmp_path):
    skip_with_package(breakage.name)
    folder = tmp_path / "model"
    shutil.copytree(originals / breakage.original, folder)
    breakage.apply(folder)
    text = printed(folder)
    if not text:
        pytest.skip("transformers says nothing")
    assert SEEN.get(breakage.name, breakage.code) in explained(shardwright, text)


CONFIGS = {
    "CF306 heads": ("bert-plain", {"num_attention_heads": 5}),
    "CF306 list": ("gemma2-plain", {"layer_types": ["full_attention"]}),
    "CF306 experts": ("qwen2_moe-plain", {"num_experts_per_tok": 64}),
    "CF306 padding": ("llama-plain", {"pad_token_id": 9999}),
    "CF313 gptq": ("llama-plain", {"quantization_config": {"quant_method": "gptq", "bits": 4}}),
    "CF313 awq": ("llama-plain", {"quantization_config": {"quant_method": "awq", "bits": 4}}),
    "CF313 bitsandbytes": ("llama-plain", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}),
    "CF313 unknown": ("llama-plain", {"quantization_config": {"quant_method": "none_that_is"}}),
    "CF312 method": ("llama-plain", {"quantization_config": {}}),
    "CF312 dtype": ("llama-plain", {"dtype": "floaty"}),
    "CF312 longrope": ("phi3-plain", {"rope_scaling": {"type": "longrope", "short_factor": [1.0] * 3, "long_factor": [1.0] * 4}}),
    "TK501 rows": ("llama-plain", {"vocab_size": 7}),
}


# transformers asks for a package before it looks at the weights: its words are of the format.
PAGES = {"CF313": "CF307"}


@pytest.mark.parametrize("case", CONFIGS)
def test_what_transformers_prints_of_a_config_is_explained(case, shardwright, tmp_path):
    skip_with_package(case)
    original, keys = CONFIGS[case]
    code = case.split()[0]
    model_named(original).write(tmp_path / "model")
    change_config(tmp_path / "model", **keys)
    assert code in {finding["code"] for finding in shardwright.findings(tmp_path / "model", least="info")}
    page = explained(shardwright, printed(tmp_path / "model"))
    assert f"# {PAGES.get(code, code)} " in page and code in page


def torch_load(text):
    def run(folder):
        (folder / "pytorch_model.bin").write_text(text)
        torch.load(folder / "pytorch_model.bin", weights_only=False)

    return run


def shared_save(folder):
    weight = torch.ones(4, 4)
    save_file({"lm_head.weight": weight, "model.embed_tokens.weight": weight}, folder / "model.safetensors")


def wide_index(folder):
    model_named("llama-sharded").write(folder)
    (folder / "model.safetensors.index.json").write_text("{}", encoding="utf-16")
    transformers.AutoModelForCausalLM.from_pretrained(folder)


def placed(stored):
    """What accelerate says of a stored tensor, or of none, for a weight of [2, 3]."""

    def run(folder):
        modeling = pytest.importorskip("accelerate.utils.modeling")
        with torch.device("meta"):
            module = torch.nn.Linear(3, 2)
        modeling.set_module_tensor_to_device(module, "weight", "cpu", value=stored)

    return run


PRINTED = {
    "a pointer in the place of a pickle": (torch_load("version https://git-lfs.github.com/spec/v1\n"), {"ST101"}),
    "a page in the place of a pickle": (torch_load("<!doctype html>\n"), {"ST102"}),
    "tensors that share memory": (shared_save, {"AR412"}),
    "an index in UTF-16": (wide_index, {"IX201", "CF302", "CF309"}),
    "another shape": (placed(torch.ones(4, 3)), {"AR403", "TK501"}),
    "an empty tensor": (placed(torch.ones(0)), {"AR404"}),
    "no tensor": (placed(None), {"AR401"}),
}


@pytest.mark.parametrize("case", PRINTED)
def test_what_other_packages_print_is_explained(case, shardwright, tmp_path):
    run, codes = PRINTED[case]
    with pytest.raises(Exception) as caught:  # noqa: PT011, of each package another kind
        run(tmp_path)
    page = explained(shardwright, f"{type(caught.value).__name__}: {caught.value}")
    assert {line.split()[1] for line in page.splitlines() if line.startswith("# ")} == codes
