"""Texts that tokenizers stumble over, and random ones."""

import random

LANGUAGES = [
    "The quick brown fox jumps over the lazy dog. It's 2024, and they'll've had 1,234.56 reasons; WE'RE DONE!",
    "Größe, Übermut und Fußgängerübergänge: straße STRASSE, 3.141,59 €",
    "L'été dernier, j'ai vu l'œuvre naïve d'un garçon à Noël — « déjà » !",
    "El niño comió piñas en Málaga; ¿cuánto cuesta? ¡Qué ñandú!",
    "Привет, мир! Как дела? Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Γειά σου Κόσμε, ΟΔΟΣ οδός ΐ ΰ",
    "שלום עולם, מה שלומך? בְּרֵאשִׁית בָּרָא אֱלֹהִים",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣٤ اَلسَّلَامُ عَلَيْكُمْ",
    "नमस्ते दुनिया, क्षत्रिय श्री ज्ञान १२३",
    "ওহে বিশ্ব, বাংলা কি খবর? ৪৫৬",
    "வணக்கம் உலகம் தமிழ் க்ஷ",
    "สวัสดีชาวโลก วันนี้อากาศดีมาก ๑๒๓",
    "ສະບາຍດີ ຊາວໂລກ ກຳ",
    "မင်္ဂလာပါ ကမ္ဘာလောက",
    "សួស្តី​ពិភពលោក",
    "བཀྲ་ཤིས་བདེ་ལེགས།",
    "你好，世界！今天天气怎么样？我爱北京天安门。繁體中文也要試試 12345 元",
    "こんにちは世界。カタカナとひらがな、漢字ガギグゲゴ ﾊﾝｶｸ ー〜",
    "안녕하세요 세계! 한국어 자모 ㄱㄴㄷ 각",
    "Xin chào thế giới, tiếng Việt có dấu: ế ề ể ễ ệ",
    "Merhaba dünya İIıi ŞşĞğ",
    "გამარჯობა მსოფლიო ᲒᲐᲛᲐᲠᲯᲝᲑᲐ Բարեւ աշխարհ ሰላም ልዑል ᏣᎳᎩ ᓄᓇᕗᑦ",
]

EMOJI = [
    "👩‍👩‍👧‍👦 👨🏽‍💻 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ❤️‍🔥 ☺︎ ☺️ 🫠🫨 👍🏿👍",
    "ok👌end 🤷‍♀️.🤷🏻‍♂️!",
    "\U0001F468\u200D\U0001F469\u200D \u200D \uFE0F \u20E3",
]

CODE = [
    "def f(x):\n    if x > 0:\n        return x ** 2  # square\n\treturn -x\n\n\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] & 0xFF; } // don't",
    "#include <vector>\r\n\r\ntemplate<class T> auto f(T&& t) -> decltype(t);\r\n",
    '{"key": [1, 2.5e-10, null, true], "str": "a\\nb\\u00e9"}',
    "SELECT * FROM t WHERE a='b' AND c<>1; -- comment\n/* x */",
    "<div class=\"a-b\">&nbsp;&#8364;</div><!-- <s> </s> <unk> -->",
    "https://example.com/a/b?c=d&e=%20f#g user@example.org C:\\dir\\file.txt ~/x/../y",
    "snake_case camelCase PascalCase kebab-case SCREAMING_CASE x1y2z3 ABCdef",
    "$\\frac{a}{b} \\leq \\sum_{i=0}^{\\infty} x_i^2$ ∀x∈ℝ: ⌈x⌉ ≠ ⌊x⌋ ± ∞",
]

SPACES = [
    " ", "  ", "\n", "\t", "\r\n", "a", "a ", " a", "  a", "a  b", "a   b", " a  b   c    d     ",
    "\n\n\n", " \n \n ", "a\n\nb", "a \n b", "a\t\tb", "\t\t\n  \n\t x", "a\r\n\r\nb\rc",
    "x" + " " * 50 + "y", " " * 100, "\n" * 40, "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u1680h\u180ei\u200bj",
    "tab\tvertical\x0bfeed\x0cend", " \u00a0 \u3000 ", "▁a ▁▁ b▁", "a ▁b",
]

CONTROL = [
    "\x00", "a\x00b", "".join(map(chr, range(0x20))), "\x7f\x80\x9f\xad", "\u200e\u200f\u202a\u202e\u2066\u2069",
    "\ufeffBOM", "\ufffd\ufffe\uffff", "\U0010ffff\U000e0001\U000f0000\ue000", "\u0301\u0301a\u0301", "e\u0301\u0327",
    "\u0344\u0958\u2126\u212b\ufb01\ufb03\uff21\u3392\u00bd\u2460\u33ff\u32ff", "\u1e9b\u0323 \u1100\u1161\u11a8 \uac00\u11a8",
    "ẛ̣ Å Å ﬃ ① ½ ㎒ ｱ ﾞ", "\u017f\u212a '\u017f it'ſ K's DON'T I'LL",
]

LONG = [
    "a" * 3000, "ab" * 2000, "supercalifragilistic" * 120, "ね" * 1000, "🙂" * 400, "1234567890" * 200,
    "!?" * 700, "e\u0301" * 500, "\u0300\u0316" * 300, "Ab1_ " * 600, "x\n" * 500, "<s>" * 200,
]

SPECIAL = [
    "<s>hello</s>", "<s> hello </s>", " <s>", "<unk><pad><mask>", "a<s>b", "<S>", "< s >", "<|im_start|>user\nhi<|im_end|>",
    "<|begin_of_text|>x<|eot_id|>", "<bos><start_of_turn>user\nx<end_of_turn>", "<0x0A><0xFF>", "[CLS] a [SEP] [MASK].[UNK]",
    "<｜begin▁of▁sentence｜>你好<｜User｜>", "<|endoftext|><|startoftext|>", "<think>\n\n</think>", "[UNK]", "##a ##", "</w>",
]

FIXED = LANGUAGES + EMOJI + CODE + SPACES + CONTROL + SPECIAL + LONG + [""]

# What rules of many tokenizers look at.
_CHARACTERS = (
    list("abcdefgstrevmlzABCSTKIÉéßſıİ0123456789 '\"-_.,;:!?()[]{}<>/\\|@#$%^&*+=~`\t\n\r")
    + list("  ''\n")
    + ["\u0301", "\u0300", "\u0327", "\u0316", "\u0591", "\u05b0", "\u093c", "\u094d", "\u200d", "\u200c", "\u200b", "\ufe0f"]
    + ["\u00a0", "\u2028", "\u2029", "\u0085", "\u3000", "\u180e", "\u1680", "\u2581", "\ufeff", "\x00", "\x7f", "\u00ad"]
    + list("абвГДёй αΒς אבג عربي कखग ไทย 中文字汉 あイー 한글 ①½²Ⅷ٣३")
    + ["🙂", "👍", "🏽", "🇩", "🇪", "\U0001f468", "\U00020000", "\U00031350", "\U0001fbf0", "\U00016ea0", "\U0010ffff", "\U000e0100"]
    + ["ﬁ", "Å", "ｶ", "ﾞ", "각", "ᄀ", "ᅡ", "ᆨ", "\u1e9b", "\u0323", "\u0345", "\u0f73", "\u2126", "\u212a", "\u1c89", "\u0130"]
)


def wild(generator, length):
    """Random text, of characters that rules look at and of any others."""
    text = []
    while len(text) < length:
        kind = generator.random()
        if kind < 0.8:
            text.append(generator.choice(_CHARACTERS))
        elif kind < 0.9:
            text.extend(generator.choice(_CHARACTERS) * generator.randrange(2, 6))
        else:
            code = generator.randrange(0x110000 if kind < 0.93 else 0x3000)
            if not 0xD800 <= code < 0xE000:
                text.append(chr(code))
    return "".join(text)


def mixed(generator, length):
    """Words of the fixed texts, in another order, with random ones between."""
    words = []
    while len(words) < length:
        if generator.random() < 0.2:
            words.append(wild(generator, generator.randrange(1, 8)))
        else:
            source = generator.choice(LANGUAGES + EMOJI + CODE + SPECIAL + CONTROL)
            begin = generator.randrange(len(source))
            words.append(source[begin : begin + generator.randrange(1, 12)])
    return generator.choice(["", " ", " ", "\n"]).join(words)


def random_texts(count, seed):
    generator = random.Random(seed)
    return [wild(generator, generator.randrange(1, 60)) for _ in range(count // 2)] + [
        mixed(generator, generator.randrange(1, 20)) for _ in range(count - count // 2)
    ]
