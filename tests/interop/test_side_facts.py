"""What transformers does with settings and token ids beside the weights, and with fp8 weights that the config describes wrongly."""

import json

import pytest
import sentencepiece
import tokenizers
import torch
import transformers
from folders import change_config, change_json, change_shard, load, shards
from models import model_named
from safetensors.torch import load_file


@pytest.fixture
def folder(tmp_path):
    model_named("llama-untied").write(tmp_path)
    return tmp_path


def generate(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return model.generate(torch.tensor([[1, 5]]), max_new_tokens=2)


def severities(shardwright, folder, code):
    return {finding["severity"] for finding in shardwright.findings(folder, least="info") if finding["code"] == code}


REFUSED = [
    dict(max_new_tokens=0), dict(max_new_tokens=-1), dict(early_stopping="soon"), dict(num_return_sequences=2),
    dict(num_beams=2, num_return_sequences=3), dict(max_new_tokens="5"), dict(cache_implementation="drawer"),
    dict(num_return_sequences="2"), dict(pad_token_id="0"), dict(suppress_tokens=5),
    dict(compile_config={}),
]  # fmt: skip
UNUSABLE = [dict(do_sample=True, temperature=0.0), dict(do_sample=True, temperature=-1.0), dict(eos_token_id="</s>"),
            dict(do_sample=True, top_p=-0.5), dict(do_sample=True, top_k=-1), dict(do_sample=True, top_k="5"), dict(num_beams=0),
            dict(do_sample=True, temperature="0.9"), dict(repetition_penalty=-1.0), dict(repetition_penalty=2),
            dict(do_sample=True, top_k=20.0), dict(do_sample=True, min_p=1.5), dict(do_sample=True, min_p="0.1"), dict(top_k="5"),
            dict(do_sample=True, top_p="0.5"), dict(do_sample=True, typical_p=0), dict(do_sample=True, typical_p="0.5"),
            dict(do_sample=True, epsilon_cutoff="0.1"), dict(do_sample=True, eta_cutoff="0.1"), dict(do_sample=True, top_h=1.5),
            dict(bad_words_ids=[]), dict(bad_words_ids=[5]), dict(bad_words_ids=[[-1]]), dict(sequence_bias=[]),
            dict(sequence_bias=[[[5], -1]]), dict(suppress_tokens=["5"]), dict(begin_suppress_tokens=5), dict(num_beams=2.0),
            dict(exponential_decay_length_penalty=[1]), dict(num_beams=2, length_penalty="1"), dict(forced_eos_token_id=-1),
            dict(forced_eos_token_id="2"), dict(min_length="1"), dict(min_length=5.0), dict(min_new_tokens=5.0),
            dict(no_repeat_ngram_size=2.0), dict(guidance_scale="1"), dict(max_time="1"), dict(bos_token_id="1"),
            dict(num_beams=2, num_return_sequences=0), dict(do_sample=True, num_return_sequences=2.0),
            dict(penalty_alpha=0.6), dict(num_beams=4, num_beam_groups=2), dict(force_words_ids=[[5]]), dict(dola_layers="high")]  # fmt: skip
IDLE = [dict(do_sample=False, temperature=0.6), dict(top_p=0.9)]
USABLE = [
    dict(do_sample=True, temperature=0.6, top_p=0.9, top_k=20), dict(eos_token_id=[2, 3]), dict(num_beams=3, num_return_sequences=2),
    dict(num_beams=2, early_stopping="never"), dict(do_sample=True, num_return_sequences=2), dict(temperature=1.0, top_p=1.0),
    dict(do_sample=True, top_k=0), dict(cache_implementation="static"), dict(repetition_penalty=1.1), dict(min_new_tokens=20),
    dict(do_sample=True, typical_p=1.5), dict(do_sample=True, top_p=1.5), dict(do_sample=True, epsilon_cutoff=-1), dict(early_stopping=1),
    dict(do_sample=True, eta_cutoff=1.5), dict(suppress_tokens=[]), dict(suppress_tokens=[999]), dict(begin_suppress_tokens=[-1]),
    dict(bad_words_ids=[[5]]), dict(sequence_bias=[[[5], -1.0]]), dict(exponential_decay_length_penalty=[1, 1.1]),
    dict(length_penalty="1"), dict(num_beams=2, length_penalty=1), dict(forced_bos_token_id=999), dict(repetition_penalty=1),
    dict(num_return_sequences=0), dict(min_length=-1), dict(no_repeat_ngram_size=0), dict(forced_eos_token_id=2), dict(max_length=20.0),
    dict(compile_config=None), dict(penalty_alpha=0.0), dict(num_beam_groups=2), dict(num_beams=2, dola_layers="high"),
]  # fmt: skip


def settings(rows):
    return pytest.mark.parametrize("row", rows, ids=json.dumps)


def change_generation(folder, row):
    change_json(folder / "generation_config.json", lambda config: config.update(row))


@settings(REFUSED)
def test_generation_config_that_keeps_the_model_from_loading(folder, row, shardwright):
    change_generation(folder, row)
    with pytest.raises((ValueError, TypeError)):
        transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert severities(shardwright, folder, "CF314") == {"error"}


@settings(UNUSABLE)
def test_generation_config_that_cannot_generate(folder, row, shardwright):
    change_generation(folder, row)
    with pytest.raises((ValueError, TypeError, ZeroDivisionError, IndexError, RuntimeError)):
        generate(folder)
    assert severities(shardwright, folder, "CF314") == {"warning"}


@settings(IDLE)
def test_idle_settings_of_sampling(folder, row, shardwright):
    change_generation(folder, row)
    generate(folder)
    assert severities(shardwright, folder, "CF314") == {"info"}


@settings(USABLE)
def test_usual_generation_configs(folder, row, shardwright):
    change_generation(folder, row)
    generate(folder)
    assert severities(shardwright, folder, "CF314") == set()


def test_a_length_that_leaves_no_room(folder, shardwright):
    change_generation(folder, dict(max_length=0))
    with pytest.raises(ValueError):
        transformers.AutoModelForCausalLM.from_pretrained(folder).generate(torch.tensor([[1, 5]]))
    assert severities(shardwright, folder, "CF314") == {"warning"}


IDS = [dict(forced_eos_token_id=96), dict(bad_words_ids=[[5, 96]]), dict(sequence_bias=[[[96], -1.0]])]


@settings(IDS)
def test_generation_config_that_names_a_token_without_a_row(folder, row, shardwright):
    change_generation(folder, row)
    with pytest.raises((ValueError, IndexError)):
        generate(folder)
    assert severities(shardwright, folder, "TK502") == {"warning"}
    assert severities(shardwright, folder, "CF314") == set()


@pytest.mark.parametrize("id", [95, 96])
@pytest.mark.parametrize("key", ["bos_token_id", "pad_token_id"])
def test_a_generation_config_with_an_id_of_its_own(folder, key, id, shardwright):
    change_generation(folder, {key: id})
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    first = getattr(model.generation_config, key)
    if id == 96:
        with pytest.raises(IndexError):
            model(torch.tensor([[first, 5]]))
    else:
        model(torch.tensor([[first, 5]]))
    assert severities(shardwright, folder, "TK502") == ({"warning"} if id == 96 else set())


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("first", [95, 96, -1])
def test_the_first_token_of_a_decoder(first, file, shardwright, tmp_path):
    model_named("t5-plain").write(tmp_path)
    if file == "config.json":
        (tmp_path / "generation_config.json").unlink(missing_ok=True)
    change_json(tmp_path / file, lambda config: config.update(decoder_start_token_id=first))
    model = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path)
    if first == 95:
        model.generate(torch.tensor([[1, 5]]), max_new_tokens=2)
    else:
        with pytest.raises(IndexError):
            model.generate(torch.tensor([[1, 5]]), max_new_tokens=2)
    assert severities(shardwright, tmp_path, "TK502") == (set() if first == 95 else {"warning"})


@pytest.mark.parametrize("named", [None, "BertTokenizer", "RobertaTokenizer"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_list_of_words(more, named, shardwright, tmp_path):
    model_named("bert-plain").write(tmp_path)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{i}" for i in range(len(words), 96 + more)]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n\n")
    if named is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": named}))
    ids = transformers.AutoTokenizer.from_pretrained(tmp_path)(words[-1])["input_ids"]
    beyond = max(ids) >= 96
    assert beyond == (more == 1 and named != "RobertaTokenizer")
    assert severities(shardwright, tmp_path, "TK502") == ({"warning"} if beyond else set())


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A model of sentencepiece with 96 pieces."""
    made = tmp_path_factory.mktemp("pieces")
    lines = [f"the cat {i} sat on mat {i * 7} and {chr(97 + i % 26) * 3}" for i in range(600)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(made / "m"), vocab_size=96, model_type="bpe", minloglevel=2
    )
    return (made / "m.model").read_bytes()


def write_pieces(folder, pieces, **named):
    (folder / "tokenizer.model").write_bytes(pieces)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", **named}))


@pytest.mark.parametrize("rows, pad", [(96, None), (95, None), (96, "[PAD]"), (97, "[PAD]"), (96, "</s>")])
def test_pieces(rows, pad, pieces, shardwright, tmp_path):
    config = model_named("llama-untied").config | {"vocab_size": rows}
    model_named("llama-untied", config=config).write(tmp_path)
    write_pieces(tmp_path, pieces, **({"pad_token": pad} if pad else {}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    beyond = max(tokenizer.get_vocab().values()) >= rows
    assert beyond == ((rows, pad) in [(95, None), (96, "[PAD]")])
    assert severities(shardwright, tmp_path, "TK502") == ({"warning"} if beyond else set())


def test_pieces_that_are_cut_off(pieces, shardwright, folder):
    write_pieces(folder, pieces)
    transformers.AutoTokenizer.from_pretrained(folder)
    assert severities(shardwright, folder, "CF309") == set()
    write_pieces(folder, pieces[:-3])
    with pytest.raises(ValueError):
        transformers.AutoTokenizer.from_pretrained(folder)
    assert severities(shardwright, folder, "CF309") == {"warning"}


def write_tokenizer(folder, size, added):
    entry = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    words = {f"w{i}": i for i in range(size)}
    tokens = [dict(entry, id=size + i, content=text) for i, text in enumerate(added)]
    tokenizer = {"version": "1.0", "added_tokens": tokens, "model": {"type": "WordLevel", "vocab": words, "unk_token": "w0"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def test_a_token_without_a_row(folder, shardwright):
    write_tokenizer(folder, 96, ["<pad>"])
    model, complaints = load(folder)
    assert complaints == []
    with pytest.raises(IndexError):
        model(torch.tensor([[1, 96]]))
    assert severities(shardwright, folder, "TK502") == {"warning"}


def test_rows_without_a_token(folder, shardwright):
    write_tokenizer(folder, 90, ["<pad>"])
    assert severities(shardwright, folder, "TK502") == set()


WEIGHT, SCALE = "model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight_scale_inv"


def quantize(folder, left_plain=(), more=None, **config):
    def change(found):
        linear = [name for name in found if name.endswith("_proj.weight") and name not in left_plain]
        scales = {
            name.replace("weight", "weight_scale_inv"): torch.ones([-(-extent // 16) for extent in found[name].shape])
            for name in linear
        }
        return found | {name: found[name].to(torch.float8_e4m3fn) for name in linear} | scales | (more or {})

    change_shard(shards(folder)[0], change)
    change_config(folder, quantization_config={"quant_method": "fp8", "weight_block_size": [16, 16]} | config)


def test_a_plain_weight_is_multiplied_by_the_scale_beside_it(folder, shardwright):
    plain = load_file(shards(folder)[0])[WEIGHT]
    quantize(folder, left_plain=(WEIGHT,), more={SCALE: torch.full((3, 2), 2.0)})
    model, complaints = load(folder)
    assert complaints == []
    assert torch.equal(model.state_dict()[WEIGHT], 2 * plain)
    assert severities(shardwright, folder, "AR406") == {"error"}


def test_a_plain_weight_of_a_module_that_is_left_alone(folder, shardwright):
    quantize(folder, left_plain=(WEIGHT,), modules_to_not_convert=[WEIGHT.removesuffix(".weight")])
    _, complaints = load(folder)
    assert complaints == []
    assert shardwright.findings(folder) == []


def test_one_scale_for_a_tensor(folder, shardwright):
    quantize(folder)
    change_shard(
        shards(folder)[0],
        lambda found: {name: torch.tensor(1.0) if name.endswith("_inv") else found[name] for name in found},
    )
    change_config(folder, quantization_config={"quant_method": "fp8", "weight_block_size": None})
    _, complaints = load(folder)
    assert complaints == []
    assert shardwright.findings(folder) == []


MARKED = {
    "generation_config.json": transformers.GenerationConfig,
    "tokenizer_config.json": transformers.AutoTokenizer,
    "special_tokens_map.json": transformers.AutoTokenizer,
    "added_tokens.json": transformers.AutoTokenizer,
    "tokenizer.json": transformers.AutoTokenizer,
}


def add_tokenizer(folder, **names):
    vocabulary = {f"w{i}": i for i in range(model_named("llama-untied").config["vocab_size"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="w0"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


@pytest.mark.parametrize("name", MARKED)
def test_a_byte_order_mark(folder, name, shardwright):
    add_tokenizer(folder, eos_token="w2")
    for absent in set(MARKED) - {path.name for path in folder.iterdir()}:
        (folder / absent).write_text("{}")
    MARKED[name].from_pretrained(folder)
    assert severities(shardwright, folder, "CF309") == set()
    (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    with pytest.raises(Exception):
        MARKED[name].from_pretrained(folder)
    assert severities(shardwright, folder, "CF309") == {"warning"}


def test_a_generation_config_that_is_a_list(folder, shardwright):
    (folder / "generation_config.json").write_text("[]")
    with pytest.raises(TypeError):
        transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert severities(shardwright, folder, "CF309") == {"error"}


@pytest.mark.parametrize("token", ["w2", "<|im_end|>"])
def test_a_token_that_the_vocabulary_has_not(folder, token, shardwright):
    add_tokenizer(folder, eos_token="w2")
    change_json(folder / "tokenizer_config.json", lambda config: config.update(eos_token=token))
    id = transformers.AutoTokenizer.from_pretrained(folder).eos_token_id
    rows = transformers.AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight.shape[0]
    assert severities(shardwright, folder, "TK502") == ({"warning"} if id >= rows else set())
    assert (id >= rows) == (token != "w2")
