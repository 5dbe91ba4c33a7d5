"""pytorch_model.bin as the real torch writes it: a merge of such inputs is that of the same tensors as safetensors."""

import json
import os
import shutil
import subprocess
import zipfile
from collections import OrderedDict
from dataclasses import replace

import peft
import pytest
import torch
import transformers
import yaml
from models import model_named
from safetensors.torch import load_file, save_file

INDEX = "pytorch_model.bin.index.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a bf16 model, and its state."""
    folder = tmp_path_factory.mktemp("model") / "plain"
    replace(model_named("llama-plain"), dtype=torch.bfloat16).write(folder)
    return folder, load_file(folder / "model.safetensors")


def pickled(model, folder, state=None, name="pytorch_model.bin", **options):
    """The model's folder with `state` as torch.save writes it."""
    source, own = model
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors*"))
    torch.save(own if state is None else state, folder / name, **options)
    return folder


def as_safetensors(model, folder, state):
    shutil.copytree(model[0], folder, ignore=shutil.ignore_patterns("*.safetensors*"))
    save_file({name: value.contiguous().clone() for name, value in state.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def merged(shardwright, tmp_path, folder, **more):
    """The files of the merge of a model with itself."""
    recipe = {"merge_method": "passthrough", "models": [{"model": str(folder)}]} | more
    path = tmp_path / f"{folder.name}.yml"
    path.write_text(yaml.safe_dump(recipe))
    output = tmp_path / f"{folder.name}-merged"
    shardwright.run("merge", path, output, "--allow", "AR402")  # some hold tensors of no architecture
    assert not list(output.glob("*.bin*"))
    return {file.name: file.read_bytes() for file in output.iterdir() if file.suffix in (".safetensors", ".json")}


def refused(shardwright, tmp_path, folder):
    """What a merge of the folder prints that is refused."""
    path = tmp_path / "refused.yml"
    path.write_text(yaml.safe_dump({"merge_method": "passthrough", "models": [{"model": str(folder)}]}))
    output = tmp_path / "refused"
    done = subprocess.run([shardwright.path, "merge", path, output], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not output.exists()
    return done.stdout


def assert_as_safetensors(shardwright, tmp_path, model, state, stored=None, **options):
    """`stored` is how torch.save gets what `state` is."""
    plain = as_safetensors(model, tmp_path / "plain", state)
    other = pickled(model, tmp_path / "bin", stored or state, **options)
    for more in ({}, {"dtype": "float32"}):
        expected = merged(shardwright, tmp_path, plain, **more)
        assert merged(shardwright, tmp_path, other, **more) == expected
        shutil.rmtree(tmp_path / "plain-merged")
        shutil.rmtree(tmp_path / "bin-merged")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_ordinary(shardwright, tmp_path, model, protocol):
    assert_as_safetensors(shardwright, tmp_path, model, model[1], pickle_protocol=protocol)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_dtypes(shardwright, tmp_path, model, dtype):
    assert_as_safetensors(shardwright, tmp_path, model, {name: value.to(dtype) for name, value in model[1].items()})


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.uint16, torch.complex64]
)
def test_dtypes_that_are_copied(shardwright, tmp_path, model, dtype):
    values = torch.arange(12).reshape(3, 4).to(dtype)
    assert_as_safetensors(shardwright, tmp_path, model, model[1] | {"extra": values, "none": values[:0]})


def test_a_module_and_its_parameters(shardwright, tmp_path, model):
    """What state_dict() gives has attributes; values that are trained are Parameters."""
    state = OrderedDict((name, torch.nn.Parameter(value)) for name, value in model[1].items())
    state._metadata = OrderedDict({"": {"version": 1}})
    assert_as_safetensors(shardwright, tmp_path, model, model[1], state)


def test_views(shardwright, tmp_path, model):
    """Slices, transposed and expanded tensors, and names that share a storage."""
    state = dict(model[1])
    for i, (name, value) in enumerate(sorted(state.items())):
        if value.ndim != 2:
            big = torch.empty(5, *value.shape, dtype=value.dtype)
            big[3] = value
            state[name] = big[3]
        elif i % 2:
            state[name] = value.t().contiguous().t()
        else:
            wide = torch.empty(value.shape[0], 3 * value.shape[1], dtype=value.dtype)
            wide[:, 1::3] = value
            state[name] = wide[:, 1::3]
    rows = torch.arange(7, dtype=torch.bfloat16)
    state["extra.expanded"] = rows.expand(5, 7)
    state["extra.windows"] = rows.unfold(0, 3, 1)
    state["extra.permuted"] = torch.randn(3, 4, 5, 6).permute(2, 0, 3, 1)
    state["extra.scalar"] = torch.tensor(3.0)
    assert not all(value.is_contiguous() for value in state.values())
    assert_as_safetensors(shardwright, tmp_path, model, state)


def test_a_large_transposed_view(shardwright, tmp_path, model):
    """Gathered in several pieces."""
    state = model[1] | {"extra": torch.randn(700, 900).t()}
    assert_as_safetensors(shardwright, tmp_path, model, state)


def test_tied(shardwright, tmp_path):
    """Both names have one storage; the result has one of them, as from safetensors."""
    folder = tmp_path / "tied"
    source = model_named("llama-tied")
    replace(source, dtype=torch.bfloat16).write(folder)
    state = load_file(folder / "model.safetensors")
    assert "lm_head.weight" not in state
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    assert_as_safetensors(shardwright, tmp_path, (folder, state), state)


def test_sharded(shardwright, tmp_path, model):
    source, state = model
    names = sorted(state)
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    folder = pickled(model, tmp_path / "bin", {n: state[n] for n in halves[0]}, "pytorch_model-00001-of-00002.bin")
    torch.save({n: state[n] for n in halves[1]}, folder / "pytorch_model-00002-of-00002.bin")
    where = {n: f"pytorch_model-0000{i + 1}-of-00002.bin" for i in (0, 1) for n in halves[i]}
    size = sum(value.nbytes for value in state.values())
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": where}))
    plain = as_safetensors(model, tmp_path / "plain", state)
    assert merged(shardwright, tmp_path, folder) == merged(shardwright, tmp_path, plain)

    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    path = tmp_path / "absent.yml"
    path.write_text(yaml.safe_dump({"merge_method": "passthrough", "models": [{"model": str(folder)}]}))
    assert "IX202" in shardwright.run("merge", path, tmp_path / "absent", codes=(1,))


def test_two_models(shardwright, tmp_path, model):
    """One of each kind, in a method that computes."""
    other = {name: value + torch.randn_like(value) for name, value in model[1].items()}
    folders = {
        "plain": (as_safetensors(model, tmp_path / "a", model[1]), as_safetensors(model, tmp_path / "b", other)),
        "pickled": (pickled(model, tmp_path / "c"), as_safetensors(model, tmp_path / "d", other)),
    }
    found = {}
    for name, (base, tuned) in folders.items():
        recipe = {
            "merge_method": "task_arithmetic",
            "base_model": str(base),
            "models": [{"model": str(tuned), "parameters": {"weight": 0.4}}],
        }
        path = tmp_path / f"{name}.yml"
        path.write_text(yaml.safe_dump(recipe))
        shardwright.run("merge", path, tmp_path / f"{name}-out")
        found[name] = (tmp_path / f"{name}-out" / "model.safetensors").read_bytes()
    assert found["plain"] == found["pickled"]


def test_an_adapter(shardwright, tmp_path, model):
    base = as_safetensors(model, tmp_path / "base", model[1])
    loaded = transformers.AutoModelForCausalLM.from_pretrained(base)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    peft.get_peft_model(loaded, config).save_pretrained(tmp_path / "adapter")
    shutil.copytree(tmp_path / "adapter", tmp_path / "pickled")
    weights = tmp_path / "pickled" / "adapter_model.safetensors"
    torch.save(load_file(weights), tmp_path / "pickled" / "adapter_model.bin")
    weights.unlink()
    for name in ("adapter", "pickled"):
        shardwright.run("lora", "merge", base, tmp_path / name, tmp_path / f"{name}-merged")
    first, second = ((tmp_path / f"{name}-merged" / "model.safetensors").read_bytes() for name in ("adapter", "pickled"))
    assert first == second


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_call_is_refused_and_not_made(shardwright, tmp_path, model, protocol):
    mark = tmp_path / "ran"
    folder = pickled(model, tmp_path / "evil", model[1] | {"x": Evil(mark)}, pickle_protocol=protocol)
    said = refused(shardwright, tmp_path, folder)
    assert "'posix.system'" in said and "data.pkl: byte " in said
    assert not mark.exists()
    torch.load(folder / "pytorch_model.bin", weights_only=False)  # the file is what it is said to be
    assert mark.exists()


@pytest.mark.parametrize(
    "state, words",
    [
        ({"model": {"a": torch.ones(2)}, "epoch": 3}, "torch.save(torch.load(FILE)['model'], FILE)"),
        ({"a": torch.ones(2), "epoch": 3}, "'epoch' is a whole number"),
        ({"a": [torch.ones(2)]}, "'a' is a list"),
        ([torch.ones(2)], "it holds a list"),
        ({3: torch.ones(2)}, "a whole number in the place of a tensor's name"),
        ({"a": torch.ones(2, dtype=torch.complex128)}, "'torch.ComplexDoubleStorage' has no dtype in safetensors"),
        ({"a": torch.ones(2, dtype=torch.complex64).conj()}, ".resolve_conj()"),
        ({"a": torch.ones(2).to_sparse()}, "'torch._utils._rebuild_sparse_tensor'"),
        ({"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, "'torch._utils._rebuild_qtensor'"),
        ({"a": b"bytes"}, "'_codecs.encode'"),
        ({"a": torch.nn.Linear(2, 2)}, "'torch.nn.modules.linear.Linear'"),
    ],
)
def test_what_is_no_state_dict(shardwright, tmp_path, model, state, words):
    assert words in refused(shardwright, tmp_path, pickled(model, tmp_path / "other", state))


def test_the_old_form(shardwright, tmp_path, model):
    folder = pickled(model, tmp_path / "old", _use_new_zipfile_serialization=False)
    assert "before 1.6" in refused(shardwright, tmp_path, folder)


def test_a_program(shardwright, tmp_path, model):
    folder = pickled(model, tmp_path / "program")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), folder / "pytorch_model.bin")
    assert "TorchScript" in refused(shardwright, tmp_path, folder)


def test_cut_short(shardwright, tmp_path, model):
    folder = pickled(model, tmp_path / "cut")
    path = folder / "pytorch_model.bin"
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 40, 4, 0):
        path.write_bytes(whole[:size])
        said = refused(shardwright, tmp_path, folder)
        assert "cut short" in said or "is empty" in said or "no file that torch.save wrote" in said or "an empty file" in said, said


def rewritten(path, change=lambda name, data: (name, data), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w", compression) as new:
        for entry in entries:
            if made := change(*entry):
                new.writestr(*made)


def test_archives_of_others(shardwright, tmp_path, model):
    """What torch loads, though it was not written so: without zip64 and alignment."""
    plain = as_safetensors(model, tmp_path / "plain", model[1])
    folder = pickled(model, tmp_path / "bin")
    path = folder / "pytorch_model.bin"
    rewritten(path)
    torch.load(path, weights_only=True)
    assert merged(shardwright, tmp_path, folder) == merged(shardwright, tmp_path, plain)

    rewritten(path, compression=zipfile.ZIP_DEFLATED)
    assert "is compressed" in refused(shardwright, tmp_path, folder)
    rewritten(path, lambda name, data: (name, b"big" if name.endswith("byteorder") else data))
    assert "byte order is 'big'" in refused(shardwright, tmp_path, folder)
    rewritten(path, lambda name, data: None if name.endswith("data/3") else (name, data.replace(b"big", b"little")))
    assert "there is no 'pytorch_model/data/3'" in refused(shardwright, tmp_path, folder)


def test_a_damaged_file_never_ends_in_anything_but_a_refusal(shardwright, tmp_path, model):
    folder = pickled(model, tmp_path / "damaged", {"a": torch.ones(4), "b": torch.ones(2, 3).t()})
    path = folder / "pytorch_model.bin"
    whole = path.read_bytes()
    generator = torch.Generator().manual_seed(1)
    for _ in range(60):
        at, value = (int(torch.randint(high, (), generator=generator)) for high in (len(whole), 256))
        path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        recipe = tmp_path / "damaged.yml"
        recipe.write_text(yaml.safe_dump({"merge_method": "passthrough", "models": [{"model": str(folder)}]}))
        shardwright.run("merge", recipe, tmp_path / "never", "--dry-run", codes=(0, 1, 2))
