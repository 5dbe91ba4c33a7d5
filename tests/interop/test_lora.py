"""Adapters merged beside PEFT: the adapters that it saves, its merges, and its models as they compute."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import peft
import pytest
import torch
import transformers
from models import model_named
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from test_merge import steps_apart, tensors, too_far

SIZES = dict(
    vocab_size=96, hidden_size=32, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
)  # fmt: skip
EXPERTS = dict(num_experts_per_tok=2)
FUSED = dict(target_modules=["q_proj"], target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"])


def llama(**more):
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**(SIZES | more)))


def gpt2(**more):
    sizes = dict(vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**(sizes | more)))


def qwen3_moe(**more):
    sizes = SIZES | EXPERTS | dict(num_experts=4, moe_intermediate_size=24)
    return transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(**(sizes | more)))


def mixtral(**more):
    return transformers.MixtralForCausalLM(transformers.MixtralConfig(**(SIZES | EXPERTS | dict(num_local_experts=4))))


# Name: the base, the adapter's config, and how many modules it has.
CASES = {
    "attention": (llama, dict(target_modules=["q_proj", "v_proj"]), 4),
    "all-linear": (llama, dict(target_modules="all-linear"), 14),
    "rank-one": (llama, dict(r=1, lora_alpha=1, target_modules=["k_proj"]), 2),
    "rank-of-rows": (llama, dict(r=70, lora_alpha=3, target_modules=["down_proj"]), 2),
    "rslora": (llama, dict(use_rslora=True, target_modules=["o_proj"]), 2),
    "dora": (llama, dict(use_dora=True, target_modules="all-linear"), 14),
    "patterns": (
        llama,
        dict(
            target_modules="all-linear",
            rank_pattern={"q_proj": 2, "layers.1.mlp.*": 3, "model.layers.0.mlp.up_proj": 5},
            alpha_pattern={".*v_proj": 3, r"layers\.[0-9]+\.self_attn\.(k|o)_proj": 7, "down_proj": 2.5},
        ),
        14,
    ),
    "patterns-rslora": (
        llama, dict(use_rslora=True, target_modules=["q_proj", "k_proj"], rank_pattern={"q_proj": 2}, alpha_pattern={"k_proj": 5}), 4,
    ),
    "regular-expression": (llama, dict(target_modules=r".*\.1\.self_attn\.(q|k)_proj"), 2),
    "saved-modules": (llama, dict(target_modules=["q_proj"], modules_to_save=["lm_head", "norm"]), 2),
    "biases": (lambda: llama(attention_bias=True), dict(target_modules=["q_proj"], bias="all"), 2),
    "own-biases": (lambda: llama(attention_bias=True), dict(target_modules=["q_proj"], bias="lora_only"), 2),
    "lora-bias": (lambda: llama(attention_bias=True), dict(target_modules=["q_proj"], lora_bias=True), 2),
    "embeddings": (llama, dict(target_modules=["embed_tokens", "lm_head"]), 2),
    "embeddings-dora": (llama, dict(use_dora=True, target_modules=["embed_tokens", "lm_head"]), 2),
    "tokens": (llama, dict(target_modules=["q_proj"], trainable_token_indices=[3, 5, 90]), 2),
    "conv1d": (gpt2, dict(fan_in_fan_out=True, target_modules=["c_attn", "c_proj", "c_fc"]), 8),
    "conv1d-dora": (gpt2, dict(fan_in_fan_out=True, use_dora=True, target_modules=["c_attn", "c_proj"]), 6),
    "conv1d-unsaid": (gpt2, dict(target_modules=["c_attn", "c_proj"]), 6),
    "fused-experts": (qwen3_moe, FUSED, 6),
    "fused-experts-renamed": (mixtral, FUSED, 6),
    "router": (mixtral, dict(target_modules=["k_proj"], target_parameters=["gate.weight"]), 4),
}  # fmt: skip


def randomize(model, generator):
    """Every trained weight at random, as training leaves none at its first value."""
    for name, value in model.named_parameters():
        if not value.requires_grad:
            continue
        noise = torch.randn(value.shape, generator=generator) * 0.05
        value.data = (value.data.abs() * (1 + noise) if "magnitude" in name else value.data + noise).to(value.dtype)


def make(folder, build, lora, dtype=torch.bfloat16, adapter_dtype=None, layout=None):
    """A base and an adapter of it, in folders of those names."""
    torch.manual_seed(7)
    build().to(dtype).save_pretrained(folder / "base")
    base = transformers.AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype)
    model = get_peft_model(base, LoraConfig(**(dict(r=4, lora_alpha=6) | lora)))
    randomize(model, torch.Generator().manual_seed(8))
    if lora.get("ensure_weight_tying") and "embed_tokens" in lora["target_modules"]:
        # What PEFT trains as one.
        head, embedding = model.base_model.model.lm_head, model.base_model.model.model.embed_tokens
        head.lora_A["default"].weight.data = embedding.lora_embedding_B["default"].data.T.contiguous()
        head.lora_B["default"].weight.data = embedding.lora_embedding_A["default"].data.T.contiguous()
    if adapter_dtype:
        model.to(adapter_dtype)
    model.save_pretrained(folder / "adapter")
    return folder


def with_adapter(folder, dtype):
    base = transformers.AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype)
    # The adapter in float32 at least, as PEFT has it where nothing else is asked for.
    return PeftModel.from_pretrained(base, folder / "adapter", autocast_adapter_dtype=dtype != torch.float64).eval()


def merged_by_peft(folder, dtype, name):
    with_adapter(folder, dtype).merge_and_unload().save_pretrained(folder / name)
    return tensors(folder / name)


def logits(model):
    with torch.no_grad():
        return model.eval()(torch.arange(24).reshape(2, 12)).logits


def applied(report):
    (adapter,) = report["adapters"]
    assert adapter["problems"] == []
    return adapter["applied"], adapter["modules"]


@pytest.mark.parametrize("name", CASES)
def test_merges_as_peft_does_without_its_roundings(name, shardwright, tmp_path):
    build, lora, modules = CASES[name]
    make(tmp_path, build, lora)
    report = shardwright.json("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    assert applied(report) == (modules, modules)
    base = tensors(tmp_path / "base")
    ours = tensors(tmp_path / "merged")
    truth = merged_by_peft(tmp_path, torch.float64, "truth")
    theirs = merged_by_peft(tmp_path, torch.bfloat16, "peft")
    assert ours.keys() == truth.keys() == theirs.keys()
    changed = 0
    our_error = their_error = 0.0
    for key, value in ours.items():
        if torch.equal(truth[key], base[key].double()):
            assert torch.equal(value, base[key]), key
            continue
        changed += 1
        delta = truth[key] - base[key].double()
        assert not too_far(value, truth[key], [base[key], delta]).any(), key
        our_error += (value.double() - truth[key]).abs().sum()
        their_error += (theirs[key].double() - truth[key]).abs().sum()
    assert changed >= modules / 2 and our_error <= their_error
    # It computes what the model with the adapter does, and holds every delta.
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    expected = logits(with_adapter(tmp_path, torch.float32))
    assert (logits(loaded) - expected).abs().max() <= 0.02 * expected.abs().max()
    for merged in ("merged", "peft"):
        shardwright.run("lora", "verify", tmp_path / "base", tmp_path / "adapter", tmp_path / merged)
    found = shardwright.json("lora", "verify", tmp_path / "base", tmp_path / "adapter", tmp_path / "base", codes=(1,))
    assert {tensor["state"] for tensor in found["tensors"]} <= {"missing", "other"} and len(found["tensors"]) == changed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("adapter_dtype", [torch.float32, torch.bfloat16], ids=str)
def test_other_dtypes(dtype, adapter_dtype, shardwright, tmp_path):
    make(tmp_path, llama, dict(target_modules="all-linear", use_dora=True), dtype, adapter_dtype)
    shardwright.run("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    truth = merged_by_peft(tmp_path, torch.float64, "truth")
    for key, value in tensors(tmp_path / "merged").items():
        assert value.dtype == dtype
        error = (value.double() - truth[key]).abs()
        step = torch.finfo(dtype).eps * truth[key].abs() / 2 + (2.0**-25 if dtype == torch.float16 else 0)
        assert (error <= step + 2.0**-21 * truth[key].abs().max()).all(), key


TIED = {
    "embedding": dict(target_modules=["embed_tokens"]),
    "head": dict(target_modules=["lm_head", "q_proj"]),
    "both": dict(target_modules=["embed_tokens", "lm_head"]),
    "saved-head": dict(target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "saved-embedding": dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"]),
}


@pytest.mark.parametrize("name", TIED)
def test_a_tie_that_the_adapter_undoes(name, shardwright, tmp_path):
    """PEFT's own merge keeps the tie, and with it computes something else."""
    make(tmp_path, lambda: llama(tie_word_embeddings=True), TIED[name], torch.float32)
    report = shardwright.json("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    assert any("not tied" in note for note in report["notes"])
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float64)
    model = with_adapter(tmp_path, torch.float64)
    expected = logits(model)
    assert (logits(loaded) - expected).abs().max() <= 1e-5 * expected.abs().max()
    shardwright.run("lora", "verify", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")


STILL_TIED = {
    "neither": dict(target_modules=["q_proj"]),
    "tokens": dict(target_modules=["q_proj"], trainable_token_indices=[3, 5]),
    "saved-together": dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True),
    "together": dict(target_modules=["q_proj", "embed_tokens"], ensure_weight_tying=True),
}


@pytest.mark.parametrize("name", STILL_TIED)
def test_a_tie_that_the_adapter_keeps(name, shardwright, tmp_path):
    make(tmp_path, lambda: llama(tie_word_embeddings=True), STILL_TIED[name], torch.float32)
    report = shardwright.json("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    assert report["notes"] == [] and "lm_head.weight" not in tensors(tmp_path / "merged")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float64)
    expected = logits(with_adapter(tmp_path, torch.float64))
    assert (logits(loaded) - expected).abs().max() <= 1e-5 * expected.abs().max()
    shardwright.run("lora", "verify", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")


def test_experts_stored_fused(shardwright, tmp_path):
    """The same adapter of fused experts, on a base that stores them so."""
    make(tmp_path, qwen3_moe, FUSED)
    shardwright.run("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "apart")
    shardwright.run("repair", tmp_path / "base", "--layout", "fused", "--output", tmp_path / "fused")
    shardwright.run("lora", "merge", tmp_path / "fused", tmp_path / "adapter", tmp_path / "merged")
    shardwright.run("repair", tmp_path / "merged", "--layout", "hub", "--output", tmp_path / "back")
    ours, back = tensors(tmp_path / "apart"), tensors(tmp_path / "back")
    assert any("gate_up_proj" in key for key in tensors(tmp_path / "merged"))
    assert ours.keys() == back.keys() and all(torch.equal(ours[key], back[key]) for key in ours)


def adapter_of(folder, rank, alpha, pairs, **more):
    """An adapter written by hand, as older versions of PEFT saved it."""
    folder.mkdir()
    state = {}
    for module, (a, b) in pairs.items():
        state |= {f"base_model.model.{module}.lora_A.weight": a, f"base_model.model.{module}.lora_B.weight": b}
    save_file(state, folder / "adapter_model.safetensors", {"format": "pt"})
    config = dict(peft_type="LORA", r=rank, lora_alpha=alpha, target_modules=["x"]) | more
    (folder / "adapter_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("layout", ["hub", "fused"])
def test_experts_one_by_one(layout, shardwright, tmp_path):
    """An adapter of single experts, as transformers 4 had them, on either form of the base."""
    torch.manual_seed(3)
    qwen3_moe().to(torch.bfloat16).save_pretrained(tmp_path / "base")
    base = tensors(tmp_path / "base")
    names = [key for key in base if ".experts.2." in key or ".experts.0.up" in key]
    pairs = {name.removesuffix(".weight"): (torch.randn(3, base[name].shape[1]), torch.randn(base[name].shape[0], 3)) for name in names}
    adapter_of(tmp_path / "adapter", 3, 6, pairs)
    source = tmp_path / "base"
    if layout == "fused":
        source = tmp_path / "fused"
        shardwright.run("repair", tmp_path / "base", "--layout", "fused", "--output", source)
    report = shardwright.json("lora", "merge", source, tmp_path / "adapter", tmp_path / "merged")
    assert applied(report) == (len(pairs), len(pairs))
    result = tmp_path / "merged"
    if layout == "fused":
        result = tmp_path / "back"
        shardwright.run("repair", tmp_path / "merged", "--layout", "hub", "--output", result)
    for key, value in tensors(result).items():
        if pair := pairs.get(key.removesuffix(".weight")):
            a, b = (factor.double() for factor in pair)
            terms = b.abs() @ a.abs()
            assert not too_far(value, base[key].double() + 2 * b @ a, [base[key], terms]).any(), key
        else:
            assert torch.equal(value, base[key]), key


def test_the_bare_model_s_names(shardwright, tmp_path):
    """gpt2 itself is stored without the prefix that adapters have."""
    make(tmp_path, gpt2, dict(fan_in_fan_out=True, target_modules=["c_attn"]))
    state = {key.removeprefix("transformer."): value for key, value in tensors(tmp_path / "base").items()}
    shutil.copytree(tmp_path / "base", tmp_path / "bare")
    save_file(state, tmp_path / "bare" / "model.safetensors", {"format": "pt"})
    report = shardwright.json("lora", "merge", tmp_path / "bare", tmp_path / "adapter", tmp_path / "merged")
    assert applied(report) == (2, 2)
    truth = merged_by_peft(tmp_path, torch.float64, "truth")
    value = tensors(tmp_path / "merged")["h.1.attn.c_attn.weight"]
    assert not too_far(value, truth["transformer.h.1.attn.c_attn.weight"], [value]).any()


# What is done to the files of an adapter, and what the report has to say.
def drop(folder, part):
    state = load_file(folder / "adapter_model.safetensors")
    name = next(key for key in state if part in key)
    del state[name]
    save_file(state, folder / "adapter_model.safetensors", {"format": "pt"})


def rename(folder, old, new):
    state = load_file(folder / "adapter_model.safetensors")
    save_file({key.replace(old, new): value for key, value in state.items()}, folder / "adapter_model.safetensors")


def configure(folder, **keys):
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | keys))


UNFIT = {
    "no-target": (lambda f: rename(f, "q_proj", "query"), "self_attn.query.weight"),
    "half-a-pair": (lambda f: drop(f, "layers.0.self_attn.q_proj.lora_B"), "has no lora_B to its lora_A"),
    "other-names": (lambda f: rename(f, "base_model.model.", ""), "does not begin with 'base_model.model.'"),
    "other-rank": (lambda f: configure(f, r=8), "of rank 8 do not fit"),
    "absent-saved-module": (lambda f: configure(f, modules_to_save=["score"]), "'score', of which no tensor"),
    "dora-without-magnitudes": (lambda f: configure(f, use_dora=True), "has no lora_magnitude_vector"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_told_and_nothing_written(name, shardwright, tmp_path):
    make(tmp_path, llama, dict(target_modules=["q_proj", "v_proj"]))
    damage, words = UNFIT[name]
    damage(tmp_path / "adapter")
    report = shardwright.json("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged", codes=(1,))
    (adapter,) = report["adapters"]
    assert any(words in problem for problem in adapter["problems"]), adapter["problems"]
    assert report["refused"] and not report["published"] and not (tmp_path / "merged").exists()


def test_another_base_is_refused_with_both_shapes(shardwright, tmp_path):
    make(tmp_path, llama, dict(target_modules=["q_proj"], modules_to_save=["lm_head"]))
    llama(hidden_size=64, vocab_size=128, head_dim=16).save_pretrained(tmp_path / "other")
    report = shardwright.json("lora", "merge", tmp_path / "other", tmp_path / "adapter", tmp_path / "merged", codes=(1,))
    (adapter,) = report["adapters"]
    assert (adapter["applied"], adapter["modules"], len(adapter["problems"])) == (0, 2, 3)
    assert "[96, 32]" in adapter["problems"][0] and "[128, 64]" in adapter["problems"][0]
    assert "[4, 32]" in adapter["problems"][1] and "[64, 64]" in adapter["problems"][1]


FORMS = {
    "loha": (dict(peft_type="LOHA"), "LOHA"),
    "activated": (dict(alora_invocation_tokens=[1]), "alora_invocation_tokens"),
    "replicated": (dict(layer_replication=[[0, 2], [0, 2]]), "layer_replication"),
    "qalora": (dict(use_qalora=True), "use_qalora"),
    "pissa": (dict(init_lora_weights="pissa_niter_4"), "path_initial_model_for_weight_conversion"),
    "unknown-variant": (dict(use_newlora=True), "use_newlora"),
    "bad-alpha": (dict(lora_alpha="8"), "lora_alpha"),
    "bad-pattern": (dict(alpha_pattern={"(?P<x>q_proj": 1}), "(?P<x>q_proj"),
}


@pytest.mark.parametrize("name", FORMS)
def test_other_forms_are_refused(name, shardwright, tmp_path):
    make(tmp_path, llama, dict(target_modules=["q_proj"]))
    keys, word = FORMS[name]
    configure(tmp_path / "adapter", **keys)
    command = [shardwright.path, "lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and word in done.stdout and not (tmp_path / "merged").exists(), done.stdout


def test_every_key_of_peft_s_config_is_known(shardwright, tmp_path):
    """A new version's keys are noticed here, not by a user whose adapter means something else."""
    make(tmp_path, llama, dict(target_modules=["q_proj"]))
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    configure(tmp_path / "adapter", unheard_of=1)
    report = shardwright.json("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged", "--dry-run")
    assert any("unheard_of" in note for note in report["notes"])
    forms = {"alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "monteclora_config",
             "use_bdlora", "use_qalora", "peft_type", "init_lora_weights", "loftq_config"}  # fmt: skip
    # Set to anything, no key but those that make another form of adapter, or that are read, is worth a word.
    read = {"r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_dora", "use_rslora", "fan_in_fan_out",
            "modules_to_save", "target_modules", "target_parameters", "trainable_token_indices"}  # fmt: skip
    configure(tmp_path / "adapter", unheard_of=None, **{key: "x" for key in config.keys() - forms - read})
    report = shardwright.json("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged", "--dry-run")
    assert report["notes"] == [], peft.__version__


@pytest.mark.parametrize("name", ["all-linear", "dora", "embeddings", "conv1d", "fused-experts"])
def test_compat_has_the_bits_of_peft(name, shardwright, tmp_path):
    """Sums of a product may be taken in another order: one bit of an element in thousands."""
    build, lora, _ = CASES[name]
    make(tmp_path, build, lora)
    recipe = f"merge_method: passthrough\nmodels:\n  - model: {tmp_path / 'base'}+{tmp_path / 'adapter'}\n"
    (tmp_path / "recipe.yml").write_text(recipe)
    shardwright.run("merge", tmp_path / "recipe.yml", tmp_path / "merged", "--compat", "mergekit")
    theirs = merged_by_peft(tmp_path, torch.bfloat16, "peft")
    apart = count = 0
    for key, value in tensors(tmp_path / "merged").items():
        steps = steps_apart(value, theirs[key])
        apart, count = apart + steps.count_nonzero(), count + steps.numel()
    assert apart <= count / 1000


def test_beside_mergekit(shardwright, tmp_path):
    """A recipe with an adapter, of which mergekit makes a model on disk first."""
    make(tmp_path, llama, dict(target_modules="all-linear"))
    recipe = (
        f"merge_method: linear\nmodels:\n  - model: {tmp_path / 'base'}+{tmp_path / 'adapter'}\n    parameters: {{weight: 0.3}}\n"
        f"  - model: {tmp_path / 'base'}\n    parameters: {{weight: 0.7}}\n"
    )
    (tmp_path / "recipe.yml").write_text(recipe)
    shardwright.run("merge", tmp_path / "recipe.yml", tmp_path / "ours", "--compat", "mergekit")
    command = [Path(sys.executable).parent / "mergekit-yaml", tmp_path / "recipe.yml", tmp_path / "theirs"]
    command += ["--lora-merge-cache", tmp_path / "cache", "--no-copy-tokenizer"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    theirs = tensors(tmp_path / "theirs")
    for key, value in tensors(tmp_path / "ours").items():
        steps = steps_apart(value, theirs[key])
        assert steps.max() <= 1 and (steps > 0).double().mean() <= 0.001, key


def test_an_adapter_alone_is_no_model(shardwright, tmp_path):
    make(tmp_path, llama, dict(target_modules=["q_proj"]))
    (tmp_path / "recipe.yml").write_text(f"merge_method: passthrough\nmodels: [{{model: {tmp_path / 'adapter'}}}]\n")
    report = shardwright.json("merge", tmp_path / "recipe.yml", tmp_path / "merged", codes=(2,))
    assert "base+adapter" in report["problems"][0]["message"]


def test_in_recipes(shardwright, tmp_path):
    """model+adapter is a model like any other, also as the base."""
    make(tmp_path, llama, dict(target_modules="all-linear"), torch.float32)
    shardwright.run("lora", "merge", tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    base, adapter = tmp_path / "base", tmp_path / "adapter"

    def run(name, recipe):
        (tmp_path / f"{name}.yml").write_text(recipe)
        shardwright.run("merge", tmp_path / f"{name}.yml", tmp_path / name)
        return tensors(tmp_path / name)

    def recipe(adapted, plain):
        return (
            f"merge_method: task_arithmetic\nbase_model: {plain}\nmodels:\n"
            f"  - model: {adapted}\n    parameters: {{weight: 0.5}}\n  - model: {plain}\n    parameters: {{weight: 1}}\n"
        )

    for name, pair in {"input": (f"{base}+{adapter}", base), "as-base": (base, f"{base}+{adapter}")}.items():
        ours = run(name, recipe(*pair))
        files = [path if "+" not in str(path) else tmp_path / "merged" for path in pair]
        expected = run(f"{name}-files", recipe(*files))
        assert all(torch.equal(ours[key], expected[key]) for key in expected), name


OTHER_METHODS = {
    "ia3": lambda: peft.IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "vera": lambda: peft.VeraConfig(r=2, target_modules=["q_proj"]),
    "loha": lambda: peft.LoHaConfig(r=2, target_modules=["q_proj"]),
    "lokr": lambda: peft.LoKrConfig(r=2, target_modules=["q_proj"]),
    "oft": lambda: peft.OFTConfig(r=0, oft_block_size=4, target_modules=["q_proj"], use_cayley_neumann=False),
    "boft": lambda: peft.BOFTConfig(boft_block_size=4, target_modules=["q_proj"]),
    "norms": lambda: peft.LNTuningConfig(target_modules=["input_layernorm"]),
    "prompt": lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "tokens": lambda: peft.LoraConfig(r=2, target_modules=["q_proj"], trainable_token_indices=[1, 2]),
    "embedding": lambda: peft.LoraConfig(r=2, target_modules=["o_proj"], modules_to_save=["embed_tokens"]),
}


@pytest.mark.parametrize("method", OTHER_METHODS)
def test_what_other_methods_leave_in_a_model(method, shardwright, tmp_path):
    """All that PEFT puts into a model is one cause, and nothing of it is mended."""
    folder = tmp_path / "model"
    model_named("llama-tied").write(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    wrapped = peft.get_peft_model(model, OTHER_METHODS[method]())
    is_whole = method == "prompt"
    state = (wrapped if is_whole else wrapped.base_model.model).state_dict()
    shared = {name for name in state if name.startswith("lm_head.") and method != "embedding"}
    kept = {name: value.clone().contiguous() for name, value in state.items() if is_whole or name not in shared}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    codes = [finding["code"] for finding in shardwright.findings(folder, "--data") if finding["code"] != "AR412"]
    assert codes == ["AR420"], codes
    shardwright.run("repair", folder, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
    assert not (tmp_path / "mended").exists()
