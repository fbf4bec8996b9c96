"""Shares one tokenizer among threads, and keeps what a text says from becoming more than text.

A fast tokenizer is Rust underneath: truncation and the like are set on the object itself, and a thread that sets them
while another encodes gets "Already borrowed", or the other's settings. So texts are encoded by a second one that
nothing ever changes, and the tokenizer itself is only used inside `TOKENIZER_LOCK`. There is one lock for all
tokenizers: it is held for moments, and two predictors may well have been given the same tokenizer.
"""

from __future__ import annotations

import os
import threading
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np

TOKENIZER_LOCK = threading.RLock()

# A process that forks while a thread holds the lock would hand a lock to its child that nobody there can open.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=TOKENIZER_LOCK.acquire,
        after_in_parent=TOKENIZER_LOCK.release,
        after_in_child=TOKENIZER_LOCK.release,
    )


def text_encoder(tokenizer: Any) -> Any:
    """A second Rust tokenizer on the same vocabulary that encodes single texts, and nothing but them, from any thread.

    It cuts nothing and pads nothing, takes "[CLS]" or "<s>" in a text for the characters they are, and gives whole
    offsets: the step that adds special tokens also takes the space before a word off its token's offsets, and takes a
    letter instead where an earlier step has dropped that space. `trim_offsets` does that right.
    """
    from tokenizers import Tokenizer

    with TOKENIZER_LOCK:
        backend = tokenizer.backend_tokenizer
        encoder = Tokenizer(backend.model)
        encoder.normalizer, encoder.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
        added = backend.get_added_tokens_decoder()
        # In the order of their ids, which they thus get again.
        for special, tokens in groupby([added[i] for i in sorted(added)], attrgetter("special")):
            (encoder.add_special_tokens if special else encoder.add_tokens)(list(tokens))
    encoder.encode_special_tokens = True
    return encoder


def encode_whole_pairs(tokenizer: Any, questions: list[str], contexts: list[str], **options: Any) -> Any:
    """The tokenizer's own encoding of pairs, which takes special tokens that a text spells apart where it can."""
    with TOKENIZER_LOCK:
        before = tokenizer.backend_tokenizer.encode_special_tokens
        try:
            return tokenizer(questions, contexts, split_special_tokens=True, verbose=False, **options)
        finally:
            tokenizer.backend_tokenizer.encode_special_tokens = before


def ids_of_text(tokenizer: Any) -> np.ndarray:
    """(num_ids,) int32 the id that a token of a text has in a window: its own, or "unknown" if it is a special token.

    To take a spelt "<s>" apart is asked of the tokenizer, but sentencepiece vocabularies hold such names as words.
    """
    table = np.arange(max(tokenizer.get_vocab().values(), default=-1) + 1, dtype=np.int32)
    special = {*tokenizer.all_special_ids, *(i for i, token in tokenizer.added_tokens_decoder.items() if token.special)}
    if tokenizer.unk_token_id is not None:
        table[list(special)] = tokenizer.unk_token_id
    return table
