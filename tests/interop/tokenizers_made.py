"""Small tokenizers: trained on the spot, or made to show one part of the library alone."""

import base64

import texts
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

CORPUS = texts.LANGUAGES + texts.CODE + texts.EMOJI + texts.SPECIAL + texts.random_texts(200, 5)

ADDED = [
    AddedToken("<s>", special=True, normalized=False),
    AddedToken("It", single_word=True),
    AddedToken("ab", lstrip=True, rstrip=True, normalized=True),
    AddedToken("ÉÉ", normalized=True),
    AddedToken(" b", normalized=False),
    AddedToken("abc", rstrip=True, normalized=False),
    AddedToken("[MASK]", lstrip=True, normalized=False, special=True),
]

NORMALIZERS = {
    "none": None,
    "NFC": normalizers.NFC(),
    "NFD": normalizers.NFD(),
    "NFKC": normalizers.NFKC(),
    "NFKD": normalizers.NFKD(),
    "Lowercase": normalizers.Lowercase(),
    "Strip": normalizers.Strip(),
    "Strip left": normalizers.Strip(left=True, right=False),
    "StripAccents": normalizers.StripAccents(),
    "NFD StripAccents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "Nmt": normalizers.Nmt(),
    "Prepend": normalizers.Prepend("▁"),
    "Replace": normalizers.Replace(" ", "▁"),
    "Replace all": normalizers.Replace(Regex(r"\s+"), " "),
    "Replace some": normalizers.Replace(Regex(r" {2,}"), "▁▁"),
    "Replace by nothing": normalizers.Replace("a", ""),
    "BertNormalizer": normalizers.BertNormalizer(),
    "BertNormalizer accents": normalizers.BertNormalizer(strip_accents=True, lowercase=False, clean_text=False),
    "ByteLevel": normalizers.ByteLevel(),
    "Sequence": normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Strip(),
            normalizers.Replace(Regex(r"[0-9]+"), "#"),
        ]
    ),
}

PRE_TOKENIZERS = {
    "none": None,
    "ByteLevel": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "ByteLevel as it is": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "ByteLevel whole": pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
    "Metaspace": pre_tokenizers.Metaspace(),
    "Metaspace first": pre_tokenizers.Metaspace(prepend_scheme="first"),
    "Metaspace never": pre_tokenizers.Metaspace(prepend_scheme="never"),
    "Metaspace whole": pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
    "Whitespace": pre_tokenizers.Whitespace(),
    "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
    "Bert": pre_tokenizers.BertPreTokenizer(),
    "Punctuation": pre_tokenizers.Punctuation(),
    "Punctuation contiguous": pre_tokenizers.Punctuation("contiguous"),
    "Punctuation previous": pre_tokenizers.Punctuation("merged_with_previous"),
    "Digits": pre_tokenizers.Digits(),
    "Digits each": pre_tokenizers.Digits(individual_digits=True),
    "CharDelimiterSplit": pre_tokenizers.CharDelimiterSplit("-"),
    "FixedLength": pre_tokenizers.FixedLength(3),
    "Sequence": pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True), pre_tokenizers.Punctuation()]
    ),
    "Sequence first": pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")]
    ),
    "Sequence split first": pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d+"), "isolated"), pre_tokenizers.Metaspace(prepend_scheme="first")]
    ),
}
for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
    for invert in [False, True]:
        name = f"{behavior}{' inverted' if invert else ''}"
        PRE_TOKENIZERS[f"Split {name}"] = pre_tokenizers.Split(Regex(r"\s+|\p{L}"), behavior, invert=invert)
        PRE_TOKENIZERS[f"Split text {name}"] = pre_tokenizers.Split("a", behavior, invert=invert)

# Of a BPE.
SETTINGS = {
    "plain": {},
    "fuse_unk": {"fuse_unk": True},
    "byte_fallback": {"byte_fallback": True},
    "prefix": {"continuing_subword_prefix": "##"},
    "suffix": {"end_of_word_suffix": "</w>"},
    "prefix and suffix": {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"},
    "ignore_merges": {"ignore_merges": True},
    "fuse_unk and byte_fallback": {"fuse_unk": True, "byte_fallback": True},
}


def trained(model, normalizer="none", pre_tokenizer="none", added=(), settings="plain", most_characters=100):
    options = {"vocab_size": 400, "special_tokens": ["<unk>"], "show_progress": False}
    corpus = CORPUS
    if model == "BPE":
        chosen = SETTINGS[settings]
        affixes = {key: value for key, value in chosen.items() if key.endswith("fix")}
        kind = models.BPE(unk_token="<unk>", **chosen)
        trainer = trainers.BpeTrainer(limit_alphabet=120, **affixes, **options)
    elif model == "Unigram":
        kind = models.Unigram()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **options)
        corpus = texts.LANGUAGES[:6] * 3 + texts.CODE  # few enough characters for the vocabulary
    elif model == "WordPiece":
        kind = models.WordPiece(unk_token="<unk>", max_input_chars_per_word=most_characters)
        trainer = trainers.WordPieceTrainer(limit_alphabet=120, **options)
    else:
        kind = models.WordLevel(unk_token="<unk>")
        trainer = trainers.WordLevelTrainer(**options)
    tokenizer = Tokenizer(kind)
    if NORMALIZERS[normalizer] is not None:
        tokenizer.normalizer = NORMALIZERS[normalizer]
    if PRE_TOKENIZERS[pre_tokenizer] is not None:
        tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre_tokenizer]
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_tokens(list(added))
    return tokenizer


def shown(normalizer=None, pre_tokenizer=None):
    """A token for each byte, so that ids are the text itself, with a '|' before each piece."""
    vocabulary = {character: i for i, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    parts = [
        pre_tokenizers.Metaspace(replacement="|", prepend_scheme="always", split=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizer, *parts] if pre_tokenizer else parts)
    return tokenizer


def fields(message):
    """(number, value) of each field of a protocol buffer, as far as it has integers, floats and bytes."""

    def varint(at):
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at

    at = 0
    while at < len(message):
        key, at = varint(at)
        if key & 7 == 2:
            size, at = varint(at)
            yield key >> 3, message[at : at + size]
            at += size
        elif key & 7 == 5:
            at += 4
        else:
            value, at = varint(at)
            yield key >> 3, value


def characters_map(model):
    """The precompiled_charsmap of a tokenizer.model, in base64."""
    (specification,) = [value for number, value in fields(model) if number == 3]
    (map_,) = [value for number, value in fields(specification) if number == 2]
    return base64.b64encode(map_).decode()
