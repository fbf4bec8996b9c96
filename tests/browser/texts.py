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


# What sentencepiece 0.2.3 made of 18 rules (normalization_rule_tsv), as zlib and base64: "\ufb01" is "fi", "e\u0301" is
# "\u00e9", U+200B a space, U+00AD and U+0001 nothing, "\u1100\u1161\u11a8" is "\uac01", and others.
CHARSMAP = (
    "eNod02dMFEEYxvFnB0xsGE1INEYTPso3IVbsvWLF3lAD5MResd/BgacoWFAPG0VUEBDsFdthx957wI4YjL3r/9zkN+87M7uT2SnylVRT3sdu+U"
    "klDYwscgd5faK37iKv3lSq1lJqSFsVFFH4BUrOGKP0/jS4fFRa2yjebZRhJ/c3Ssgyym4jBdBdC3WRzgA+xPxpFDbJn2CvahS3Vkr+LGW+YcwU"
    "I3uFUZ6MHHxfh3cS90u5p6SkekZp4UapvkaxzKEGfcFMflUjo8bEIDRDczQB01YIWqEF+AW1RTu0BsOrIzqhPTqgK7qhM7qgJ3qhO3qgD/qiN0"
    "IxAAPRDyyFBmMIwjAIwzECQzEMozEGIzEK4zAe4RiLSEQhgvWLIE5ANGxOI5ZMkzEFEzEJ0zEDU8GyajbmYCZmYR7mIwZzsQiLsQALEYs47wGA"
    "AwlYAifisQyJcGEpkpCM5ViB1ViDld59wDqsRwrYVm3ARriRii1IwyZsRia2Ih0Z2I4dyMI27EQuspGDXShAHvKxB3tRiN04gIPYB46NjuAoDu"
    "EwjuMEjqEIp72KLZ0kcsR0FudQjDO4iEs4jwu4gqsowWXcwE1cw3XcwV3cwm08wEPcw308wVM8wmM887dU5mupNAvUX+IVnuMFyvEWr8H1UKXb"
    "UiWxAu/wAR/x/j9LX4hf8QlcKf3AT3zDd/zBX/zCb+/ND+DaBJU5nMEKCVRYqCJtio6SJ16eHHkKVF7o0D8O/K/N"
)
