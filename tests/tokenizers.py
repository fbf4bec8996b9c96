"""Tiny fast tokenizers of every family, trained here on a few lines of several scripts. Nothing is downloaded."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import Tokenizer, models, normalizers, trainers
from tokenizers.pre_tokenizers import ByteLevel

TEXTS = [
    "The clinic opens at eight in the morning; please bring your insurance card and arrive early.",
    "Who signed the contract in 1895, and what did Dr. Ada Müller-Nowak (aged 42) pay for it? $3.50!",
    "  Spaces,\ttabs\nand new lines  appear in user-made  documents_and code, don't they?",
    "Où est la bibliothèque ? Elle a été déplacée près de la forêt, côté château, l'année dernière.",
    "Η βιβλιοθήκη βρίσκεται κοντά στο παλιό λιμάνι. Кто написал этот договор в прошлом году?",
    "東京は日本の首都です。人口は約一千四百万人。北京是中华人民共和国的首都,历史悠久。",
    "كتاب جديد على الطاولة في البيت القديم. हिन्दी में लिखा हुआ एक छोटा वाक्य यहाँ है।",
    "서울은 대한민국의 수도이다. กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย 🙂 ½ ﬁn café naïve",
]


def _pieces(base: Any, count: int = 300) -> list[tuple[str, int]]:
    """Pieces of up to five characters of the words of TEXTS as `base` splits them, all characters among them.

    The trainers of WordPiece and Unigram give other vocabularies in every process; this does not.
    """
    backend = base.backend_tokenizer
    frequency: Counter[str] = Counter()
    for text in TEXTS:
        normal = backend.normalizer.normalize_str(text) if backend.normalizer else text
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(normal):
            frequency.update(word[i:j] for i in range(len(word)) for j in range(i + 1, min(len(word), i + 5) + 1))
    ranked = sorted(frequency, key=lambda piece: (len(piece) > 1, -frequency[piece] * len(piece), piece))
    characters = sum(len(piece) == 1 for piece in ranked)
    return [(piece, frequency[piece]) for piece in ranked[: characters + count]]


def _unigram(special: list[str], base: Any) -> list[tuple[str, float]]:
    pieces = _pieces(base)
    total = sum(number for _, number in pieces)
    # A single character costs more than its frequency says, or nothing else would ever be chosen.
    scored = [(piece, math.log(number / total) - 6 * (len(piece) == 1)) for piece, number in pieces]
    return [(name, 0.0) for name in special] + scored


def _byte_pairs(special: list[str], base: Any, size: int, alphabet: list[str]) -> dict[str, Any]:
    """Vocabulary and merges of a BPE that is trained on TEXTS with the pipeline of `base`."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = base.backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, show_progress=False, initial_alphabet=alphabet
    )
    backend.train_from_iterator(TEXTS, trainer)
    model = json.loads(backend.to_str())["model"]
    return {"vocab": model["vocab"], "merges": [tuple(merge) for merge in model["merges"]]}


def bert(**options: Any) -> Any:
    """WordPiece: lower case, accents stripped, CLS first."""
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [piece for piece, _ in _pieces(BertTokenizer())]
    names = [*special, *pieces, *(f"##{piece}" for piece in pieces)]
    return BertTokenizer(vocab={name: row for row, name in enumerate(names)}, **options)


def roberta(**options: Any) -> Any:
    """Byte-level BPE whose tokens include the space before; no type ids; two separators."""
    from transformers import RobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    return RobertaTokenizer(**_byte_pairs(special, RobertaTokenizer(), 420, ByteLevel.alphabet()), **options)


def roberta_untrimmed(**options: Any) -> Any:
    """The same, with offsets that include the space before a word."""
    return roberta(trim_offsets=False, **options)


def xlm_roberta(**options: Any) -> Any:
    """Unigram over words that begin with a sentencepiece space."""
    from transformers import XLMRobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made = XLMRobertaTokenizer(vocab=_unigram(special, XLMRobertaTokenizer()), **options)
    made.backend_tokenizer.normalizer = normalizers.NFKC()  # the real one has a table that does nearly this
    return made


def deberta_v2(**options: Any) -> Any:
    """Unigram over whole texts with metaspace, runs of space made one."""
    from transformers import DebertaV2Tokenizer

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    return DebertaV2Tokenizer(vocab=_unigram(special, DebertaV2Tokenizer()), unk_id=3, **options)


def xlnet(**options: Any) -> Any:
    """CLS last, padding on the left, three type ids and a fourth for padding."""
    from transformers import XLNetTokenizer

    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eop>", "<eod>"]
    return XLNetTokenizer(vocab=_unigram(special, XLNetTokenizer()), **options)


def gpt2(**options: Any) -> Any:
    """Byte-level BPE that adds no special token at all and has no padding token."""
    from transformers import GPT2Tokenizer

    return GPT2Tokenizer(**_byte_pairs(["<|endoftext|>"], GPT2Tokenizer(), 420, ByteLevel.alphabet()), **options)


def llama(**options: Any) -> Any:
    """BPE over whole texts with metaspace and bytes for unknown characters; BOS before each text, no CLS."""
    from transformers import LlamaTokenizer

    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    made = LlamaTokenizer(**_byte_pairs(special, LlamaTokenizer(), 700, []), padding_side="left", **options)
    made.add_bos_token = True
    return made


FAMILIES: dict[str, Callable[..., Any]] = {
    make.__name__: make for make in (bert, roberta, roberta_untrimmed, xlm_roberta, deberta_v2, xlnet, gpt2, llama)
}


@cache
def tokenizer(family: str) -> Any:
    """The tokenizer of one family with default options, made once. Do not change it."""
    return FAMILIES[family]()
