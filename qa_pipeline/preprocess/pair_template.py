"""Encodes questions and contexts, each distinct text once, and knows how a tokenizer joins the two.

Fast tokenizers encode the two texts of a pair by themselves and put special tokens around them. Where that holds for a
tokenizer (probed, never assumed) a context that is asked about seven times is encoded once, without special tokens,
and `PairTemplate` says what goes around it. For any other tokenizer `encode_pairs` uses its own pair encoding of every
row. Either way the result is an `EncodedPairs`: the tokens before the context, the context, the tokens after it.

A fast tokenizer is Rust underneath: truncation and the like are set on the object itself, and a thread that sets them
while another encodes gets "Already borrowed", or the other's settings. So texts are encoded by a second one that
nothing ever changes, and the tokenizer itself is only used inside `TOKENIZER_LOCK`. There is one lock for all
tokenizers: it is held for moments, and two predictors may well have been given the same tokenizer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

import numpy as np

from qa_pipeline.errors import DataError, ModelError
from qa_pipeline.preprocess.encoded_pairs import EncodedPairs, PairRows

BATCH_CHARACTERS = 1_000_000
"""Texts are encoded in batches of about this many characters; encodings take much memory while they live."""


@dataclass(frozen=True)
class PairTemplate:
    """Special tokens and type ids that a tokenizer puts around a question and a context, in this order."""

    prefix: list[int]
    prefix_types: list[int]
    question_type: int
    middle: list[int]
    middle_types: list[int]
    context_type: int
    suffix: list[int]
    suffix_types: list[int]

    @property
    def num_special(self) -> int:
        """Special tokens in a window."""
        return len(self.prefix) + len(self.middle) + len(self.suffix)


def probe_template(tokenizer: Any) -> PairTemplate:
    """Reads the template off the tokenizer's own encoding of a short pair.

    Raises:
        ModelError: the tokenizer cannot encode a pair of texts, or mixes the two.
    """
    try:
        pair = _pair_rows(tokenizer, ["who is"], ["it was she"])[0]
    except ModelError:
        raise
    except Exception as error:  # tokenizers that want boxes, images or entities raise all kinds of things
        problem = f"{type(tokenizer).__name__} cannot encode a question with a context ({error})"
        raise ModelError(f"{problem}; choose a model with a plain text tokenizer") from error
    ids, types = pair.ids, pair.types
    question, context = slice(pair.question_begin, pair.question_end), slice(pair.context_begin, pair.context_end)
    return PairTemplate(
        prefix=ids[: question.start],
        prefix_types=types[: question.start],
        question_type=types[question.start],
        middle=ids[question.stop : context.start],
        middle_types=types[question.stop : context.start],
        context_type=types[context.start],
        suffix=ids[context.stop :],
        suffix_types=types[context.stop :],
    )


def encode_parts(
    tokenizer: Any,
    encoder: Any,
    ids_of_text: np.ndarray,
    template: PairTemplate,
    questions: Sequence[str],
    contexts: Sequence[str],
    max_question_length: int,
) -> EncodedPairs:
    """Encodes each distinct question and each distinct context once and surrounds questions as the template says.

    Args:
        tokenizer: fast tokenizer for which `template` was found to hold.
        encoder: from `text_encoder`.
        ids_of_text: from `ids_of_text`.
        template: from `probe_template`.
        questions: (E,) texts without leading space.
        contexts: (E,) texts.
        max_question_length: tokens of a question that are kept.

    Raises:
        DataError: a text is not valid Unicode.
    """
    distinct_questions, surroundings = _distinct(questions)
    distinct_contexts, context_rows = _distinct(contexts)
    rows = PairRows(ids_of_text)
    null_ids = _null_ids(tokenizer)
    truncated = np.zeros(len(distinct_questions), dtype=bool)
    for part in _batches(distinct_questions):
        for encoding in _encode(encoder.encode_batch_fast, distinct_questions[part], add_special_tokens=False):
            ids = encoding.ids
            truncated[len(rows.before)] = len(ids) > max_question_length
            ids = ids_of_text[ids[:max_question_length]].tolist()
            rows.before.append(template.prefix + ids + template.middle)
            rows.before_types.append(
                template.prefix_types + [template.question_type] * len(ids) + template.middle_types
            )
            middle = len(template.prefix) + len(ids)
            special = [*range(len(template.prefix)), *range(middle, middle + len(template.middle))]
            rows.add_null(null_ids, rows.before[-1], special, template.suffix)
    rows.after = [template.suffix] * len(rows.before)
    rows.after_types = [template.suffix_types] * len(rows.before)

    for part in _batches(distinct_contexts):
        encodings = _encode(encoder.encode_batch, distinct_contexts[part], add_special_tokens=False)
        rows.add_contexts(
            distinct_contexts[part],
            [len(encoding) for encoding in encodings],
            (encoding.ids for encoding in encodings),
            (encoding.offsets for encoding in encodings),
            template.context_type,
        )
    return rows.pairs(surroundings, context_rows, truncated[surroundings])


def encode_pairs(
    tokenizer: Any, ids_of_text: np.ndarray, questions: Sequence[str], contexts: Sequence[str], max_question_length: int
) -> EncodedPairs:
    """The same through the tokenizer's own encoding of each whole pair, for tokenizers without a fixed template.

    A question that is too long is cut in its text, at the end of its last allowed token.
    """
    rows = PairRows(ids_of_text)
    null_ids = _null_ids(tokenizer)
    truncated = np.zeros(len(questions), dtype=bool)
    for part in _batches(contexts):
        pairs = _pair_rows(tokenizer, questions[part], contexts[part])
        for row, pair in enumerate(pairs, start=part.start):
            if pair.question_end - pair.question_begin > max_question_length:
                truncated[row] = True
                end = pair.offsets[pair.question_begin + max_question_length - 1][1]
                pairs[row - part.start] = _pair_rows(tokenizer, [questions[row][:end]], [contexts[row]])[0]
        for pair in pairs:
            begin, end = pair.context_begin, pair.context_end
            question = slice(pair.question_begin, pair.question_end)
            pair.ids[question] = ids_of_text[pair.ids[question]].tolist()
            rows.before.append(pair.ids[:begin])
            rows.before_types.append(pair.types[:begin])
            rows.after.append(pair.ids[end:])
            rows.after_types.append(pair.types[end:])
            special = [*range(pair.question_begin), *range(pair.question_end, begin)]
            rows.add_null(null_ids, pair.ids[:begin], special, pair.ids[end:])
        rows.add_contexts(
            contexts[part],
            [pair.context_end - pair.context_begin for pair in pairs],
            (pair.ids[pair.context_begin : pair.context_end] for pair in pairs),
            (pair.offsets[pair.context_begin : pair.context_end] for pair in pairs),
            (pair.types[pair.context_begin : pair.context_end] for pair in pairs),
        )
    every = np.arange(len(questions))
    return rows.pairs(every, every, truncated)


@dataclass
class _Pair:
    """One pair as the tokenizer encodes it, and where its two texts lie in it."""

    ids: list[int]
    types: list[int]
    offsets: list[tuple[int, int]]
    question_begin: int
    question_end: int
    context_begin: int
    context_end: int


def _pair_rows(tokenizer: Any, questions: Sequence[str], contexts: Sequence[str]) -> list[_Pair]:
    def call(pairs: list[tuple[str, str]]) -> Any:
        first, second = [question for question, _ in pairs], [context for _, context in pairs]
        return encode_whole_pairs(tokenizer, first, second, truncation=False, return_token_type_ids=True)

    encoded = _encode(call, list(zip(questions, contexts, strict=True)))
    rows = []
    for row, encoding in enumerate(encoded.encodings):
        ids = encoded["input_ids"][row]
        sequence = np.array([-1 if part is None else part for part in encoding.sequence_ids])
        question, context = np.flatnonzero(sequence == 0), np.flatnonzero(sequence == 1)
        # An empty text has no tokens to be found: the context then ends before the last special tokens.
        begin, end = (context[0], context[-1] + 1) if len(context) else (len(ids), len(ids))
        first, last = (question[0], question[-1] + 1) if len(question) else (0, 0)
        if len(context) != end - begin or len(question) != last - first or first > begin:
            name = type(tokenizer).__name__
            raise ModelError(f"{name} does not put the question before the context; choose another model")
        types = encoded["token_type_ids"][row]
        rows.append(_Pair(ids, types, encoding.offsets, int(first), int(last), int(begin), int(end)))
    return rows


def _null_ids(tokenizer: Any) -> list[int]:
    return [token for token in (tokenizer.cls_token_id, tokenizer.bos_token_id) if token is not None]


def _distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The different texts in order of appearance, and for each text its row among them."""
    rows: dict[str, int] = {}
    index = np.fromiter((rows.setdefault(text, len(rows)) for text in texts), dtype=np.int64, count=len(texts))
    return list(rows), index


def _batches(texts: Sequence[str]) -> Iterator[slice]:
    """Cuts `texts` into stretches of about BATCH_CHARACTERS, each of one text at least."""
    begin = characters = 0
    for row, text in enumerate(texts):
        if characters and characters + len(text) > BATCH_CHARACTERS:
            yield slice(begin, row)
            begin, characters = row, 0
        characters += len(text)
    if begin < len(texts):
        yield slice(begin, len(texts))


def _encode(function: Callable[..., Any], texts: Sequence[Any], **options: Any) -> Any:
    """Calls `function(texts)`; a text that Rust cannot take is named instead of a TypeError about types."""
    try:
        return function(texts, **options)
    except (TypeError, UnicodeError) as error:
        for text in chain.from_iterable(pair if isinstance(pair, tuple) else (pair,) for pair in texts):
            if not isinstance(text, str) or not _is_unicode(text):
                shown = ascii(text)[:80]
                problem = f"text {shown} cannot be encoded: it is not valid Unicode (a lone surrogate?)"
                raise DataError(f"{problem}; read the file as UTF-8 or drop the row") from error
        raise


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# One tokenizer for many threads, and text that stays text

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
