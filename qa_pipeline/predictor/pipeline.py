"""`pipeline("question-answering")` as it was before transformers 5.3, on QAPredictor.

The calls, keywords and keys of the removed pipeline work. What differs, on purpose:

- A list of questions gives a list, one question gives one reply, whatever was found; with `top_k` above 1 (or
  `all_answers`) a reply is a list of at most so many dicts. (The old one gave a dict for a list of one question, and
  for `top_k` where only one answer was found.)
- Scores are probabilities over all that could have been answered from a context: never above 1.
- `context[start:end] == answer`, always; the same text at two places is two answers; words are never widened to whole
  paragraphs in languages without spaces.
- A model that was trained with this package is asked with the limits, threshold and temperature stored beside it. As
  before, it always answers unless `handle_impossible_answer` is set, though it may have learnt to say that there is no
  answer; scores count that possibility either way, so that a low one still shows it.
"""

from __future__ import annotations

import difflib
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.limits import MOST_SPANS, check_limits
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.runtimes import Runtime
from qa_pipeline.predictor.answer import Answer, distinct, spans_needed
from qa_pipeline.predictor.device import pick_device
from qa_pipeline.predictor.predictor import QAPredictor
from qa_pipeline.predictor.questions import INPUTS, Options, UnknownKeywordError, check_rows, read_call
from qa_pipeline.preprocess import text_encoder
from qa_pipeline.text.edges import whole_graphemes
from qa_pipeline.wording import first_line

if TYPE_CHECKING:
    from qa_pipeline.postprocess import Span

TASK = "question-answering"
DEFAULT_MODEL, DEFAULT_REVISION = "distilbert/distilbert-base-cased-distilled-squad", "564e9b5"

OLD_DEFAULTS = {"max_answer_length": 15}
"""Of the removed pipeline, for models that bring no settings of their own; its other defaults are ours too."""

ALWAYS_ANSWER = {"version_2_with_negative": True, "null_score_diff_threshold": math.inf}
"""For models that may say "no answer": their confidences stay what they are, and no span loses to it."""


def pipeline(
    task: str | None = TASK,
    model: Any = None,
    config: str | None = None,
    tokenizer: Any = None,
    feature_extractor: Any = None,
    image_processor: Any = None,
    processor: Any = None,
    framework: str | None = None,
    revision: str | None = None,
    use_fast: bool = True,
    token: str | None = None,
    device: Any = None,
    device_map: Any = None,
    dtype: Any = "auto",
    trust_remote_code: bool | None = None,
    model_kwargs: dict[str, Any] | None = None,
    pipeline_class: Any = None,
    **kwargs: Any,
) -> QuestionAnsweringPipeline:
    """A question-answering pipeline; the drop-in for `transformers.pipeline("question-answering", ...)`.

    Args:
        task: "question-answering", or None.
        model: run folder, adapter, merged or exported model, Hub id, package:MODULE/FOLDER, a model in memory (with
            `tokenizer`), or a QAPredictor.
        tokenizer: name of one, or one in memory.
        device: None takes a GPU where there is one; -1 is the CPU, n is GPU n.
        dtype: see `QAPredictor.from_pretrained`.
        kwargs: defaults of calls (`top_k`, `handle_impossible_answer`, `batch_size`, ...), `torch_dtype`, and `backend`
            as of `QAPredictor.from_pretrained`.
        config, feature_extractor, image_processor, processor, framework, use_fast, device_map, model_kwargs,
            pipeline_class: as in transformers where they make sense for this task; they may be left out.
        revision, token, trust_remote_code: of the Hub.

    Raises:
        ModelError: the model cannot be loaded, or another task or framework was asked for.
        UnknownKeywordError: a keyword is unknown.

    Example:
        >>> qa = pipeline("question-answering", model="runs/quickstart")
        >>> result = qa(question="How high is the fee?", context="We charge a fee of 25 euros.")
        >>> sorted(result)
        ['answer', 'end', 'score', 'start']
    """
    if task not in (None, TASK):
        raise ModelError(f"task {task!r}: this package does {TASK!r} only; use transformers.pipeline for others")
    if framework not in (None, "pt"):
        raise ModelError(f"framework {framework!r}: only PyTorch (pt) is there, as in transformers 5")
    if pipeline_class is not None:
        raise ModelError("pipeline_class: subclass QuestionAnsweringPipeline and make it from a QAPredictor instead")
    loading: dict[str, Any] = {"dtype": dtype, "token": token, "revision": revision}
    loading |= {"trust_remote_code": trust_remote_code, "device_map": device_map} | _of_model(model_kwargs or {})
    loading |= {key: kwargs.pop(key) for key in _LOADING if key in kwargs}
    return QuestionAnsweringPipeline(model, tokenizer, device=device, loading=loading, **kwargs)


_LOADING = ("torch_dtype", "cache_dir", "base_model", "allow_new_head", "merge", "backend")
_OF_MODEL = (*_LOADING, "dtype", "token", "revision", "trust_remote_code", "device_map", "attn_implementation")
_OF_MODEL_WITHOUT_EFFECT = ("low_cpu_mem_usage", "use_safetensors", "local_files_only", "use_cache", "return_dict")


def _of_model(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """What `model_kwargs` say about loading.

    Raises:
        UnknownKeywordError: one is unknown; the nearest is named.
    """
    for name in keywords:
        if name not in (*_OF_MODEL, *_OF_MODEL_WITHOUT_EFFECT):
            close = difflib.get_close_matches(name, _OF_MODEL, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(_OF_MODEL))}"
            raise UnknownKeywordError(f"unknown keyword {name!r} in model_kwargs; {hint}")
    return {name: value for name, value in keywords.items() if name in _OF_MODEL and value is not None}


def _predictor(model: Any, tokenizer: Any, device: Any, loading: Mapping[str, Any]) -> QAPredictor:
    """The predictor of a model that is named or in memory, or the one that is given."""
    if isinstance(model, QAPredictor):
        return model
    named = {name: value for name, value in loading.items() if value is not None}
    kernel, device_map = named.pop("attn_implementation", None), named.pop("device_map", None)
    if device_map is not None and device is None:
        device = _device_of_map(device_map)
    if "torch_dtype" in named:
        named["dtype"] = named.pop("torch_dtype")
    if model is not None and not isinstance(model, str | Path):
        return _in_memory(model, tokenizer, device)
    if model is None:
        warnings.warn(f"no model was given; {DEFAULT_MODEL} is used, as before", UserWarning, stacklevel=4)
        model, named = DEFAULT_MODEL, {"revision": DEFAULT_REVISION} | named
    predictor = QAPredictor.from_pretrained(model, device=device, tokenizer=tokenizer, **named)
    if kernel is not None and isinstance(predictor.model, Runtime):
        raise ModelError(f"attn_implementation {kernel!r}: an exported model has its own; leave it out")
    if kernel is not None:
        try:
            predictor.model.set_attn_implementation(kernel)
        except (ValueError, ImportError) as error:
            raise ModelError(f"attn_implementation {kernel!r}: {first_line(error)}") from error
    return predictor


class QuestionAnsweringPipeline:
    """Answers questions in the shapes of the removed pipeline.

    Args:
        model: a QAPredictor, a model in memory (with its tokenizer), or the name of one; None is the old default model.
        tokenizer: in memory or the name of one; None is the model's own.
        device: as of `pipeline`.
        predictor: the same as `model`.
        loading: keywords of `QAPredictor.from_pretrained` for a model that is named.
        kwargs: defaults of calls, see `__call__`.

    Attributes:
        predictor, model, tokenizer, device, task.

    Raises:
        UnknownKeywordError: a keyword is unknown.

    Example:
        >>> qa = QuestionAnsweringPipeline("runs/quickstart", top_k=2)
        >>> results = qa({"question": "How high is the fee?", "context": "We charge a fee of 25 euros."})
        >>> len(results)
        2
    """

    def __init__(
        self,
        model: Any = None,
        tokenizer: Any = None,
        *,
        device: Any = None,
        predictor: QAPredictor | None = None,
        loading: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        given = model if predictor is None else predictor
        loading = {} if isinstance(given, QAPredictor) else dict(loading or {})
        loading |= {key: kwargs.pop(key) for key in ("dtype", "torch_dtype") if key in kwargs}
        self.predictor = predictor = _predictor(given, tokenizer, device, loading)
        self.model, self.tokenizer, self.device = predictor.model, predictor.tokenizer, predictor.device
        self.task = TASK
        self._words = WordFinder(predictor.tokenizer)
        limits = {} if predictor.has_stored_settings else OLD_DEFAULTS
        self.options = Options(limits={"version_2_with_negative": False, **limits}).updated(kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answers one question or many.

        Args:
            args: two texts (question, context), a dict, a list of dicts, a `datasets.Dataset`, a generator ...
            kwargs: `question` and `context`, each a text or a list of texts; and

                - top_k: most answers of a question (1).
                - max_answer_len, max_seq_len, max_question_len, doc_stride: tokens.
                - handle_impossible_answer: whether "no answer" is an answer: {"answer": "", "start": 0, "end": 0}
                  (False). With top_k 1 the model's threshold decides; in a list it has its place by score.
                - align_to_words: widen answers to whole words (True).
                - all_answers, min_confidence: every distinct answer of at least this score, best first.
                - batch_size: most windows in a batch; batch_tokens: most padded tokens in one.

        Returns:
            {"score", "start", "end", "answer"}, or with top_k above 1 or all_answers a list of these, best first; in a
            list where a list was given, from an iterator where an iterator or a torch dataset was given.

        Raises:
            QuestionError: a question or context is missing, empty or no text (also a ValueError). Of a list this is
                said of all such rows before any is answered.
            UnknownKeywordError: a keyword is unknown (also a TypeError).
        """
        inputs = {name: kwargs.pop(name) for name in INPUTS if name in kwargs}
        options = self.options.updated(kwargs)
        rows, shape = read_call(args, inputs)
        if shape == "list":
            check_rows(rows)
        replies = self._replies(rows, options)
        if shape == "lazy":
            return replies
        return next(replies) if shape == "one" else list(replies)

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The same as calling it, under the name of scikit-learn."""
        return self(X)

    transform = predict

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """Saves model, tokenizer and settings into a folder that `pipeline`, run_qa.py and transformers load.

        Args:
            save_directory: made when missing.
            kwargs: of transformers (`safe_serialization` and the like), without effect.

        Raises:
            ModelError: the folder cannot be written, or the model is an exported one.
        """
        if isinstance(self.model, Runtime):
            raise ModelError(
                f"an exported model is copied as it is: {self.model.folder}; or save what it was made from"
            )
        from qa_pipeline.modeling import save_model

        own = {name: value for name, value in self.options.limits.items() if name != "version_2_with_negative"}
        save_model(self.model, self.tokenizer, replace(self.predictor.settings, **own), save_directory)

    @staticmethod
    def create_sample(question: str | list[str], context: str | list[str]) -> Any:
        """A row, or a list of rows, to call the pipeline with."""
        if isinstance(question, str):
            return {"question": question, "context": context}
        return [{"question": q, "context": c} for q, c in zip(question, context, strict=True)]

    def _replies(self, rows: Any, options: Options) -> Iterator[Any]:
        limits = dict(options.limits)
        if not limits["version_2_with_negative"] and self.predictor.settings.version_2_with_negative:
            limits |= ALWAYS_ANSWER
        needed = spans_needed(options.min_confidence) if options.all_answers else 2 * options.top_k + 10
        wanted = limits.get("n_best_size", self.predictor.settings.n_best_size)
        check_limits({"n_best_size": wanted})
        limits["n_best_size"] = max(wanted, min(needed, MOST_SPANS))
        answered = self.predictor.answered_rows(
            rows,
            progress=options.progress,
            batch_size=options.batch_size,
            batch_tokens=options.batch_tokens,
            **limits,
        )
        return (self._reply(row["context"], answer, options) for row, answer in answered)

    def _reply(self, context: str, answer: Answer, options: Options) -> Any:
        found = self._spans(context, answer.nbest, options.align_to_words)
        nothing = {"score": answer.no_answer_confidence, "start": 0, "end": 0, "answer": ""}
        if options.all_answers:
            if answer.start is None:
                return []
            return [
                span for span in distinct(found, itemgetter("start", "end")) if span["score"] >= options.min_confidence
            ]
        if options.top_k == 1:
            return nothing if answer.start is None or not found else found[0]
        replies = [*found, nothing] if options.limits["version_2_with_negative"] else found
        return sorted(replies, key=itemgetter("score"), reverse=True)[: options.top_k]

    def _spans(self, context: str, nbest: list[Span], align_to_words: bool) -> list[dict[str, Any]]:
        """Spans as replies, best first. Words that several spans are widened to have the score of the best of them.

        Not the sum: the answer would then depend on how the tokenizer cuts words, and differ from `QAPredictor.ask`.
        """
        scores: dict[tuple[int, int], float] = {}
        for span in nbest:
            place = self._words.widen(context, span.start, span.end) if align_to_words else (span.start, span.end)
            scores.setdefault(place, span.confidence)
        return [
            {"score": score, "start": start, "end": end, "answer": context[start:end]}
            for (start, end), score in scores.items()
        ]


def _in_memory(model: Any, tokenizer: Any, device: Any) -> QAPredictor:
    """A predictor of a model that the caller has loaded; its type and device stay unless a device is named."""
    from qa_pipeline import modeling
    from qa_pipeline.arguments import ModelArguments
    from qa_pipeline.modeling.checks import check_output, prepare_tokenizer

    if not (hasattr(model, "config") and hasattr(model, "parameters")):
        raise ModelError(f"model: expected a name, a folder or a model of transformers, found {type(model).__name__}")
    name = getattr(model, "name_or_path", "") or type(model).__name__
    if tokenizer is None or isinstance(tokenizer, str | Path):
        tokenizer = modeling.load_tokenizer(ModelArguments(model_name_or_path=str(tokenizer or name)))
    else:
        tokenizer = prepare_tokenizer(tokenizer, getattr(tokenizer, "name_or_path", name))
    if device is not None:
        model = model.to(pick_device(device))
    check_output(model, name)
    settings = modeling.read_settings(name) if Path(name).is_dir() else None
    return QAPredictor(model, tokenizer, settings, name=name)


def _device_of_map(device_map: Any) -> Any:
    """The one device that a device_map stands for; a model that is asked questions fits on one."""
    if device_map == "auto":
        return None
    places = set(device_map.values()) if isinstance(device_map, dict) else {device_map}
    if len(places) > 1:
        raise ModelError(f"device_map names {len(places)} devices; give one as device")
    return next(iter(places), None)


FARTHEST = 64
"""Characters to the next white space beyond which there is no word to be had."""

_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3000-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff00-\uffef\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Chinese and Japanese put no spaces between words, and Korean none between a noun and its
particles: what stands between two spaces is no word, and the old pipeline widened answers to whole sentences."""

_MOST_CACHED = 100_000


class WordFinder:
    """Widens answers to whole words, as `align_to_words` of the removed pipeline did; remembers words it has seen.

    A word is what the tokenizer's first step (its pre-tokenizer) makes of the text between two white spaces: for BERT a
    run of letters or one punctuation mark, for sentencepiece everything up to the next space.

    Args:
        tokenizer: a fast tokenizer, neither truncating nor padding.
    """

    def __init__(self, tokenizer: Any):
        self._encoder = text_encoder(tokenizer)
        self._seen: dict[str, list[tuple[int, int]]] = {}

    def widen(self, context: str, start: int, end: int) -> tuple[int, int]:
        """The smallest run of whole words around the characters `start` to `end` (exclusive), never less than these."""
        begin, stop = self._word(context, start)[0], self._word(context, end - 1)[1]
        return whole_graphemes(context, min(begin, start), max(stop, end))

    def _word(self, context: str, place: int) -> tuple[int, int]:
        if _WITHOUT_SPACES.match(context, place):
            return place, place + 1
        left = place
        while left > 0 and not _ends_words(context[left - 1]):
            left -= 1
            if place - left > FARTHEST:
                return place, place + 1
        right = place + 1
        while right < len(context) and not _ends_words(context[right]):
            right += 1
            if right - place > FARTHEST:
                return place, place + 1
        for begin, end in self._words(context[left:right]):
            if begin <= place - left < end:
                return left + begin, left + end
        return place, place + 1

    def _words(self, text: str) -> list[tuple[int, int]]:
        """The words in a text without spaces, as characters of it, end exclusive."""
        if text in self._seen:
            return self._seen[text]
        encoding = self._encoder.encode(text, add_special_tokens=False)
        words: dict[int, tuple[int, int]] = {}
        for word, (begin, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            if word is not None and end > begin:
                known = words.get(word, (begin, end))
                words[word] = (min(known[0], begin), max(known[1], end))
        if len(self._seen) >= _MOST_CACHED:
            self._seen.clear()
        return self._seen.setdefault(text, list(words.values()))


def _ends_words(character: str) -> bool:
    return character.isspace() or bool(_WITHOUT_SPACES.match(character))
