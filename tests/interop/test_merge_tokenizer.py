"""Vocabularies of merged models beside those of the real mergekit: tokens, ids, rows, and what loads."""

import json
from dataclasses import replace

import pytest
import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from models import FAMILIES, models_of
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEXT = "the cat saw a dog and a cow<b1> in the hat<a1><cs>"
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
SPECIAL = ["<unk>", "<s>", "</s>"]


def bpe(words, special):
    vocabulary = {token: i for i, token in enumerate([*special, *LETTERS, "Ġ"])}
    merges = []
    for word in words:
        for i in range(1, len(word)):
            if word[: i + 1] not in vocabulary:
                vocabulary[word[: i + 1]] = len(vocabulary)
                merges.append((word[:i], word[i]))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def unigram(words, special):
    pieces = [(token, 0.0) for token in special] + [(letter, -6.0) for letter in LETTERS]
    pieces += [(f"▁{word}", -2.0 - 0.1 * i) for i, word in enumerate(words)] + [("▁", -3.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, special.index("<unk>"), False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def wordpiece(words, special):
    tokens = [*special, *LETTERS, *(f"##{letter}" for letter in LETTERS), *words]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def write_tokenizer(folder, make, words, added, special_added, special=SPECIAL, template=None):
    tokenizer = make(words, special)
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(added)
    tokenizer.add_special_tokens(special_added)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = template
    fast.save_pretrained(folder)
    return len(fast)


def write_model(folder, vocabulary, seed, tied=False, dtype=torch.bfloat16, special=SPECIAL):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=48,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
        bos_token_id=special.index("<s>"),
        eos_token_id=special.index("</s>"),
    )
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder)


# Words, added tokens, added special tokens, rows of no token.
MODELS = {
    "a": (["the", "cat"], ["<a1>"], [], 3),
    "b": (["the", "dog"], ["<b1>"], ["<bs>"], 0),
    "c": (["dog", "cow"], ["<b1>"], ["<cs>"], 2),
}


def write_family(folder, make, tied=()):
    for seed, (name, (words, added, special, rest)) in enumerate(MODELS.items()):
        template = f"{{% for m in messages %}}{'xyx'[seed]}: {{{{ m['content'] }}}}{{% endfor %}}"
        size = write_tokenizer(folder / name, make, words, added, special, template=template)
        write_model(folder / name, size + rest, seed, tied=name in tied)
    return folder


@pytest.fixture(scope="session", params=[bpe, unigram, wordpiece], ids=lambda make: make.__name__)
def family(request, tmp_path_factory):
    return write_family(tmp_path_factory.mktemp(request.param.__name__), request.param)


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    return write_family(tmp_path_factory.mktemp("plain"), bpe)


def recipe(family, method="linear", names="abc", each=None, **more):
    def entry(name):
        given = {key: value[name] for key, value in (each or {}).items()}
        return {"model": str(family / name)} | ({"parameters": given} if given else {})

    made = {"merge_method": method, "models": [entry(name) for name in names], "base_model": str(family / "a")}
    return made | {"dtype": "bfloat16"} | more


WEIGHTS = {"weight": {"a": 0.5, "b": 0.3, "c": 0.2}}


def ours(shardwright, recipe, output, *options):
    path = output.with_suffix(".yml")
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    said = shardwright.json("merge", path, output, *options)
    return Result(output, said)


def peers(recipe, output):
    run_merge(
        MergeConfiguration.model_validate(recipe),
        str(output),
        MergeOptions(write_model_card=False, copy_tokenizer=True, quiet=True),
    )
    return Result(output)


TOKEN_TENSORS = {"lm_head.weight", "model.embed_tokens.weight"}


class Result:
    def __init__(self, folder, said=None):
        self.folder, self.said = folder, said
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.ids = self.tokenizer.get_vocab()
        self.tensors = load_file(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())

    def without_padding(self, like):
        """With as many rows as another."""
        for name in TOKEN_TENSORS & set(self.tensors):
            self.tensors[name] = self.tensors[name][: len(like.tensors[name])]
        return self

    def words_of(self, text):
        return self.tokenizer.convert_ids_to_tokens(self.tokenizer(text)["input_ids"])


def rows_apart(left, right):
    """The largest difference between rows of one token, and between tensors without tokens."""
    worst = 0.0
    assert set(left.tensors) == set(right.tensors)
    for name, tensor in left.tensors.items():
        other = right.tensors[name]
        assert tensor.shape == other.shape and tensor.dtype == other.dtype, name
        if name in TOKEN_TENSORS:
            order = list(left.ids)
            padding = range(len(order), len(tensor))
            tensor = tensor[[*(left.ids[token] for token in order), *padding]]
            other = other[[*(right.ids[token] for token in order), *padding]]
        worst = max(worst, (tensor.float() - other.float()).abs().max().item())
    return worst


def assert_loads(result):
    model, problems = AutoModelForCausalLM.from_pretrained(result.folder, output_loading_info=True)
    assert not any(problems.values()), problems
    rows = model.get_input_embeddings().weight.shape[0]
    assert rows == result.config["vocab_size"] > max(result.ids.values())
    assert model(**result.tokenizer(TEXT, return_tensors="pt")).logits.isfinite().all()


def source(model, **more):
    return {"source": model} | more


# What a recipe says of the tokenizer, from the folder of the models.
TOKENIZERS = {
    "union": lambda family: {"tokenizer_source": "union"},
    "base": lambda family: {"tokenizer_source": "base"},
    "of-a-model": lambda family: {"tokenizer_source": str(family / "b")},
    "padded": lambda family: {"tokenizer": {"source": "union", "pad_to_multiple_of": 16}},
    "zero": lambda family: {"tokenizer": {"source": "union", "tokens": {"<new>": source({"kind": "zero"})}}},
    "of-a-token": lambda family: {
        "tokenizer": {
            "source": "union",
            "tokens": {
                "<new>": source({"kind": "model_token", "model": str(family / "b"), "token": "</s>"}),
                "<other>": source({"kind": "model_token", "model": str(family / "c"), "token_id": 7}),
            },
        }
    },
    "forced": lambda family: {
        "tokenizer": {
            "source": "union",
            "tokens": {
                "<b1>": source(str(family / "c")),
                "<s>": source(str(family / "b"), force=True),
                "q": source({"kind": "zero"}, force=True),
            },
        }
    },
}


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_same_tokens_and_rows(shardwright, family, tmp_path, tokenizer):
    asked = recipe(family, each=WEIGHTS, **TOKENIZERS[tokenizer](family))
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert set(mine.ids) == set(theirs.ids)
    if tokenizer != "base":  # whose padding rows mergekit cuts off
        assert mine.config["vocab_size"] == theirs.config["vocab_size"]
    # Where mergekit orders new tokens by chance, those of the base keep their ids.
    base = AutoTokenizer.from_pretrained(family / "a").get_vocab()
    if tokenizer != "of-a-model":
        assert {token: mine.ids[token] for token in base} == base
    if tokenizer in ("base", "of-a-model"):
        assert mine.ids == theirs.ids
    assert mine.words_of(TEXT) == theirs.words_of(TEXT)
    assert rows_apart(mine.without_padding(theirs), theirs) <= 2.0**-11
    compatible = ours(shardwright, asked, tmp_path / "compatible", "--compat", "mergekit")
    assert rows_apart(compatible, theirs) == 0
    assert_loads(mine)


def test_padding_rows_stay(shardwright, plain, tmp_path):
    asked = recipe(plain, each=WEIGHTS, tokenizer_source="base")
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert_loads(mine)
    a, b, c = (load_file(plain / name / "model.safetensors") for name in "abc")
    tokens, rows = len(mine.ids), len(a["lm_head.weight"])
    assert mine.config["vocab_size"] == rows == tokens + 3
    assert any(f"{rows} rows and {tokens} tokens: 3 are padding" in note for note in mine.said["notes"])
    known = {name: AutoTokenizer.from_pretrained(plain / name).get_vocab() for name in "bc"}
    for name in TOKEN_TENSORS:
        for row in range(tokens, rows):
            total = 0.5 * a[name][row].double()
            # The others' own where they have such a row and no token there, else the mean of their tokens' rows.
            for weight, key, other in ((0.3, "b", b), (0.2, "c", c)):
                is_padding = row < len(other[name]) and row not in known[key].values()
                if is_padding:
                    total += weight * other[name][row].double()
                else:
                    base = AutoTokenizer.from_pretrained(plain / "a").get_vocab()
                    own = [
                        other[name][known[key][token]] if token in known[key] else a[name][place]
                        for token, place in base.items()
                    ]
                    total += weight * torch.stack(own).double().mean(0)
            assert (mine.tensors[name][row].double() - total).abs().max() < 2.0**-9, (name, row)


def test_new_tokens_take_padding_rows(shardwright, plain, tmp_path):
    """A base with room for the tokens of the others keeps its size."""
    write_tokenizer(tmp_path / "wide", bpe, ["the", "cat"], ["<a1>"], [])
    size = len(AutoTokenizer.from_pretrained(tmp_path / "wide"))
    write_model(tmp_path / "wide", size + 20, 7)
    asked = recipe(plain, names="b", base_model=str(tmp_path / "wide"), tokenizer_source="union")
    asked["models"][0]["parameters"] = {"weight": 0.5}
    asked["models"].append({"model": str(tmp_path / "wide"), "parameters": {"weight": 0.5}})
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert_loads(mine)
    assert "<b1>" in mine.ids and mine.config["vocab_size"] == size + 20


METHODS = {
    "ties": {"each": WEIGHTS | {"density": {"a": 1, "b": 0.6, "c": 0.6}}, "names": "bc"},
    "slerp": {"names": "ab", "parameters": {"t": 0.4}},
    "task_arithmetic": {"each": WEIGHTS, "names": "bc"},
    "model_stock": {"names": "bc"},
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_works_on_aligned_rows(shardwright, plain, tmp_path, method):
    asked = recipe(plain, method, **METHODS[method], tokenizer_source="union")
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine", "--compat", "mergekit")
    assert set(mine.ids) == set(theirs.ids)
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        order = list(mine.ids)
        left = mine.tensors[name][[mine.ids[token] for token in order]].float()
        right = theirs.tensors[name][[theirs.ids[token] for token in order]].float()
        # The order of rows decides how long sums round, and which of equal magnitudes are kept.
        assert ((left - right).abs() > 2.0**-10).float().mean() < 0.002
    assert_loads(mine)


@pytest.mark.parametrize("tied", [("a", "b", "c"), ("a",), ("c",)], ids="-".join)
def test_tied_models(shardwright, tmp_path, tied):
    family = write_family(tmp_path, bpe, tied)
    asked = recipe(family, each=WEIGHTS, tokenizer_source="union")
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine", "--compat", "mergekit")
    assert rows_apart(mine, theirs) == 0
    # mergekit leaves the flag of the base beside a head of its own.
    assert mine.config["tie_word_embeddings"] == (len(tied) == 3)
    assert_loads(mine)


def test_the_bytes_do_not_depend_on_threads(shardwright, plain, tmp_path):
    asked = recipe(plain, each=WEIGHTS, tokenizer={"source": "union", "pad_to_multiple_of": 32})
    one = ours(shardwright, asked, tmp_path / "one", "--threads", "1")
    many = ours(shardwright, asked, tmp_path / "many", "--threads", "7")
    assert (one.folder / "model.safetensors").read_bytes() == (many.folder / "model.safetensors").read_bytes()


def test_ids_follow_the_vocabulary(shardwright, plain, tmp_path):
    special = ["</s>", "<pad>", "<unk>", "<s>"]
    size = write_tokenizer(tmp_path / "other", bpe, ["the", "hat"], [], [], special)
    write_model(tmp_path / "other", size, 9, special=special)
    asked = recipe(plain, each=WEIGHTS, names="ab")
    asked["models"].append({"model": str(tmp_path / "other"), "parameters": {"weight": 0.2}})
    asked["tokenizer_source"] = str(tmp_path / "other")
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert mine.ids["</s>"] == mine.config["eos_token_id"] == 0
    assert mine.ids["<s>"] == mine.config["bos_token_id"] == 3
    generation = json.loads((mine.folder / "generation_config.json").read_text())
    assert (generation["eos_token_id"], generation["bos_token_id"]) == (0, 3)
    # The files of the tokenizer are those of the model that it comes from, byte for byte.
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (mine.folder / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert_loads(mine)


@pytest.mark.parametrize("has_role", [False, True], ids=["plain", "with-a-role"])
def test_tokens_without_a_row_are_no_tokens(shardwright, plain, tmp_path, has_role):
    """A padding token that somebody added without resizing the embedding."""
    size = write_tokenizer(tmp_path / "a", bpe, ["the", "cat"], ["<a1>"], ["<pad>"])
    write_model(tmp_path / "a", size - 1, 4)
    role = {"pad_token": "<pad>"} if has_role else {}
    said = {"tokenizer_config.json": role, "generation_config.json": {"pad_token_id": size - 1}}
    for name, value in said.items():
        path = tmp_path / "a" / name
        path.write_text(json.dumps(json.loads(path.read_text()) | value))
    asked = recipe(tmp_path, names="a", each=WEIGHTS, tokenizer_source="union")
    asked["models"].append({"model": str(plain / "b"), "parameters": {"weight": 0.3}})
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine", "--compat", "mergekit")
    assert "<pad>" not in mine.ids and any("<pad>" in note for note in mine.said["notes"])
    assert json.loads((mine.folder / "generation_config.json").read_text())["pad_token_id"] is None
    # With a role mergekit adds it anew, with a row of zeros.
    assert set(mine.ids) == set(theirs.ids) - {"<pad>"}
    if not has_role:
        assert rows_apart(mine, theirs) == 0
    assert_loads(mine)


@pytest.mark.parametrize("template", ["auto", "{{ bos_token }}{{ messages[0]['content'] }}"], ids=["auto", "text"])
def test_chat_template(shardwright, plain, tmp_path, template):
    asked = recipe(plain, each=WEIGHTS, tokenizer_source="union", chat_template=template)
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert mine.tokenizer.chat_template == theirs.tokenizer.chat_template
    talk = [{"role": "user", "content": "the cat"}]
    assert mine.tokenizer.apply_chat_template(talk, tokenize=False) == theirs.tokenizer.apply_chat_template(
        talk, tokenize=False
    )
    # The same without another vocabulary.
    del asked["tokenizer_source"]
    asked["models"] = asked["models"][:1]
    alone = ours(shardwright, asked, tmp_path / "alone")
    assert alone.tokenizer.chat_template is not None


USER = [{"role": "user", "content": "the cat"}]
TALKS = {
    "question": USER,
    "answered": [*USER, {"role": "assistant", "content": "a hat"}],
    "long": [*USER, {"role": "assistant", "content": "a hat"}, {"role": "user", "content": "why"}],
    "system": [{"role": "system", "content": "be good"}, *USER],
}


@pytest.mark.parametrize("name", ["alpaca", "chatml", "exaone", "llama3", "mistral"])
def test_named_chat_template(shardwright, plain, tmp_path, name):
    asked = recipe(plain, each=WEIGHTS, tokenizer_source="base", chat_template=name)
    theirs = peers(asked, tmp_path / "theirs").tokenizer
    mine = ours(shardwright, asked, tmp_path / "mine").tokenizer
    for talk in TALKS.values():
        for prompt in (False, True):
            left, right = (
                tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=prompt)
                for tokenizer in (mine, theirs)
            )
            if name in ("alpaca", "exaone", "llama3"):
                # mergekit has line breaks and spaces there that these formats have not.
                left, right = "".join(left.split()), "".join(right.split())
            assert left == right
    if name == "mistral":
        with pytest.raises(Exception, match="alternate"):
            mine.apply_chat_template(USER * 2, tokenize=False)
    if name == "llama3":
        assert mine.apply_chat_template(TALKS["answered"], tokenize=False) == (
            "<s><|start_header_id|>user<|end_header_id|>\n\nthe cat<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\na hat<|eot_id|>"
        )


def test_an_input_without_tokenizer_has_that_of_the_base(shardwright, plain, tmp_path):
    size = len(AutoTokenizer.from_pretrained(plain / "a"))
    write_model(tmp_path / "bare", size, 5)
    asked = recipe(plain, names="a", each=WEIGHTS, tokenizer_source="base")
    asked["models"].append({"model": str(tmp_path / "bare"), "parameters": {"weight": 0.3}})
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine", "--compat", "mergekit")
    assert rows_apart(mine, theirs) == 0
    assert any("no tokenizer" in note for note in mine.said["notes"])


def word_level(tokens):
    """A tokenizer.json that says no more than ids."""
    model = {"type": "WordLevel", "vocab": tokens, "unk_token": "t0"}
    return json.dumps({"version": "1.0", "added_tokens": [], "model": model})


# Every family in its plain form, with a number of tokens that no other extent has.
PLAIN = [model for family in FAMILIES for model in models_of(family) if model.name == "plain"]


@pytest.mark.parametrize("model", PLAIN, ids=str)
def test_the_order_of_tokens_is_no_matter(shardwright, tmp_path, model):
    """Merged with itself in another order of tokens, a model of any family is what it was."""
    size = 107
    config = json.loads(json.dumps(model.config).replace('"vocab_size": 96', f'"vocab_size": {size}'))
    if "vocab_size_per_layer_input" in config:
        config["vocab_size_per_layer_input"] = size
    replace(model, config=config, save=dict(max_shard_size="5GB")).write(tmp_path / "one")
    order = torch.randperm(size, generator=torch.Generator().manual_seed(1))
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "config.json").write_bytes((tmp_path / "one" / "config.json").read_bytes())
    state = load_file(tmp_path / "one" / "model.safetensors")
    assert any(size in tensor.shape for tensor in state.values())
    assert all(size not in tensor.shape[1:] for tensor in state.values())
    moved = {name: tensor[order].clone() if tensor.shape[:1] == (size,) else tensor for name, tensor in state.items()}
    save_file(moved, tmp_path / "two" / "model.safetensors", {"format": "pt"})
    (tmp_path / "one" / "tokenizer.json").write_text(word_level({f"t{i}": i for i in range(size)}))
    (tmp_path / "two" / "tokenizer.json").write_text(word_level({f"t{int(old)}": new for new, old in enumerate(order)}))
    asked = recipe(tmp_path, names=("one", "two"), each={"weight": {"one": 0.5, "two": 0.5}}, tokenizer_source="base")
    asked |= {"base_model": str(tmp_path / "one"), "dtype": "float32"}
    path = tmp_path / "recipe.yml"
    path.write_text(yaml.safe_dump(asked))
    shardwright.run("merge", path, tmp_path / "out")
    merged = load_file(tmp_path / "out" / "model.safetensors")
    assert merged.keys() == state.keys()
    for name, tensor in merged.items():
        assert torch.equal(tensor, state[name]), name


def as_transformers_4(folder):
    """The same tokenizer in the files of older releases."""
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings["chat_template"] = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    settings["added_tokens_decoder"] = {
        str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in added
    }
    path.write_text(json.dumps(settings, indent=2))
    roles = {role: settings[role] for role in ("bos_token", "eos_token", "unk_token")}
    (folder / "special_tokens_map.json").write_text(json.dumps(roles))
    others = {token["content"]: token["id"] for token in added if token["content"] not in SPECIAL}
    (folder / "added_tokens.json").write_text(json.dumps(others))


def test_files_of_older_releases(shardwright, tmp_path):
    family = write_family(tmp_path, bpe)
    new = ours(shardwright, recipe(family, each=WEIGHTS, tokenizer_source="union"), tmp_path / "new")
    for name in MODELS:
        as_transformers_4(family / name)
    # What is added in the settings alone is a token, too.
    path = family / "a" / "tokenizer.json"
    vocabulary = json.loads(path.read_text())
    assert vocabulary["added_tokens"].pop()["content"] == "<a1>"
    path.write_text(json.dumps(vocabulary))
    asked = recipe(family, each=WEIGHTS, tokenizer_source="union", chat_template="{{ messages[0]['content'] }}!")
    old = ours(shardwright, asked, tmp_path / "old")
    assert old.ids == new.ids
    assert rows_apart(old, new) == 0
    assert not (old.folder / "chat_template.jinja").exists()
    assert old.tokenizer.chat_template == "{{ messages[0]['content'] }}!"
    added = json.loads((old.folder / "added_tokens.json").read_text())
    settings = json.loads((old.folder / "tokenizer_config.json").read_text())
    decoder = {token["content"]: int(at) for at, token in settings["added_tokens_decoder"].items()}
    assert decoder == {token: old.ids[token] for token in (*SPECIAL, *added)}
    assert added == {token: old.ids[token] for token in added} and "<cs>" in added
    assert_loads(old)


def test_slices_of_two_vocabularies(shardwright, plain, tmp_path):
    """Embeddings of the first slice, the head of the last, each with a row for every token."""
    asked = {
        "merge_method": "passthrough",
        "slices": [
            {"sources": [{"model": str(plain / "a"), "layer_range": [0, 2]}]},
            {"sources": [{"model": str(plain / "b"), "layer_range": [1, 2]}]},
        ],
        "tokenizer_source": "union",
        "dtype": "bfloat16",
    }
    theirs = peers(asked | {"base_model": str(plain / "a")}, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine", "--compat", "mergekit")
    assert set(mine.ids) == set(theirs.ids) and mine.config["num_hidden_layers"] == 3
    known = {name: AutoTokenizer.from_pretrained(plain / name).get_vocab() for name in "ab"}
    stored = {name: load_file(plain / name / "model.safetensors") for name in "ab"}
    for name, own, other in (("model.embed_tokens.weight", "a", "b"), ("lm_head.weight", "b", "a")):
        for token, at in mine.ids.items():
            row = mine.tensors[name][at]
            if token in known[own]:
                assert torch.equal(row, theirs.tensors[name][theirs.ids[token]])
            else:  # mergekit has zeros for what the models of the slice do not know
                assert torch.equal(row, stored[other][name][known[other][token]])
    assert_loads(mine)


def test_inputs_of_several_dtypes(shardwright, plain, tmp_path):
    """A row of another model counts as what it is, whatever the dtype of the matrix that it stands in."""
    size = write_tokenizer(tmp_path / "wide", bpe, ["cow", "hat"], ["<b1>"], [])
    write_model(tmp_path / "wide", size, 6, dtype=torch.float32)
    asked = recipe(plain, names="a", each={"weight": {"a": 1.0}}, tokenizer_source="union", dtype="float32")
    asked["models"].append({"model": str(tmp_path / "wide"), "parameters": {"weight": 1.0}})
    theirs = peers(asked, tmp_path / "theirs")
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert rows_apart(mine, theirs) <= 2.0**-24
    del asked["dtype"]
    stored = ours(shardwright, asked, tmp_path / "stored")
    assert all(tensor.dtype == torch.float32 for tensor in stored.tensors.values())
    assert rows_apart(stored, mine) == 0


def test_a_token_that_another_model_has_a_row_for(shardwright, tmp_path):
    """It has lost its id in the base, and keeps its role."""
    for name, seed, rest in (("a", 1, -1), ("b", 2, 0)):
        size = write_tokenizer(tmp_path / name, bpe, ["the", "cat"][:seed], [], ["<pad>"])
        write_model(tmp_path / name, size + rest, seed)
        path = tmp_path / name / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token": "<pad>"}))
    asked = recipe(tmp_path, names="ab", each=WEIGHTS, tokenizer_source="union")
    mine = ours(shardwright, asked, tmp_path / "mine")
    assert mine.tokenizer.pad_token == "<pad>"
    stored = load_file(tmp_path / "b" / "model.safetensors")["lm_head.weight"]
    known = AutoTokenizer.from_pretrained(tmp_path / "b").get_vocab()
    assert torch.equal(mine.tensors["lm_head.weight"][mine.ids["<pad>"]], stored[known["<pad>"]])
    assert_loads(mine)
