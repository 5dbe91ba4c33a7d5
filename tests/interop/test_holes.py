"""Parts of a file that were never written, and tensors in odd dtypes: transformers loads them all and says nothing."""

import json

import numpy as np
import pytest
import torch
import transformers
from folders import load
from safetensors.torch import load_file, save_file

NAME = "model.safetensors"
UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A model whose matrices are larger than a page of a file, and whose rows are not."""
    folder = tmp_path_factory.mktemp("original")
    config = transformers.LlamaConfig(vocab_size=576, hidden_size=200, intermediate_size=520, num_hidden_layers=3,
                                      num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    for path in original.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def place(path, name):
    """Where the bytes of a tensor are in the file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    begin, end = json.loads(data[8 : 8 + length])[name]["data_offsets"]
    return 8 + length + begin, 8 + length + end


def blank(path, begin, end):
    data = bytearray(path.read_bytes())
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)


def edit(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def found(shardwright, folder):
    ignored = "ST130"  # what safetensors writes is for its owner alone
    return [(one["code"], one["severity"]) for one in shardwright.findings(folder, "--data", "--ignore", ignored, least="info")]


def test_a_sound_model(folder, shardwright):
    assert found(shardwright, folder) == []


@pytest.mark.parametrize("pages", [17, 60])
@pytest.mark.parametrize("name", [UP, "model.embed_tokens.weight"])
def test_pages_that_were_never_written(name, pages, folder, shardwright):
    begin, end = place(folder / NAME, name)
    first = (begin // 4096 + 5) * 4096
    assert first + pages * 4096 < end
    blank(folder / NAME, first, first + pages * 4096)
    assert load(folder)[1] == [] and found(shardwright, folder) == [("TD604", "warning")]


def test_a_chunk_over_several_tensors(folder, shardwright):
    begin, end = place(folder / NAME, UP)
    first, last = (begin // 4096 + 10) * 4096, (begin // 4096 + 10) * 4096 + (1 << 20)
    assert last > end
    blank(folder / NAME, first, last)
    codes = {code for code, _ in found(shardwright, folder)}
    assert codes <= {"TD602", "TD604"} and "TD604" in codes


def test_a_file_that_ends_in_zeros(folder, shardwright):
    size, begin = (folder / NAME).stat().st_size, place(folder / NAME, UP)[0]
    blank(folder / NAME, (begin // 4096 + 30) * 4096, size)
    assert {"TD602", "TD604"} <= {code for code, _ in found(shardwright, folder)}


def test_rows_of_zeros(folder, shardwright):
    """Of a linear weight a part in the middle is one that nobody wrote; of an embedding it may be padding."""
    edit(folder / NAME, lambda tensors: tensors[UP][100:300].zero_())
    assert found(shardwright, folder) == [("TD604", "warning")]
    edit(folder / NAME, lambda tensors: tensors[UP].copy_(torch.randn(520, 200)))
    edit(folder / NAME, lambda tensors: tensors["model.embed_tokens.weight"][300:].zero_())
    assert found(shardwright, folder) == [("TD604", "info")]


def test_rows_that_a_mask_left(folder, shardwright):
    """A weight below 0, times 0, is -0.0."""
    edit(folder / NAME, lambda tensors: tensors["lm_head.weight"][50:].mul_(0))
    assert found(shardwright, folder) == [("TD604", "info")]
    edit(folder / NAME, lambda tensors: tensors["lm_head.weight"][50:].copy_(torch.randn(526, 200)))
    edit(folder / NAME, lambda tensors: tensors["lm_head.weight"][500:].mul_(0))
    assert found(shardwright, folder) == []


def prune(tensors):
    rng = np.random.default_rng(0)
    for tensor in tensors.values():
        if tensor.ndim == 2:
            tensor[torch.from_numpy(rng.random(tensor.shape) < 0.9)] = 0


SOUND = {
    "pruned": prune,
    "pruned by rows": lambda tensors: tensors[UP][::2].zero_(),
    "dead units": lambda tensors: tensors[UP][40:44].zero_(),
    "new rows": lambda tensors: tensors["model.embed_tokens.weight"][500:].zero_(),
    "padding to a size": lambda tensors: tensors[UP][512:].zero_(),
    "new rows of the others' mean": lambda tensors: tensors["model.embed_tokens.weight"][300:].copy_(
        tensors["model.embed_tokens.weight"][:300].mean(0, keepdim=True).expand(276, 200)),
    "half of each row": lambda tensors: tensors[UP][:, 100:].zero_(),
}


@pytest.mark.parametrize("kind", SOUND)
def test_zeros_of_sound_models(kind, folder, shardwright):
    edit(folder / NAME, SOUND[kind])
    assert found(shardwright, folder) == []


def test_weights_in_odd_dtypes(folder, shardwright):
    def halve(part, dtype=torch.float16):
        return lambda tensors: tensors.update({name: one.to(dtype) for name, one in tensors.items() if part in name})

    sound = (folder / NAME).read_bytes()
    for part, dtype in ((".layers.1.", torch.float16), (".mlp.", torch.float16), ("norm", torch.float64)):
        (folder / NAME).write_bytes(sound)
        edit(folder / NAME, halve(part, dtype))
        assert load(folder)[1] == []
        assert found(shardwright, folder) == [("AR430", "info")]
    assert any("most of the model F32" in one["message"] for one in shardwright.check(folder)["findings"])


@pytest.mark.parametrize("kept", ["norm", "lm_head", "embed_tokens"])
def test_weights_that_are_kept_wider(kept, folder, shardwright):
    edit(folder / NAME, lambda tensors: tensors.update({name: one.bfloat16() for name, one in tensors.items() if kept not in name}))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    assert found(shardwright, folder) == []
