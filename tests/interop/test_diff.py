"""`diff` beside torch: the largest and the mean difference of two tensors in every dtype, counts, places, and pickled weights."""

import itertools

import pytest
import torch
from safetensors.torch import save_file

DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
SHAPE = (7, 3001)  # more than one chunk, and no multiple of a vector


def drawn(dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.randint(0, 2, SHAPE, generator=generator).bool()
    if not dtype.is_floating_point:
        return torch.randint(0, 127, SHAPE, generator=generator).to(dtype)
    return torch.randn(SHAPE, generator=generator, dtype=torch.float64).to(dtype)


def written(folder, state, **metadata):
    folder.mkdir()
    save_file(state, folder / "model.safetensors", metadata)
    return folder


@pytest.mark.parametrize(("left", "right"), [(a, b) for a, b in itertools.product(DTYPES, DTYPES) if a <= b])
def test_numbers_are_those_of_torch(shardwright, tmp_path, left, right):
    a, b = drawn(DTYPES[left], 1), drawn(DTYPES[right], 2)
    b[3, 5:] = a[3, 5:].to(b.dtype)
    report = shardwright.json("diff", written(tmp_path / "a", {"w": a}), written(tmp_path / "b", {"w": b}), codes=(1,))
    (row,) = report["tensors"]
    assert row["state"] == ("values" if left == right else "dtype")
    values, off = row["values"], (a.double() - b.double()).abs()
    assert values["elements"] == off.numel()
    assert values["different"] == int((a.double() != b.double()).sum())
    assert values["largest"] == pytest.approx(off.max().item(), rel=1e-6)
    assert values["mean"] == pytest.approx(off.mean().item(), rel=1e-6)
    assert off[tuple(values["at"])].item() == pytest.approx(off.max().item(), rel=1e-6)
    assert report["summary"] == {"same": 0, "different": 1, "only_a": 0, "only_b": 0, "unread": 0}


def test_numbers_that_are_not_finite(shardwright, tmp_path):
    a, b = drawn(torch.float32, 1), drawn(torch.float32, 1)
    a[0, 0], a[1, 1], b[1, 1] = float("nan"), float("inf"), float("-inf")
    a[2, 2] = b[2, 2] = float("nan")
    b[3, 3] += 1
    (row,) = shardwright.json("diff", written(tmp_path / "a", {"w": a}), written(tmp_path / "b", {"w": b}), codes=(1,))["tensors"]
    assert (row["values"]["different"], row["values"]["not_finite"], row["values"]["at"]) == (3, 2, [3, 3])


def test_a_pickled_model_is_the_same_as_safetensors(shardwright, tmp_path):
    state = {name: drawn(DTYPES[name], 3) for name in ("BF16", "F16", "F32", "I64", "BOOL")}
    (tmp_path / "pickled").mkdir()
    torch.save({name: value for name, value in state.items()}, tmp_path / "pickled" / "pytorch_model.bin")
    written(tmp_path / "stored", state)
    assert shardwright.json("diff", tmp_path / "pickled", tmp_path / "stored")["same"]
    state["F16"] = state["F16"].clone()
    state["F16"][0, 1] += 1
    torch.save(state, tmp_path / "pickled" / "pytorch_model.bin")
    (row,) = shardwright.json("diff", tmp_path / "pickled", tmp_path / "stored", codes=(1,))["tensors"]
    assert (row["name"], row["values"]["different"], row["values"]["at"]) == ("F16", 1, [0, 1])


def test_metadata_of_a_header_is_no_difference(shardwright, tmp_path):
    state = {"w": drawn(torch.float32, 1)}
    report = shardwright.json("diff", written(tmp_path / "a", state, format="pt"), written(tmp_path / "b", state, by="me"))
    assert report["same"] and report["summary"]["same"] == 1
