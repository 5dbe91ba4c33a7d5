"""Broken checkpoints: check says of them what transformers does, and after repair transformers loads the original model."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from breakages import BREAKAGES, ORIGINALS
from folders import (
    INDEX, assert_whole, change_config, change_json, change_map, change_shard, contents, listening, load, logits, shapes, shards, tensors, verdict,
)  # fmt: skip
from models import FAMILIES, class_named, model_named, models_of
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models

# One of each kind of edit: a shard, an index, a config, a shard with its index, and a file that is added.
IN_PLACE = [
    "extra-equal-head-tied-shards", "flat-shared-gates-mixture", "tie-flag-false-tied", "wrong-total-size-shards",
    "index-missing-shards", "wrapped-by-data-parallel-shards", "much-at-once-tied-shards", "numbers-with-gaps-shards",
    "left-over-tensors-shards",
]  # fmt: skip


RULES = Path(__file__).resolve().parents[2] / "rules" / "architectures"


@dataclass
class Original:
    folder: Path
    logits: torch.Tensor


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """The good models by name, each written when it is first asked for."""
    made = {}

    def original(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            ORIGINALS[name].write(folder)
            model, complaints = load(folder)
            assert complaints == []
            made[name] = Original(folder, logits(model))
        return made[name]

    return original


@dataclass
class Case:
    breakage: object
    folder: Path  # the broken one
    good: torch.Tensor  # logits of the original

    def repaired(self, shardwright, *target, codes=(0,)):
        unsafe = ["--unsafe"] if self.breakage.unsafe else []
        return shardwright.json("repair", self.folder, *target, *unsafe, codes=codes)


@pytest.fixture
def case(request, originals, tmp_path):
    original = originals(request.param.original)
    folder = tmp_path / "broken"
    shutil.copytree(original.folder, folder)
    request.param.apply(folder)
    return Case(request.param, folder, original.logits)


def breakages(wanted):
    return pytest.mark.parametrize("case", filter(wanted, BREAKAGES), ids=str, indirect=True)


@breakages(lambda breakage: True)
def test_check_says_what_transformers_does(case, shardwright):
    breakage = case.breakage
    assert verdict(case.folder, case.good).startswith(breakage.transformers)
    assert (breakage.severity == "error") == (breakage.transformers != "whole" or bool(breakage.although))

    findings = shardwright.findings(case.folder, "--data", least="info")
    assert breakage.severity in {finding["severity"] for finding in findings if finding["code"] == breakage.code}
    levels = ["info", "warning", "error"]
    worst = max(levels.index(finding["severity"]) for finding in findings)
    assert levels[worst] == breakage.severity, "something else is worse"


@breakages(lambda breakage: breakage.mendable)
def test_repair(case, shardwright, tmp_path):
    before = contents(case.folder)
    mended = tmp_path / "mended"
    planned = case.repaired(shardwright, "--output", mended, "--dry-run")
    assert not planned["published"] and not mended.exists()
    report = case.repaired(shardwright, "--output", mended)
    assert report["published"]
    assert [planned[key] for key in ("plan", "left", "before", "after")] == [
        report[key] for key in ("plan", "left", "before", "after")
    ]
    assert case.breakage.code in {step["code"] for step in report["plan"]}
    assert contents(case.folder) == before, "the input was changed"

    assert_whole(mended, case.good)
    assert shardwright.findings(mended, "--data") == []

    shardwright.json("repair", mended, "--output", tmp_path / "again", *(["--unsafe"] if case.breakage.unsafe else []))
    assert contents(tmp_path / "again") == contents(mended)


@breakages(lambda breakage: breakage.unsafe)
def test_without_unsafe_nothing_is_decided(case, shardwright, tmp_path):
    report = shardwright.json("repair", case.folder, "--output", tmp_path / "mended", codes=(1,))
    assert not report["published"]
    assert case.breakage.code in {finding["code"] for finding in report["left"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


@breakages(lambda breakage: not breakage.mendable)
def test_what_is_lost_is_refused(case, shardwright, tmp_path):
    before = contents(case.folder)
    report = shardwright.json("repair", case.folder, "--output", tmp_path / "mended", "--unsafe", codes=(1,))
    assert not report["published"]
    assert case.breakage.code in {finding["code"] for finding in report["left"]}
    shardwright.json("repair", case.folder, "--in-place", "--unsafe", codes=(1,))
    assert contents(case.folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["broken"], "something was left behind"


@breakages(lambda breakage: str(breakage) in IN_PLACE)
def test_in_place_and_undo(case, shardwright, tmp_path):
    before = contents(case.folder)
    case.repaired(shardwright, "--output", tmp_path / "mended")
    assert case.repaired(shardwright, "--in-place")["published"]
    after = {name: data for name, data in contents(case.folder).items() if not name.startswith(".shardwright-undo/")}
    assert after == contents(tmp_path / "mended")
    assert_whole(case.folder, case.good)

    planned = shardwright.json("repair", case.folder, "--undo", "--dry-run")
    undone = shardwright.json("repair", case.folder, "--undo")
    assert undone == planned | {"dry_run": False} and set(undone["files"]) >= {name for name in before if before[name] != after.get(name)}
    assert contents(case.folder) == before


@pytest.mark.parametrize(
    "name, option",
    [
        ("tied", "--materialize-tied"), ("tied-shards", "--materialize-tied"), ("tied-by-flag", "--untie"),
        ("tied-shards", "--untie"), ("mixture", "--layout=fused"), ("mixture-shards", "--layout=fused"),
    ],
)  # fmt: skip
def test_asked_for_form(name, option, originals, shardwright, tmp_path):
    """Another form of a good model is the same model."""
    original = originals(name)
    planned = shardwright.json("repair", original.folder, "--output", tmp_path / "formed", option, "--dry-run")
    report = shardwright.json("repair", original.folder, "--output", tmp_path / "formed", option)
    assert report["plan"] and report["plan"] == planned["plan"]
    assert_whole(tmp_path / "formed", original.logits)
    assert shardwright.json("repair", tmp_path / "formed", "--output", tmp_path / "again", option)["plan"] == []
    assert contents(tmp_path / "again") == contents(tmp_path / "formed")
    back = {"--materialize-tied": "--drop-tied", "--untie": "--drop-tied", "--layout=fused": "--layout=hub"}[option]
    shardwright.json("repair", tmp_path / "formed", "--output", tmp_path / "back", back)
    assert_whole(tmp_path / "back", original.logits)
    assert shapes(tmp_path / "back") == shapes(original.folder)
    assert shardwright.findings(tmp_path / "back", "--data") == []


def test_drop_tied_of_an_untied_model(originals, shardwright, tmp_path):
    """Equal bytes: the head goes, and the config ties. Other bytes: refused, and nothing is there."""
    folder, mended = tmp_path / "model", tmp_path / "mended"
    shutil.copytree(originals("tied-by-flag").folder, folder)
    change_config(folder, tie_word_embeddings=False)
    change_shard(shards(folder)[0], lambda found: found | {"lm_head.weight": found["model.embed_tokens.weight"].clone()})
    assert shardwright.json("repair", folder, "--output", tmp_path / "as-found")["plan"] == []
    report = shardwright.json("repair", folder, "--output", mended, "--drop-tied")
    assert {step["op"] for step in report["plan"]} == {"drop", "set"}
    assert json.loads((mended / "config.json").read_text())["tie_word_embeddings"] is True
    assert_whole(mended, originals("tied-by-flag").logits)

    shardwright.run("repair", originals("untied").folder, "--output", tmp_path / "refused", "--drop-tied", codes=(2,))
    assert not (tmp_path / "refused").exists()


def test_tied_head_of_another_dtype(originals, shardwright, tmp_path):
    """Its numbers count: with those of the embedding it is one too many, with others it is another head."""
    folder, logits = tmp_path / "model", originals("tied").logits
    shutil.copytree(originals("tied").folder, folder)
    head = lambda found, more: found | {"lm_head.weight": found["model.embed_tokens.weight"].double() + more}  # noqa: E731
    change_shard(shards(folder)[0], lambda found: head(found, 0))
    assert_whole(folder, logits)
    for options in ([], ["--data"]):
        assert [finding["code"] for finding in shardwright.findings(folder, *options)] == ["AR412"]
    shardwright.json("repair", folder, "--output", tmp_path / "mended")
    assert_whole(tmp_path / "mended", logits)
    assert shapes(tmp_path / "mended") == shapes(originals("tied").folder)
    change_shard(shards(folder)[0], lambda found: head(found, 1e-12))
    assert [finding["code"] for finding in shardwright.findings(folder)] == ["AR413"]


def layouts():
    """(model, layout) for each layout of each rule beside the hub's; without INTEROP=all one of each name."""
    seen = set()
    for family in FAMILIES:
        rule = family.model_type
        for layout in json.loads((RULES / f"{rule}.json").read_text()).get("layouts", []):
            layout, is_internal = layout["name"], layout.get("internal", False)
            if is_internal or (layout in seen and os.environ.get("INTEROP") != "all"):
                continue
            seen.add(layout)
            yield pytest.param(next(models_of(family)), layout, id=f"{rule}-{layout}")


def state_of(folder, class_name):
    """What is in memory once transformers has loaded a folder without a complaint."""
    with listening("transformers.modeling_utils") as log:
        model, info = class_named(class_name).from_pretrained(folder, output_loading_info=True)
    assert [f"{kind}: {value}" for kind, value in info.items() if value] + log.lines == []
    return model.state_dict()


@pytest.mark.parametrize("model, layout", layouts())
def test_layout(model, layout, shardwright, tmp_path):
    """transformers loads the same from each layout; there and back is the same file, and once more changes nothing."""
    hub, other = tmp_path / "hub", tmp_path / "other"
    model.write(hub)
    report = shardwright.json("repair", hub, "--layout", layout, "--output", other)
    assert report["published"] and report["plan"]
    planned = shardwright.json("repair", hub, "--layout", layout, "--output", tmp_path / "x", "--dry-run")
    assert planned["plan"] == report["plan"]
    theirs, ours = state_of(hub, model.class_name), state_of(other, model.class_name)
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert shardwright.findings(other, "--data") == []
    shardwright.json("repair", other, "--layout", layout, "--output", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(other)
    shardwright.json("repair", other, "--layout", "hub", "--output", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(hub)


# The dtype of the config


@pytest.mark.parametrize("keys", [["dtype"], ["torch_dtype"], ["dtype", "torch_dtype"]], ids="-".join)
@pytest.mark.parametrize("name, said", [("bf16-shards", "float32"), ("untied", "bfloat16")])
def test_dtype_is_what_is_stored(name, said, keys, originals, shardwright, tmp_path):
    """transformers loads in the dtype that the config names, and after the repair in the stored one: the original again."""
    original = originals(name)
    broken, mended = tmp_path / "broken", tmp_path / "mended"
    shutil.copytree(original.folder, broken)
    change_json(broken / "config.json", lambda config: [config.pop("dtype"), config.update(dict.fromkeys(keys, said))])
    assert load(broken)[0].dtype == getattr(torch, said)

    (finding,) = [finding for finding in shardwright.findings(broken, least="info") if finding["code"] != "ST130"]
    assert (finding["code"], finding["severity"], finding["fix"]["safety"]) == ("CF308", "info", "safe")
    report = shardwright.json("repair", broken, "--output", mended)
    assert [(step["op"], step["safety"]) for step in report["plan"]] == [("set", "safe")] * len(keys)
    assert_whole(mended, original.logits)
    assert {finding["code"] for finding in shardwright.findings(mended, "--data", least="info")} <= {"ST130"}
    assert {path.name: path.read_bytes() for path in shards(mended)} == {path.name: path.read_bytes() for path in shards(broken)}


def test_of_two_dtypes_the_owner_decides(originals, shardwright, tmp_path):
    shutil.copytree(originals("bf16-shards").folder, tmp_path / "mixed")
    change_config(tmp_path / "mixed", dtype="float16")
    change_shard(shards(tmp_path / "mixed")[0], lambda found: {name: tensor.float() for name, tensor in found.items()})
    before = contents(tmp_path / "mixed")
    shardwright.run("repair", tmp_path / "mixed", "--in-place", "--unsafe", "--select", "CF308", codes=(0, 1))
    assert contents(tmp_path / "mixed") == before


@pytest.mark.parametrize("kept", [2, 1])
def test_of_two_sets_without_an_index_the_whole_one_stays(kept, originals, shardwright, tmp_path):
    """Shards of an older save lie beside those of the model; where the newer ones are cut off too, nobody knows."""
    original = originals("bf16-shards")
    broken, mended = tmp_path / "broken", tmp_path / "mended"
    shutil.copytree(original.folder, broken)
    (broken / INDEX).unlink()
    whole = shards(broken)
    shutil.copy(whole[0], broken / "model-00001-of-00009.safetensors")
    if kept == 1:
        whole[-1].unlink()
    (finding,) = [one for one in shardwright.findings(broken) if one["code"] == "IX211"]
    assert finding["fix"]["safety"] == ("unsafe" if kept == 2 else "never")
    shardwright.run("repair", broken, "--output", mended, "--unsafe", codes=(0,) if kept == 2 else (1,))
    if kept == 2:
        assert_whole(mended, original.logits)
        assert not (mended / "model-00001-of-00009.safetensors").exists()


# Companions of quantised weights

PARTS = {
    "gptq": dict(qweight=torch.int32, qzeros=torch.int32, scales=torch.float16, g_idx=torch.int32),
    "bitsandbytes": {
        "weight": torch.uint8, "weight.absmax": torch.uint8, "weight.quant_map": torch.float32,
        "weight.nested_absmax": torch.float32, "weight.nested_quant_map": torch.float32,
        "weight.quant_state.bitsandbytes__nf4": torch.uint8,
    },
    "compressed-tensors": dict(weight_packed=torch.int32, weight_scale=torch.float16, weight_shape=torch.int64),
    "fp8": dict(weight=torch.float8_e4m3fn, weight_scale_inv=torch.float32),
}  # fmt: skip
CONFIGS = {
    "gptq": dict(bits=4, group_size=16),
    "bitsandbytes": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    "compressed-tensors": dict(config_groups={"group_0": {"weights": {"num_bits": 4}, "targets": ["Linear"]}}),
    "fp8": dict(weight_block_size=[128, 128]),
}
WHOLE = ("weight", "qweight", "weight_packed")


def part_shape(method, part, rows, columns):
    """As the method stores a matrix, by its settings in CONFIGS."""
    groups, values = columns // 16, rows * columns
    return {
        "gptq": dict(qweight=(columns // 8, rows), qzeros=(groups, rows // 8), scales=(groups, rows), g_idx=(columns,)),
        "bitsandbytes": {
            "weight": (values // 2, 1), "weight.absmax": (-(-values // 64),), "weight.quant_map": (16,),
            "weight.nested_absmax": (1,), "weight.nested_quant_map": (256,),
            "weight.quant_state.bitsandbytes__nf4": (80,),
        },
        "compressed-tensors": dict(weight_packed=(rows, columns // 8), weight_scale=(rows, 1), weight_shape=(2,)),
        "fp8": dict(weight=(rows, columns), weight_scale_inv=(1, 1)),
    }[method][part]  # fmt: skip


def quantize(folder, method, companions_apart):
    """Parts of the method in place of the linear layers; the index that fits is returned."""
    change_config(folder, quantization_config={"quant_method": method} | CONFIGS[method])
    found, files = tensors(folder), shards(folder)
    for path in files:
        path.unlink()
    held = {name: {} for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")}
    first, last = held
    for name, tensor in found.items():
        if not name.endswith("_proj.weight"):
            held[first][name] = tensor
            continue
        for part, dtype in PARTS[method].items():
            place = last if companions_apart and part not in WHOLE else first if "layers.0" in name else last
            stored = torch.zeros(part_shape(method, part, *tensor.shape)).to(dtype)
            held[place][name.removesuffix("weight") + part] = stored
    for file, state in held.items():
        save_file(state, folder / file, {"format": "pt"})
    weight_map = {name: file for file, state in held.items() for name in state}
    total = sum(tensor.numel() * tensor.element_size() for state in held.values() for tensor in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    return index


@pytest.mark.parametrize("apart", [False, True], ids=["beside", "a-shard-of-their-own"])
@pytest.mark.parametrize("method", PARTS)
def test_companions_that_the_index_forgot(method, apart, originals, shardwright, tmp_path):
    folder, mended = tmp_path / "model", tmp_path / "mended"
    shutil.copytree(originals("shards").folder, folder)
    index = quantize(folder, method, apart)
    assert [finding for finding in shardwright.findings(folder) if finding["code"].startswith("IX")] == []

    def forget(weight_map):
        for name in list(weight_map):
            module, _, part = name.partition("_proj.")
            if part and part not in WHOLE:
                del weight_map[name]

    change_map(folder, forget)
    (finding,) = [finding for finding in shardwright.findings(folder) if finding["code"].startswith("IX")]
    assert (finding["code"], finding["fix"]["safety"]) == ("IX205", "safe")
    report = shardwright.json("repair", folder, "--output", mended)
    assert report["published"] and {step["op"] for step in report["plan"]} == {"index"}
    assert json.loads((mended / INDEX).read_text()) == index
    assert [path.read_bytes() for path in shards(mended)] == [path.read_bytes() for path in shards(folder)]
    shardwright.json("repair", mended, "--output", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(mended)


# The config's words


@pytest.mark.parametrize("name, alias", [("deepseek_v3-plain", "kimi_k2"), ("stablelm-plain", "stablelm_epoch")])
def test_alias(name, alias, shardwright, tmp_path):
    folder = tmp_path / "model"
    model_named(name).write(folder)
    good = logits(load(folder)[0])
    change_config(folder, model_type=alias)
    assert verdict(folder, good).startswith("refuses")
    before = contents(folder)
    shardwright.json("repair", folder, "--in-place")
    assert contents(folder) == before
    report = shardwright.json("repair", folder, "--unsafe", "--output", tmp_path / "mended")
    assert ("CF305", "unsafe") in {(step["code"], step["safety"]) for step in report["plan"]}
    assert_whole(tmp_path / "mended", good)


@pytest.mark.parametrize("ids", [2, [2, 3]])
def test_end_token(ids, originals, shardwright, tmp_path):
    """The tokenizer ends with a token that generation does not know: its id joins the list, in the file that decides."""
    folder, mended = tmp_path / "model", tmp_path / "mended"
    shutil.copytree(originals("untied").folder, folder)
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<|im_end|>": 2, "<|end|>": 3}, "a"))
    tokenizer.add_special_tokens([AddedToken("<|im_end|>"), AddedToken("<|end|>"), AddedToken("<|stop|>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|stop|>"}))
    for file in ("config.json", "generation_config.json"):
        change_json(folder / file, lambda config: config.update(eos_token_id=ids))
    kept = (folder / "config.json").read_bytes()
    report = shardwright.json("repair", folder, "--unsafe", "--output", mended)
    assert [(step["code"], step["safety"]) for step in report["plan"]] == [("TK503", "unsafe")]
    model, complaints = load(mended)
    assert complaints == []
    assert model.generation_config.eos_token_id == [*([ids] if isinstance(ids, int) else ids), 4]
    assert (mended / "config.json").read_bytes() == kept
    assert shardwright.json("repair", mended, "--unsafe", "--in-place")["plan"] == []


@pytest.mark.parametrize("ids", [96, [2, 96]])
def test_end_token_beside_one_without_a_row(ids, originals, shardwright, tmp_path):
    """The model has 96 rows: it never gives the token 96, which leaves the list."""
    folder, mended = tmp_path / "model", tmp_path / "mended"
    shutil.copytree(originals("untied").folder, folder)
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<|im_end|>": 2}, "a"))
    tokenizer.add_special_tokens([AddedToken("<|stop|>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|stop|>"}))
    change_json(folder / "config.json", lambda config: config.update(eos_token_id=2))
    change_json(folder / "generation_config.json", lambda config: config.update(eos_token_id=ids))
    assert {one["code"] for one in shardwright.findings(folder)} == {"TK502"}
    shardwright.run("repair", folder, "--unsafe", "--output", mended)
    assert load(mended)[0].generation_config.eos_token_id == (3 if ids == 96 else [2, 3])
    assert shardwright.findings(mended) == []


# What is left


@pytest.mark.parametrize("how", ["output", "in-place"])
def test_partial(how, originals, shardwright, tmp_path):
    """Of two errors one can be mended: with --partial the result is there, with the other, and exit code 1."""
    folder = tmp_path / "model"
    shutil.copytree(originals("untied").folder, folder)
    change_shard(shards(folder)[0], lambda found: found | {"model.norm.weight": torch.full((32,), torch.nan)})
    with shards(folder)[0].open("ab") as file:
        file.write(b"left by a longer file")
    before = contents(folder)
    target = ["--output", tmp_path / "mended"] if how == "output" else ["--in-place"]
    for options in ([], ["--dry-run"], ["--partial", "--dry-run"]):
        report = shardwright.json("repair", folder, *target, *options, codes=(1,))
        assert not report["published"] and report["after"]["error"] == 1
        assert contents(folder) == before and not (tmp_path / "mended").exists()
    report = shardwright.json("repair", folder, *target, "--partial", codes=(1,))
    assert report["published"] and (report["before"]["error"], report["after"]["error"]) == (2, 1)
    if how == "in-place":
        shardwright.run("repair", folder, "--undo")
        assert contents(folder) == before
