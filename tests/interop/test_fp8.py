"""fp8 weights with block scales as inputs of a merge, beside what transformers makes of them."""

import json
import shutil
import subprocess
from dataclasses import replace

import peft
import pytest
import torch
import transformers
import yaml
from folders import assert_whole, change_config, change_shard, load, logits, tensors
from models import model_named
from safetensors.torch import save_file

BLOCK = 128
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [BLOCK, BLOCK]}
# No extent but the vocabulary is a multiple of a block, and most have more than one.
UNEVEN = dict(hidden_size=160, intermediate_size=320, num_attention_heads=4, num_key_value_heads=2, head_dim=40)
EVEN = dict(hidden_size=256, intermediate_size=384, num_attention_heads=4, num_key_value_heads=2, head_dim=64)
EXPERTS = dict(hidden_size=160, intermediate_size=320, moe_intermediate_size=136, q_lora_rank=144, kv_lora_rank=48)


def spread(scale, shape):
    """A number for each element, of a number for each block."""
    rows = scale.repeat_interleave(BLOCK, 0)[: shape[0]]
    return rows.repeat_interleave(BLOCK, 1)[:, : shape[1]]


def quantized(weight):
    """Codes, and the scales with which they come near to the weight."""
    blocks = [-(-extent // BLOCK) for extent in weight.shape]
    scale = torch.empty(blocks)
    for i in range(blocks[0]):
        for j in range(blocks[1]):
            block = weight[i * BLOCK : (i + 1) * BLOCK, j * BLOCK : (j + 1) * BLOCK]
            scale[i, j] = block.float().abs().max() / torch.finfo(torch.float8_e4m3fn).max
    return (weight.float() / spread(scale, weight.shape)).to(torch.float8_e4m3fn), scale


def meant(state):
    """The state that a quantised one stands for, in F32 where it was quantised."""
    found = {}
    for name, value in state.items():
        if name.endswith("_scale_inv"):
            continue
        scale = state.get(f"{name}_scale_inv")
        found[name] = value if scale is None else value.float() * spread(scale.float(), value.shape)
    return found


def write_plain(folder, name, config, seed=0):
    model = model_named(name)
    replace(model, config=model.config | config, dtype=torch.bfloat16, seed=model.seed + seed).write(folder)
    return folder


def quantize(shardwright, folder):
    """Quantises what the rule says is quantised under such a config; the states are returned."""
    change_config(folder, quantization_config=FP8)
    scales = [name for name in shardwright.expand(folder) if name.endswith("_scale_inv")]  # some of layers that may be absent
    weights = {name.removesuffix("_scale_inv") for name in scales} & tensors(folder).keys()
    state = {}
    for name, value in tensors(folder).items():
        state[name] = value
        if name in weights:
            state[name], state[f"{name}_scale_inv"] = quantized(value)
    assert weights
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    return state


def merge(shardwright, tmp_path, name, recipe, *options, codes=(0,)):
    path = tmp_path / f"{name}.yml"
    path.write_text(yaml.safe_dump(recipe))
    return shardwright.run("merge", path, tmp_path / name, *options, codes=codes)


def passthrough(folder, **more):
    return {"merge_method": "passthrough", "models": [{"model": str(folder)}]} | more


@pytest.mark.parametrize("name, config", [("qwen3-plain", UNEVEN), ("qwen3-plain", EVEN), ("deepseek_v3-plain", EXPERTS)])
def test_values(shardwright, tmp_path, name, config):
    """A copy is the product rounded once to bf16; all else stays as it is."""
    folder = write_plain(tmp_path / "model", name, config)
    state = quantize(shardwright, folder)
    assert shardwright.findings(folder, least="error") == []
    said = merge(shardwright, tmp_path, "out", passthrough(folder))
    assert "fp8 weights" in said
    merged = tensors(tmp_path / "out")
    wanted = meant(state)
    assert merged.keys() == wanted.keys()
    for tensor, value in wanted.items():
        scaled = f"{tensor}_scale_inv" in state
        assert torch.equal(merged[tensor], value.to(torch.bfloat16) if scaled else value), tensor
    made = json.loads((tmp_path / "out" / "config.json").read_text())
    assert "quantization_config" not in made and made["dtype"] == "bfloat16"
    assert shardwright.findings(tmp_path / "out", "--data") == []
    model, complaints = load(tmp_path / "out")
    assert complaints == []

    report = json.loads(merge(shardwright, tmp_path, "again", passthrough(folder), "--dry-run", "--format", "json"))
    dropped = {row["tensor"]: row["why"] for row in report["dropped"]}
    assert dropped == {tensor: "the scale is in the weight" for tensor in state if tensor.endswith("_scale_inv")}


def test_as_transformers_dequantizes(shardwright, tmp_path):
    """It takes even extents alone."""
    folder = write_plain(tmp_path / "model", "qwen3-plain", EVEN)
    quantize(shardwright, folder)
    merge(shardwright, tmp_path, "out", passthrough(folder))
    config = transformers.FineGrainedFP8Config(dequantize=True)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, dtype=torch.bfloat16)
    merged = tensors(tmp_path / "out")
    for name, value in theirs.state_dict().items():
        if name in merged:
            assert torch.equal(value, merged[name]), name
    assert_whole(tmp_path / "out", logits(theirs.eval()))


@pytest.mark.parametrize("method", ["linear", "slerp", "task_arithmetic", "ties"])
def test_merged_with_another(shardwright, tmp_path, method):
    """As if the weights had been stored as the numbers that they stand for."""
    fp8 = write_plain(tmp_path / "fp8", "qwen3-plain", UNEVEN)
    other = write_plain(tmp_path / "other", "qwen3-plain", UNEVEN, seed=1)
    shutil.copytree(fp8, tmp_path / "plain")
    state = meant(quantize(shardwright, fp8))
    save_file(state, tmp_path / "plain" / "model.safetensors", {"format": "pt"})
    found = []
    for first in ("fp8", "plain"):
        models = [{"model": str(tmp_path / first)}, {"model": str(other)}]
        recipe = {"merge_method": method, "models": models, "dtype": "bfloat16"}
        recipe["parameters"] = {"t": 0.3} if method == "slerp" else {"weight": 0.5, "density": 0.5} if method == "ties" else {"weight": 0.5}
        if method != "linear":
            recipe["base_model"] = str(tmp_path / first)
        if method in ("task_arithmetic", "ties"):
            recipe["models"] = models[1:]
        merge(shardwright, tmp_path, f"{first}-out", recipe)
        found.append((tmp_path / f"{first}-out" / "model.safetensors").read_bytes())
    assert found[0] == found[1]


def test_an_adapter(shardwright, tmp_path):
    fp8 = write_plain(tmp_path / "fp8", "qwen3-plain", UNEVEN)
    shutil.copytree(fp8, tmp_path / "plain")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False, use_dora=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "plain")
    peft.get_peft_model(model, config).save_pretrained(tmp_path / "adapter")
    state = meant(quantize(shardwright, fp8))
    save_file(state, tmp_path / "plain" / "model.safetensors", {"format": "pt"})
    for name in ("fp8", "plain"):
        merge(shardwright, tmp_path, f"{name}-out", passthrough(f"{tmp_path / name}+{tmp_path / 'adapter'}", dtype="bfloat16"))
    first, second = ((tmp_path / f"{name}-out" / "model.safetensors").read_bytes() for name in ("fp8", "plain"))
    assert first == second
    shardwright.run("lora", "verify", fp8, tmp_path / "adapter", tmp_path / "fp8-out")


def refused(shardwright, tmp_path, folder):
    said = merge(shardwright, tmp_path, "refused", passthrough(folder), codes=(2,))
    assert not (tmp_path / "refused").exists()
    return said


@pytest.mark.parametrize(
    "change, words",
    [
        ({"weight_block_size": None}, "one scale each"),
        ({"quant_method": "compressed-tensors"}, "its stored numbers are codes"),
        ({"quant_method": "gptq"}, "its stored numbers are codes"),
    ],
)
def test_others_are_refused(shardwright, tmp_path, change, words):
    folder = write_plain(tmp_path / "model", "qwen3-plain", UNEVEN)
    quantize(shardwright, folder)
    change_config(folder, quantization_config=FP8 | change)
    if change == {"weight_block_size": None}:
        change_shard(
            folder / "model.safetensors",
            lambda state: {n: torch.tensor(1.0) if n.endswith("_scale_inv") else v for n, v in state.items()},
        )
    if change == {"quant_method": "compressed-tensors"}:
        change_shard(
            folder / "model.safetensors",
            lambda state: {n.replace("weight_scale_inv", "weight_scale"): v for n, v in state.items()},
        )
    path = tmp_path / "refused.yml"
    path.write_text(yaml.safe_dump(passthrough(folder)))
    done = subprocess.run([shardwright.path, "merge", path, tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stdout + done.stderr, done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_without_scales(shardwright, tmp_path):
    """A check finds what is missing; who allows it is told why nothing can be read."""
    folder = write_plain(tmp_path / "model", "qwen3-plain", UNEVEN)
    quantize(shardwright, folder)
    gone = "model.layers.1.mlp.up_proj.weight_scale_inv"
    change_shard(folder / "model.safetensors", lambda state: {n: v for n, v in state.items() if n != gone})
    assert "AR401" in merge(shardwright, tmp_path, "out", passthrough(folder), codes=(1,))
    said = merge(shardwright, tmp_path, "out", passthrough(folder), "--allow", "AR401", codes=(2,))
    assert f"there is no '{gone}'" in said
    assert not (tmp_path / "out").exists()


def of_exponents(state, dtype):
    """Scales that are powers of two, of which the exponent is stored."""
    for name in [name for name in state if name.endswith("_scale_inv")]:
        exponents = state[name].log2().round() + 127
        state[name] = exponents.to(torch.uint8) if dtype == torch.uint8 else state[name].log2().round().exp2().to(dtype)
    return state


@pytest.mark.parametrize(
    "dtype, scale_fmt, said",
    [
        (torch.float8_e8m0fnu, None, []),
        (torch.float8_e8m0fnu, "ue8m0", []),
        (torch.uint8, "ue8m0", []),
        (torch.uint8, None, [("warning", "AR406")]),
        (torch.float8_e4m3fn, None, [("error", "AR406")]),
    ],
)
def test_scales_of_8_bits(shardwright, tmp_path, dtype, scale_fmt, said):
    """transformers reads exponents as it does the numbers themselves; another dtype of 8 bits loses most of them."""
    folder = write_plain(tmp_path / "model", "qwen3-plain", EVEN)
    quantize(shardwright, folder)
    change_config(folder, quantization_config=FP8 | ({"scale_fmt": scale_fmt} if scale_fmt else {}))
    found = []
    for stored in (torch.float32, dtype):
        change_shard(folder / "model.safetensors", lambda state: of_exponents(state, stored))
        if stored == torch.float32:
            assert shardwright.findings(folder) == []
        config = transformers.FineGrainedFP8Config(dequantize=True)
        found.append(transformers.AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, dtype=torch.float32).state_dict())
    same = all(torch.equal(found[0][name], value) for name, value in found[1].items())
    assert same == (dtype != torch.float8_e4m3fn)
    assert [(finding["severity"], finding["code"]) for finding in shardwright.findings(folder)] == said
