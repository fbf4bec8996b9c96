"""Texts in which a place is easily told wrongly, and ways to count in them."""

from __future__ import annotations

import random

from qa_pipeline.preprocess.preprocess import PROBES
from tests.tokenizers import TEXTS

AWKWARD = [
    "Ο ΟΔΥΣΣΕΥΣ ΚΑΙ Ο ΣΙΣΥΦΟΣ.",  # a sigma at the end of a word has a lower case of its own
    "İstanbul'da IĞDIR; ǅ ŉ ẞ ß ſ",
    "e\u0301te\u0301 nai\u0308ve Z\u0351\u036b\u0343algo",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001f1e9\U0001f1ea and \U0001f44d\U0001f3fd here",
    "a\r\nb\r\n\r\nc\tand\u2028more",
    "\U00020000\U00020001\U00020bb7野家で 東京 ABC",  # Han beyond U+FFFF
    "ﬁne ½ ① ™ ㎏ \u212b Å",
    "한국어 각 \u1100\u1161\u11a8",
    "zero\u200bwidth soft\u00adhyphen \ufeffmark nbsp\u00a0x\u2003y",
    "\x01one \x1cfs \x85nel \ufffd",
    "``quoted'' text  and   runs",
    "[CLS] <s> </s> [MASK] <mask> [UNK] [SEP]",
    "क्षत्रिय हिन्दी में กรุงเทพมหานคร",
    "   lead and trail   ",
    "x" * 120 + " y",
    "don't I'll we've a_b-c/d\\e 1,234.56€ 50%",
    "\u3000全角\u3000スペース",
]


def awkward_texts(seed: int, count: int) -> list[str]:
    """AWKWARD, texts of many scripts, and random mixtures of their characters and words; none is blank."""
    rng = random.Random(seed)
    texts = [*AWKWARD, *TEXTS, *(context for _, context in PROBES)]
    characters, words = "".join(texts), " ".join(texts).split(" ")
    texts += ["".join(rng.choices(characters, k=rng.randint(1, 40))) for _ in range(count)]
    texts += [" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(count)]
    return [text for text in texts if text.strip()]


def code_points(text: str) -> list[int]:
    """At each position of a JavaScript string, how many characters Python counts before it."""
    counts = []
    for number, character in enumerate(text):
        counts += [number] * (2 if character > "\uffff" else 1)
    return [*counts, len(text)]
