"""Safetensors files at random, good and damaged: text is put together by hand, since no writer would write most of it."""

import struct
from dataclasses import dataclass, field

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16,
    "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
DTYPES = ['"F31"', '"f32"', '"F32 "', '""', '"F\\u00332"', "32", "null", '["F32"]', '{"F32": null}', '{"F32": 1}', '"BF8"']
NUMBERS = [
    "0", "1", "-0", "-1", "1.0", "1e0", "1E1", "01", "+1", "0x1", "", "null", "true", '"1"', "[]", "[1]", "NaN", "1e400", "1 ",
    "127", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "99999999999999999999999999999999",
]  # fmt: skip
SHAPES = [
    "[]", "[0]", "[0, 0]", "[1, 1, 1, 1]", "null", "{}", '"[2]"', "2", "[[2]]", "[2,]", "[,2]", "[2 3]", "[2",
    "[9223372036854775808, 2, 0]", "[0, 9223372036854775808, 2]", "[4294967296, 4294967296]", "[18446744073709551615, 0]",
]  # fmt: skip
NAMES = [
    "", "a", "a.b", " ", "\\u0061", "\\u00e9", "é", "日本", "\\ud83d\\ude00", "😀", "\\ud800", "\\udc00", "\\ud800\\u0041",
    "\\n", "\n", "\t", "\x7f", "\\u0000", "\\/", "\\x", "\\", "\\u12", "\\U0061", "__metadata__",
    "\\u005f_metadata__", "__METADATA__",
]  # fmt: skip
METADATA = [
    "{}", '{"format": "pt"}', '{"format": "np", "a": "b"}', '{"format": "pt", "format": "pt"}', '{"format": 1}',
    '{"format": null}',
    '{"a": {"b": "c"}}', "null", "[]", '"pt"', "true", '[["format", "pt"]]', '{"\\u0066ormat": "pt"}', '{"": ""}', "{",
]  # fmt: skip
KEYS = ["dtype", "shape", "data_offsets", "Dtype", "offsets", "\\u0064type", "", "__metadata__", "x"]
VALUES = ["0", "null", "{}", '{"a": {"a": 1}}', "[" * 126 + "]" * 126, "[" * 200 + "]" * 200, '"F32"', "[0, 4]", "1e999", "tru"]
SPACE = [" ", "\n", "\t", "\r", "\f", "\v", "\u00a0", "\ufeff", "\x00", "/**/", ",", "\r\n"]
PREFIXES = [0, 1, 2, 7, 100_000_000, 100_000_001, 2**31, 2**32 + 2, 2**63, 2**64 - 1]


@dataclass
class Entry:
    name: str  # as it stands between the quotes, as all texts here
    dtype: str
    extents: list
    range: list
    extra: list = field(default_factory=list)  # further (key, value)
    shape: str = ""  # in place of the extents

    def text(self, random):
        shape = self.shape or "[" + ", ".join(map(str, self.extents)) + "]"
        members = [("dtype", self.dtype), ("shape", shape), ("data_offsets", f"[{self.range[0]}, {self.range[1]}]")]
        members += self.extra
        if random.random() < 0.1:
            random.shuffle(members)
        return "{" + ", ".join(f'"{key}": {value}' for key, value in members) + "}"


@dataclass
class Draft:
    entries: list
    data: int  # bytes
    metadata: str = '{"format": "pt"}'


def good_draft(random):
    draft = Draft([], 0)
    for at in range(random.choice([0, 1, 1, 2, 3, 5])):
        dtype = random.choice(list(BITS))
        extents = [random.choice([0, 1, 2, 3, 4, 8]) for _ in range(random.choice([0, 1, 1, 2, 2, 3]))]
        bits = BITS[dtype]
        for extent in extents:
            bits *= extent
        if bits % 8:
            extents.append(8)
            bits *= 8
        draft.entries.append(Entry(f"t{at}", f'"{dtype}"', extents, [draft.data, draft.data + bits // 8]))
        draft.data += bits // 8
    if random.random() < 0.5:
        random.shuffle(draft.entries)
    if random.random() < 0.2:
        draft.metadata = ""
    return draft


# Each changes one entry, or the draft.


def other_dtype(entry, random):
    entry.dtype = random.choice(DTYPES + [f'"{name}"' for name in BITS])


def other_extent(entry, random):
    entry.extents.insert(random.randint(0, len(entry.extents)), random.choice(NUMBERS))


def other_shape(entry, random):
    entry.shape = random.choice(SHAPES)


def same_size(entry, random):
    """Another shape for the same bytes."""
    entry.extents = [1, *reversed(entry.extents)]


def other_offset(entry, random):
    entry.range[random.randint(0, 1)] = random.choice(NUMBERS)


def shifted_range(entry, random):
    by = random.choice([-8, -4, -1, 1, 4, 8])
    entry.range = [int(end) + by if str(end).isdigit() else end for end in entry.range]


def turned_range(entry, random):
    entry.range.reverse()


def other_name(entry, random):
    entry.name = random.choice(NAMES)


def further_key(entry, random):
    entry.extra.append((random.choice(KEYS), random.choice(VALUES)))


def repeated_entry(draft, random):
    if draft.entries:
        draft.entries.insert(random.randint(0, len(draft.entries)), random.choice(draft.entries))


def repeated_name(draft, random):
    if draft.entries:
        random.choice(draft.entries).name = random.choice(draft.entries).name


def lost_entry(draft, random):
    if draft.entries:
        draft.entries.remove(random.choice(draft.entries))


def other_metadata(draft, random):
    draft.metadata = random.choice(METADATA)


def other_length(draft, random):
    draft.data = max(0, draft.data + random.choice([-8, -4, -1, 1, 4, 8, 100]))


OF_ENTRIES = [
    other_dtype, other_extent, other_shape, same_size, other_offset, shifted_range, turned_range, other_name, further_key
]  # fmt: skip
OF_DRAFTS = [repeated_entry, repeated_name, lost_entry, other_metadata, other_length]


def header_text(draft, random):
    members = [f'"{entry.name}": {entry.text(random)}' for entry in draft.entries]
    if draft.metadata:
        members.insert(random.choice([0, 0, 0, len(members)]), f'"__metadata__": {draft.metadata}')
    text = "{" + ", ".join(members) + "}"
    if random.random() < 0.1:
        at = random.choice([0, 1, len(text) - 1, len(text), random.randint(0, len(text))])
        text = text[:at] + random.choice(SPACE) * random.choice([1, 1, 2, 7]) + text[at:]
    return text.encode("utf-8", "surrogatepass")


def damaged(raw, random):
    """One to three bytes flipped, taken out, put in or repeated, or the end cut off."""
    raw = bytearray(raw)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(raw)) if raw else 0
        kind = random.choice(["bit", "byte", "token", "erase", "insert", "repeat", "cut"])
        if not raw or kind == "insert":
            raw[at:at] = bytes([random.randrange(256)])
        elif kind == "bit":
            raw[at] ^= 1 << random.randrange(8)
        elif kind == "byte":
            raw[at] = random.randrange(256)
        elif kind == "token":
            raw[at] = random.choice(b'{}[]",:0123456789-.eE\\ \n')
        elif kind == "erase":
            del raw[at : at + random.choice([1, 1, 4])]
        elif kind == "repeat":
            raw[at:at] = raw[at : at + random.randint(1, 20)]
        elif random.random() < 0.3:
            del raw[at:]
    return bytes(raw)


def random_file(random):
    draft = good_draft(random)
    for _ in range(random.choice([0, 0, 1, 1, 1, 2, 3])):
        if draft.entries and random.random() < 0.7:
            random.choice(OF_ENTRIES)(random.choice(draft.entries), random)
        else:
            random.choice(OF_DRAFTS)(draft, random)
    text = header_text(draft, random)
    if random.random() < 0.2:
        text = damaged(text, random)
    if random.random() < 0.7:
        text += b" " * (-len(text) % 8)
    length = len(text)
    if random.random() < 0.03:
        length = random.choice([*PREFIXES, length - 1, length + 1, length + draft.data])
    raw = struct.pack("<Q", length % 2**64) + text + random.randbytes(draft.data)
    return damaged(raw, random) if random.random() < 0.03 else raw
