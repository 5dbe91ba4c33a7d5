"""Merges beside those of the real mergekit: the same recipes, the same models, tensor by tensor."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.merge_methods.arcee_fusion import DynamicThresholdFusion, _compute_importance
from mergekit.options import MergeOptions
from models import model_named
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from smollm2 import MODELS, tuned


def write_family(folder, share, dtype=torch.bfloat16):
    model = model_named("llama-plain")
    # The embeddings are large enough for selections in several passes.
    config = model.config | dict(hidden_size=64, intermediate_size=96, vocab_size=2048, num_hidden_layers=4)
    replace(model, config=config, dtype=dtype).write(folder / "base")
    state = load_file(folder / "base" / "model.safetensors")
    for seed, name in enumerate(MODELS):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text((folder / "base" / "config.json").read_text())
        save_file(tuned(state, seed, share), folder / name / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """A base, and three models tuned from it, all in bf16."""
    return write_family(tmp_path_factory.mktemp("family"), 0.02)


@pytest.fixture(scope="session")
def far_family(tmp_path_factory):
    """The same, of models that moved far."""
    return write_family(tmp_path_factory.mktemp("far"), 0.5)


@pytest.fixture(scope="session")
def families(tmp_path_factory):
    """Families by dtype and by how far their models moved, each written once."""
    made = {}

    def find(dtype, far=False):
        if (dtype, far) not in made:
            folder = tmp_path_factory.mktemp(f"{dtype}-{'far' if far else 'near'}")
            made[dtype, far] = write_family(folder, 0.5 if far else 0.02, getattr(torch, dtype))
        return made[dtype, far]

    return find


@pytest.fixture
def one_thread():
    """Of several, torch rounds the part of a sum that each has added up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe(family, method, models=MODELS, base=True, each=None, **more):
    entries = []
    for i, name in enumerate(models):
        parameters = {key: value[i] if isinstance(value, tuple) else value for key, value in (each or {}).items()}
        entries.append({"model": str(family / name)} | ({"parameters": parameters} if parameters else {}))
    made = {"merge_method": method, "models": entries, "dtype": "bfloat16"}
    if base:
        made["base_model"] = str(family / "base")
    return made | more


def run(command, recipe, output):
    path = output.with_suffix(".yml")
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    done = subprocess.run([*command, path, output], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return tensors(output)


def peer(recipe, output):
    command = Path(sys.executable).parent / "mergekit-yaml"
    return run([command, "--no-write-model-card", "--no-copy-tokenizer", "--quiet"], recipe, output)


def tensors(folder):
    found = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found |= {name: file.get_tensor(name) for name in file.keys()}
    return found


def steps_apart(a, b):
    """How many numbers of their dtype lie between the elements of two tensors."""

    def position(x):
        bits = x.view({2: torch.int16, 4: torch.int32}[x.element_size()]).long()
        return torch.where(bits < 0, torch.iinfo(torch.int16 if x.element_size() == 2 else torch.int32).min - bits, bits)

    return (position(a) - position(b)).abs()


def peer_here(recipe, output, **options):
    """The same without a process of its own, whose imports take longer than the merge does."""
    config = MergeConfiguration.model_validate(recipe)
    run_merge(config, str(output), MergeOptions(write_model_card=False, copy_tokenizer=False, quiet=True, **options))
    return tensors(output)


def exact(recipe, output):
    """What the peer makes of a recipe where it computes in float64 and rounds nothing."""
    return peer_here(recipe | dict(dtype="float64", out_dtype="float64"), output)


def too_far(value, truth, sources):
    """Which elements are not the truth rounded once to bf16, but for what F32 arithmetic adds to that."""
    assert value.dtype == torch.bfloat16 and value.shape == truth.shape
    half_a_step = torch.ldexp(torch.ones_like(truth), torch.frexp(truth).exponent - 9)
    # A few roundings of F32, each 2^-24 of the operands.
    slack = 2.0**-21 * torch.stack([source.double().abs() for source in sources]).amax(dim=0)
    return (value.double() - truth).abs() > half_a_step + slack


def equal_at_cuts(magnitudes, cuts):
    """Elements that equal one another where the order by magnitude is cut: the peer takes any of them."""
    order = magnitudes.flatten().sort(descending=True).values
    doubtful = torch.zeros_like(magnitudes, dtype=torch.bool)
    for cut in cuts:
        # As far apart as F32 may see as equal.
        if 0 < cut < len(order) and order[cut - 1] - order[cut] <= 2.0**-22 * order[cut - 1]:
            doubtful |= (magnitudes - order[cut]).abs() <= 2.0**-22 * order[cut]
    return doubtful


def cuts_of(recipe, density, gamma, count):
    if recipe["merge_method"] == "ties":
        return [max(1, int(density * count))]
    top = min(int(gamma * count), count - int(density * count))
    return [top, top + int(density * count)]


def states_of(recipe):
    """The tensors of the base and of all listed models."""
    folders = [Path(entry["model"]) for entry in recipe["models"]]
    return [load_file(folder / "model.safetensors") for folder in (folders[0].parent / "base", *folders)]


def doubtful(recipe, base, others, dtype=torch.float64):
    """Elements of a tensor of which the formula does not say whether they are kept, in arithmetic of that dtype."""
    deltas = [other.to(dtype) - base.to(dtype) for other in others]
    doubts = torch.zeros_like(deltas[0], dtype=torch.bool)
    if recipe["merge_method"] == "sce":
        variance = torch.stack(deltas).var(dim=0, unbiased=False).double()
        share = recipe.get("parameters", {}).get("select_topk", 1)
        return equal_at_cuts(variance, [int(variance.count_nonzero() * share)])
    if recipe["merge_method"] == "arcee_fusion":
        importance = _compute_importance(others[-1].double(), base.double())
        threshold = DynamicThresholdFusion().calculate_dynamic_threshold(importance)
        return (importance - threshold).abs() <= 2.0**-20 * threshold
    for delta, entry in zip(deltas, recipe["models"]):
        given = entry.get("parameters", {})
        if "density" in given:
            cuts = cuts_of(recipe, given["density"], given.get("gamma", 0.01), delta.numel())
            doubts |= equal_at_cuts(delta.double().abs(), cuts)
    return doubts


WEIGHTS = dict(weight=(0.5, 0.3, 0.4))
DETERMINISTIC = {
    "linear": lambda f: recipe(f, "linear", base=False, each=WEIGHTS),
    "linear-plain": lambda f: recipe(f, "linear", base=False, each=WEIGHTS, parameters=dict(normalize=False)),
    "linear-gradient": lambda f: recipe(
        f, "linear", base=False, models=("a", "b"),
        each=dict(weight=([0, 1, 0.5], [{"filter": "mlp", "value": 0.2}, {"value": [1, 0.3]}])),
    ),
    "slerp": lambda f: recipe(f, "slerp", models=("base", "a"), parameters=dict(t=0.3)),
    "slerp-gradient": lambda f: recipe(
        f, "slerp", models=("base", "a"),
        parameters=dict(t=[{"filter": "self_attn", "value": [0, 0.5, 0.3, 0.7, 1]}, {"value": 0.5}]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_is_what_the_peer_makes(name, family, tmp_path, shardwright):
    asked = DETERMINISTIC[name](family)
    theirs = peer(asked, tmp_path / "theirs")
    ours = run([shardwright.path, "merge"], asked, tmp_path / "ours")
    assert ours.keys() == theirs.keys()
    apart = 0
    for key, value in ours.items():
        assert value.dtype == theirs[key].dtype and value.shape == theirs[key].shape, key
        apart += int((steps_apart(value, theirs[key]) > 1).sum())
    assert apart <= 1e-4 * sum(value.numel() for value in ours.values())
    _, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    assert json.loads((tmp_path / "ours" / "config.json").read_text())["dtype"] == "bfloat16"
    assert shardwright.findings(tmp_path / "ours") == []


# Sums of these times differences of bf16 numbers are exact, so that no sign of a sum hangs on a rounding.
VOTES = dict(weight=(0.5, 0.25, 0.375))
CUT = dict(density=(0.5, 0.2, 0.9))
KEEP_ALL = dict(density=1.0)
FORMULAS = {
    "linear": lambda f: recipe(f, "linear", base=False, each=WEIGHTS),
    "slerp": lambda f: recipe(f, "slerp", models=("base", "a"), parameters=dict(t=0.3)),
    "nuslerp": lambda f: recipe(f, "nuslerp", models=("a", "b"), base=False, each=WEIGHTS),
    "nuslerp-base": lambda f: recipe(f, "nuslerp", models=("a", "b"), each=WEIGHTS),
    "nuslerp-rows": lambda f: recipe(
        f, "nuslerp", models=("a", "b"), each=WEIGHTS, parameters=dict(nuslerp_flatten=False),
    ),
    "nuslerp-columns": lambda f: recipe(
        f, "nuslerp", models=("a", "b"), each=WEIGHTS, parameters=dict(nuslerp_flatten=False, nuslerp_row_wise=True),
    ),
    "multislerp": lambda f: recipe(f, "multislerp", base=False, each=WEIGHTS),
    "multislerp-base": lambda f: recipe(f, "multislerp", each=WEIGHTS, parameters=dict(normalize_weights=False)),
    "karcher": lambda f: recipe(f, "karcher", base=False),
    "model_stock": lambda f: recipe(f, "model_stock"),
    "model_stock-rows": lambda f: recipe(f, "model_stock", parameters=dict(filter_wise=True)),
    "nearswap": lambda f: recipe(f, "nearswap", models=("a",), parameters=dict(t=1e-4)),
    "arcee_fusion": lambda f: recipe(f, "arcee_fusion", models=("base", "a")),
    "passthrough": lambda f: recipe(f, "passthrough", models=("a",), base=False),
    "passthrough-scaled": lambda f: recipe(f, "passthrough", models=("a",), base=False, each=dict(scale=0.3)),
    "ram": lambda f: recipe(f, "ram", parameters=dict(epsilon=1e-4)),
    "ramplus_tl": lambda f: recipe(f, "ramplus_tl", parameters=dict(epsilon=1e-4, r=0.3, alpha=0.5)),
    "task_arithmetic": lambda f: recipe(f, "task_arithmetic", each=WEIGHTS),
    "task_arithmetic-normalized": lambda f: recipe(
        f, "task_arithmetic", each=dict(weight=(0.5, -0.3, 0.4)), parameters={"normalize": True, "lambda": 0.7},
    ),
    "ties": lambda f: recipe(f, "ties", each=VOTES | CUT),
    "ties-rescaled": lambda f: recipe(
        f, "ties", each=VOTES | CUT, parameters={"normalize": False, "rescale": True, "lambda": 1.5},
    ),
    "breadcrumbs": lambda f: recipe(f, "breadcrumbs", each=WEIGHTS | CUT | dict(gamma=(0.1, 0.01, 0.3))),
    "breadcrumbs-rescaled": lambda f: recipe(
        f, "breadcrumbs", each=WEIGHTS | CUT, parameters=dict(rescale=True, normalize=True),
    ),
    "breadcrumbs_ties": lambda f: recipe(f, "breadcrumbs_ties", each=VOTES | CUT | dict(gamma=0)),
    "sce": lambda f: recipe(f, "sce"),
    "sce-selected": lambda f: recipe(f, "sce", parameters=dict(select_topk=0.3)),
    "dare_linear": lambda f: recipe(f, "dare_linear", each=WEIGHTS | KEEP_ALL),
    "dare_ties": lambda f: recipe(f, "dare_ties", each=VOTES | KEEP_ALL),
    "della": lambda f: recipe(f, "della", each=VOTES | KEEP_ALL),
    "della_linear": lambda f: recipe(f, "della_linear", each=WEIGHTS | KEEP_ALL),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_is_the_formula_rounded_once(name, family, far_family, tmp_path, shardwright):
    # Of sce the peer leaves the weights out where the models are as near as fine-tunes are.
    folder = far_family if name.startswith("sce") else family
    asked = FORMULAS[name](folder)
    truth = exact(asked, tmp_path / "truth")
    ours = run([shardwright.path, "merge"], asked, tmp_path / "ours")
    assert ours.keys() == truth.keys()
    base, *others = states_of(asked)
    for key, value in ours.items():
        wrong = too_far(value, truth[key], [state[key] for state in (base, *others)])
        if wrong.any():
            wrong &= ~doubtful(asked, base[key], [state[key] for state in others])
        assert not wrong.any(), f"{key}: {int(wrong.sum())} of {wrong.numel()}"


# Not these: which of equal elements of a whole tensor sce selects is not followed, and its weights hang on that.
FOLLOWED = [name for name in FORMULAS if name != "sce-selected"]
# Methods that add up whole vectors, which torch does in F32, in an order of its own. That shows where a sum decides a
# rounding: always in F32.
SUMMED = ("nuslerp", "multislerp", "model_stock", "karcher", "sce", "slerp", "arcee_fusion")
# Shares of the elements that may be off in BF16 and F16. Those of karcher are lengths in F32, which torch adds up in
# eight lanes; of arcee_fusion the exponential, which torch has to some 20 bits.
OFF = {"karcher": 5e-3, "arcee_fusion": 1e-4, "slerp": 1e-3}


def is_summed(name):
    return name.split("-")[0] in SUMMED or name.endswith("-rescaled")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("name", FOLLOWED)
def test_compat_has_the_bits_of_the_peer(name, dtype, families, one_thread, tmp_path, shardwright):
    asked = FORMULAS[name](families(dtype, far=name.startswith("sce"))) | dict(dtype=dtype)
    theirs = peer_here(asked, tmp_path / "theirs")
    ours = run([shardwright.path, "merge", "--compat", "mergekit"], asked, tmp_path / "ours")
    assert ours.keys() == theirs.keys()
    base, *others = states_of(asked)
    off = total = 0
    for key, value in ours.items():
        expected = theirs[key].to(value.dtype)  # arcee_fusion and ramplus_tl leave F32 there
        wrong = value != expected
        if wrong.any():
            wrong &= ~doubtful(asked, base[key], [state[key] for state in others], getattr(torch, dtype))
        off += int(wrong.sum())
        total += wrong.numel()
        if dtype == "float32" and is_summed(name) and name != "arcee_fusion":
            largest = torch.stack([state[key].abs() for state in (base, *others)]).amax(dim=0)
            near = (value.double() - expected.double()).abs() <= 2.0**-18 * largest.double()
            assert (near | ~wrong).all(), f"{key}: {float(((value - expected).abs() / largest).max())}"
    if dtype == "float32" and is_summed(name):
        return
    assert off <= OFF.get(name.split("-")[0], 0) * total, f"{off} of {total}"


@pytest.mark.parametrize("stored, work, written", [
    ("float32", "bfloat16", None), ("bfloat16", "float32", "bfloat16"), ("float16", "bfloat16", "float32"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["linear", "task_arithmetic", "ram", "nearswap", "passthrough-scaled"])
def test_compat_works_in_the_dtype_of_the_recipe(name, stored, work, written, families, tmp_path, shardwright):
    asked = FORMULAS[name](families(stored, far=True)) | dict(dtype=work)
    if written:
        asked["out_dtype"] = written
    theirs = peer_here(asked, tmp_path / "theirs")
    ours = run([shardwright.path, "merge", "--compat", "mergekit"], asked, tmp_path / "ours")
    for key, value in ours.items():
        assert value.dtype == theirs[key].dtype == getattr(torch, written or work), key
        assert torch.equal(value, theirs[key]), key


def random_recipe(family, method, density, weight=1.0, **parameters):
    each = dict(weight=weight, density=density)
    if method.startswith("della"):
        each["epsilon"] = 0.2
    return recipe(family, method, models=("a",), each=each, parameters=dict(normalize=False) | parameters)


def seeded(shardwright, asked, output, seed, *options):
    return run([shardwright.path, "merge", "--random-seed", str(seed), *options], asked, output)


RANDOM = ("dare_linear", "dare_ties", "della", "della_linear")


@pytest.mark.parametrize("method", RANDOM)
def test_the_seed_alone_decides(method, family, tmp_path, shardwright):
    asked = random_recipe(family, method, 0.5)
    first = seeded(shardwright, asked, tmp_path / "first", 7, "--threads", "1")
    again = seeded(shardwright, asked, tmp_path / "again", 7, "--threads", "4")
    other = seeded(shardwright, asked, tmp_path / "other", 8)
    assert all(torch.equal(first[key].view(torch.int16), again[key].view(torch.int16)) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("method", RANDOM)
def test_what_is_kept_at_random(method, family, tmp_path, shardwright):
    """As many as the density says, of the mean that they all have, and brought back to the sum of magnitudes."""
    density = 0.3
    asked = random_recipe(family, method, density, rescale=False)
    kept = seeded(shardwright, asked, tmp_path / "kept", 1)
    asked = random_recipe(family, method, density)
    rescaled = seeded(shardwright, asked, tmp_path / "rescaled", 1)
    base, model = states_of(asked)
    for key in ("lm_head.weight", "model.embed_tokens.weight"):
        delta = model[key].double() - base[key].double()
        mask = kept[key] != base[key]
        # What is kept whole is the model's element itself, but for one rounding of nothing.
        assert torch.equal(kept[key][mask], model[key][mask])
        moved = delta != 0
        n = int(moved.sum())
        share = float(mask.sum()) / n
        # Five standard deviations; chances of della differ, which makes its spread smaller. Elements that
        # did not move are those of least rank, so that among the others it keeps a little more.
        above = 0.2 * (1 - n / delta.numel()) if method.startswith("della") else 0
        assert abs(share - density - above) < 5 * (density * (1 - density) / n) ** 0.5
        if method.startswith("dare"):
            spread = float(delta[moved].std()) * (density * (1 - density) * n) ** 0.5
            assert abs(float(delta[mask].sum()) - density * float(delta.sum())) < 5 * spread
        ratio = delta.abs().sum() / delta[mask].abs().sum()
        truth = base[key].double() + torch.where(mask, ratio * delta, 0)
        assert not too_far(rescaled[key], truth, (base[key], model[key])).any()


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("method", RANDOM)
def test_compat_draws_the_numbers_of_the_peer(method, rescale, family, one_thread, tmp_path, shardwright):
    each = VOTES | dict(density=(0.5, 1.0, 0.3))
    if method.startswith("della"):
        each["epsilon"] = (0.2, 0.1, 0.15)
    asked = recipe(family, method, each=each, parameters=dict(rescale=rescale))
    theirs = peer_here(asked, tmp_path / "theirs", random_seed=7)
    ours = seeded(shardwright, asked, tmp_path / "ours", 7, "--compat", "mergekit")
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


# Torch ranks equal magnitudes as its sort leaves them; where none are equal, nothing hangs on that.
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_compat_ranks_as_the_peer_does(dtype, families, tmp_path, shardwright):
    each = VOTES | dict(density=(0.5, 1.0, 0.3), epsilon=(0.2, 0.1, 0.15))
    asked = recipe(families(dtype), "della", each=each, parameters=dict(rescale=False), dtype=dtype)
    theirs = peer_here(asked, tmp_path / "theirs", random_seed=11)
    ours = seeded(shardwright, asked, tmp_path / "ours", 11, "--compat", "mergekit")
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


def test_compat_takes_the_quartiles_of_the_peer_s_sample(tmp_path, shardwright):
    """Of arcee_fusion, in tensors of more than a million elements."""
    generator = torch.Generator().manual_seed(5)
    asked = recipe(tmp_path, "arcee_fusion", models=("base", "a"))
    model = model_named("llama-plain")
    config = model.config | dict(hidden_size=64, intermediate_size=96, vocab_size=17_000, num_hidden_layers=1)
    replace(model, config=config, dtype=torch.bfloat16).write(tmp_path / "base")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text((tmp_path / "base" / "config.json").read_text())
    state = load_file(tmp_path / "base" / "model.safetensors")
    moved = {key: x + 0.003 * torch.randn(x.shape, generator=generator).bfloat16() for key, x in state.items()}
    save_file(moved, tmp_path / "a" / "model.safetensors", {"format": "pt"})
    theirs = peer_here(asked, tmp_path / "theirs", random_seed=7)
    ours = seeded(shardwright, asked, tmp_path / "ours", 7, "--compat", "mergekit")
    other = seeded(shardwright, asked, tmp_path / "other", 8, "--compat", "mergekit")
    key = "lm_head.weight"
    off, off_other = (int((made[key] != theirs[key].bfloat16()).sum()) for made in (ours, other))
    assert off <= 1e-4 * ours[key].numel() < off_other
