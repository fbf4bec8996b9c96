"""Loads a trained model and asks it: the successor of the question-answering pipeline of transformers.

Reads no file of its own and decides nothing: windows are Preprocess, decoding is Postprocess, loading is `modeling`.
Importing this module does not import torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline.arguments.limits import WINDOW_LIMITS, check_limits, checked_bounds, with_limits
from qa_pipeline.postprocess import Postprocess
from qa_pipeline.predictor.answer import Answer, together
from qa_pipeline.predictor.asking import ask, ask_many
from qa_pipeline.predictor.batches import BATCH_TOKENS, BATCH_TOKENS_CPU, FoundSpans, Progress, find_spans
from qa_pipeline.predictor.documents import Reply
from qa_pipeline.predictor.excerpts import Highlight
from qa_pipeline.predictor.highlighting import highlight
from qa_pipeline.predictor.loading import load_parts
from qa_pipeline.predictor.questions import STRETCH, chunks, rounds, stretches
from qa_pipeline.predictor.readers import Reader, reader_of
from qa_pipeline.predictor.sources import NUM_PASSAGES
from qa_pipeline.preprocess import TOKENIZER_LOCK, Preprocess

if TYPE_CHECKING:
    import numpy as np

    from qa_pipeline.arguments import QASettings
    from qa_pipeline.documents.passage import Passage
    from qa_pipeline.modeling import StoredSettings
    from qa_pipeline.predictor.documents import Documents
    from qa_pipeline.retrieval.embeddings import Embedder

logger = logging.getLogger(__name__)

CHARACTERS_OF_A_TOKEN = 16
"""Stretches of a very long context overlap by this many characters for each token that windows overlap by: more than a
token has, so that every span which fits the overlap is whole in one of the two."""


class QAPredictor:
    """A question-answering model that is ready to be asked, by several threads at once where need be.

    It can be pickled, and asked in a process that was forked after it was loaded: there, torch computes on one thread,
    since those of the parent do not survive a fork; an exported model is opened anew.

    `from_pretrained` is the usual way to one; this makes it from a model that is in memory already.

    Args:
        model: a question-answering model of transformers, with or without adapters, which is put into evaluation mode;
            or the open Runtime of an exported one.
        tokenizer: a fast tokenizer that belongs to it.
        settings: how windows are cut and answers decoded; None takes the defaults of StoredSettings.
        name: what messages and reports call the model.
        batch_tokens: most padded tokens in a batch; None decides by the device.
        limits: what to change in the settings, see `predict`.

    Attributes:
        model, tokenizer, name: as given.
        settings: with the limits, and lengths that were not given there fitted to the model.
        has_stored_settings: whether the settings were given, not made up here.
        head_untrained: whether the model was loaded without a trained head, so that its answers are noise.
        device: where the model is.
        num_parameters: weights, a 4-bit one counted as one.
        size_mb: their size in memory, in megabytes (10**6 bytes).

    Raises:
        ModelError: model and tokenizer do not belong together, or the model cannot take such windows.
        ConfigError: the lengths in the settings leave no room for context.

    Example:
        >>> predictor = QAPredictor.from_pretrained("runs/quickstart")
        >>> answer = predictor.ask("How high is the fee?", "We charge a fee of 25 euros.")
        >>> answer.text in "We charge a fee of 25 euros.", 0 <= answer.confidence <= 1
        (True, True)
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        settings: StoredSettings | None = None,
        *,
        name: str = "model",
        batch_tokens: int | None = None,
        limits: Mapping[str, Any] | None = None,
    ):
        from qa_pipeline.modeling import StoredSettings

        self.reader: Reader = reader_of(model)
        self.model, self.tokenizer, self.name = self.reader.model, tokenizer, name
        self.device = self.reader.device
        self.batch_tokens = checked_bounds(batch_tokens=batch_tokens)["batch_tokens"] or (
            BATCH_TOKENS_CPU if self.device.type == "cpu" else BATCH_TOKENS
        )
        self.has_stored_settings = settings is not None
        self._num_special = tokenizer.num_special_tokens_to_add(pair=True)
        self._longest_window = min(float(tokenizer.model_max_length), self.reader.longest_window)
        self.settings = self._with_limits(settings or StoredSettings(), limits or {})
        self._preprocesses: dict[tuple[int, ...], Preprocess] = {}
        # Now, so that what does not fit together shows before the first question. It may lower the longest window.
        self.settings.max_seq_length = self._preprocess(self.settings).settings.max_seq_length
        self.head_untrained = self.reader.head_untrained
        if self.head_untrained:
            logger.warning("%s: the question-answering head was never trained, so that its answers are noise", name)
        self.num_parameters, self.size_mb = self.reader.num_parameters, self.reader.size_mb

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        backend: str = "auto",
        device: Any = None,
        dtype: Any = "auto",
        batch_tokens: int | None = None,
        max_seq_length: int | None = None,
        doc_stride: int | None = None,
        max_question_length: int | None = None,
        max_answer_length: int | None = None,
        n_best_size: int | None = None,
        null_score_diff_threshold: float | None = None,
        temperature: float | None = None,
        version_2_with_negative: bool | None = None,
        base_model: str | None = None,
        tokenizer: Any = None,
        allow_new_head: bool = False,
        merge: bool = True,
        token: str | None = None,
        cache_dir: str | None = None,
        revision: str = "main",
        trust_remote_code: bool = False,
    ) -> QAPredictor:
        """Loads a run folder, an adapter (with its base model), a merged, an exported or any other model.

        The limits and the no-answer threshold and temperature that training stored are used where none are given here.

        Args:
            name: folder, Hub id or package:MODULE/FOLDER.
            backend: "auto" opens an exported folder with its runtime, without torch, and loads all else with torch;
                "torch", "openvino" or "onnx" insist.
            device: "cpu", "cuda:1", a torch.device, a number (-1: CPU); None takes a GPU where there is one.
            dtype: "auto" (bfloat16 where the device computes it natively, else float32), "float32", "bfloat16",
                "float16" or a torch.dtype. The head always computes in float32. A quantised model keeps its types. An
                exported model takes the first three.
            batch_tokens: most padded tokens in a batch; None decides by the device.
            max_seq_length: longest window in tokens.
            doc_stride: tokens that neighbouring windows share.
            max_question_length: longer questions are cut to this many tokens, with a warning.
            max_answer_length: longest answer in tokens.
            n_best_size: spans kept of each window and each question.
            null_score_diff_threshold: no answer is given where `null_odds` exceeds it (logits).
            temperature: divides logits before confidences are made.
            version_2_with_negative: whether "no answer" is an answer.
            base_model: base of an adapter, where it is no longer where the adapter's configuration says.
            tokenizer: name of a tokenizer, or a fast one in memory, if not the model's own.
            allow_new_head: accept a model whose head was never trained (it answers at random), for comparison.
            merge: merge an adapter into its base in memory, which is faster (a quantised base stays unmerged).
            token, cache_dir, revision, trust_remote_code: of the Hub.

        Raises:
            ModelError: the model, its base, its tokenizer or the device is not there, they do not fit together, or the
                model cannot answer questions.
            ConfigError: a limit cannot be.
        """
        from qa_pipeline.arguments import ModelArguments

        args = ModelArguments(
            model_name_or_path=str(name),
            tokenizer_name=tokenizer if isinstance(tokenizer, str) else None,
            token=token,
            cache_dir=cache_dir,
            model_revision=revision,
            trust_remote_code=trust_remote_code,
        )
        limits = {
            "max_seq_length": max_seq_length,
            "doc_stride": doc_stride,
            "max_question_length": max_question_length,
            "max_answer_length": max_answer_length,
            "n_best_size": n_best_size,
            "null_score_diff_threshold": null_score_diff_threshold,
            "temperature": temperature,
            "version_2_with_negative": version_2_with_negative,
        }
        check_limits(limits)
        checked_bounds(batch_tokens=batch_tokens)
        model, tokenizer, settings = load_parts(
            args,
            backend=backend,
            device=device,
            dtype=dtype,
            tokenizer=None if isinstance(tokenizer, str) else tokenizer,
            base_model=base_model,
            allow_new_head=allow_new_head,
            merge=merge,
        )
        return cls(model, tokenizer, settings, name=str(name), batch_tokens=batch_tokens, limits=limits)

    def ask(
        self,
        question: str,
        documents: Documents,
        *,
        top_k: int = 1,
        num_passages: int | None = NUM_PASSAGES,
        all_answers: bool = False,
        min_confidence: float | None = None,
        retrieval_weight: float | None = None,
        **overrides: Any,
    ) -> Reply:
        """The answers of one text or of several documents to one question, best first, each with its place.

        Of many documents the passages nearest to the question are read. All that is read is one competition: a
        confidence is a probability among all spans of all passages, and "no answer", where spans of a passage that the
        search found later count for less. "No answer" comes first where it won everywhere, and with top_k above 1 the
        best spans follow; where it won in some passages only, those are left out. Copies are read once.

            >>> reply = predictor.ask("How high is the fee?", Path("handbook.pdf"), top_k=2)  # doctest: +SKIP
            >>> for answer in reply.answers:  # doctest: +SKIP
            ...     print(answer.text, answer.confidence, answer.document.source, answer.page, answer.headings)
            25 euros 0.91 handbook.pdf 4 ('Fees', 'Late return')
            30 euros 0.02 handbook.pdf 9 ('Lost cards',)

        Args:
            question: anything but blank.
            documents: what is asked, or several of these: a `str` is a text itself, never the name of a file; a
                `Document` of `qa_pipeline.documents`; a `pathlib.Path` is a file, or a folder whose documents are all
                read (what cannot be read in a folder is left out with a warning). Or an index of documents, see
                `qa_pipeline.retrieval`: many questions to the same folder are answered much sooner with one.
            top_k: most answers, none overlapping a better one; not with all_answers.
            num_passages: most passages that are read; documents of no more passages, and a single text, are read whole.
                None: everything is, which takes as long as the documents are.
            all_answers: every answer of at least min_confidence instead.
            min_confidence: 0 to 1; answers below are left out. None: 0, with all_answers as was fitted, else 0.05.
            retrieval_weight: how much the rank of a passage in the search counts, 0 or more. None: as fitted in
                training, or RETRIEVAL_WEIGHT of `predictor.fusion`.
            overrides: as of `predict`.

        Returns:
            Its `text`, `start`, `end` and `confidence` are those of the best answer, `answers` are all; `found` says
            whether the first is more than a guess.

        Raises:
            QuestionError: a text is blank, or there is nothing to ask.
            DataError: a path cannot be read.
            ConfigError, ModelError: as `predict`.
        """
        return ask(
            self,
            question,
            documents,
            top_k=top_k,
            num_passages=num_passages,
            all_answers=all_answers,
            min_confidence=min_confidence,
            retrieval_weight=retrieval_weight,
            **overrides,
        )

    def ask_many(
        self,
        questions: Iterable[str | Mapping[str, Any]],
        documents: Documents,
        *,
        top_k: int = 5,
        num_passages: int | None = NUM_PASSAGES,
        retrieval_weight: float | None = None,
        skip: int = 0,
    ) -> Iterator[Reply]:
        """The answers to each of many questions on the same documents, computed many at a time.

        Args:
            questions: texts, or rows with "id" and "question".
            documents: as of `ask`; they are read at once.
            top_k: most answers to each.
            num_passages, retrieval_weight: as of `ask`.
            skip: leave out the answers to so many questions at the front, see `predict`.

        Returns:
            A reply to each question, in their order, with the question's id.

        Raises:
            QuestionError, DataError, ConfigError, ModelError: as `ask`.
        """
        return ask_many(
            self,
            questions,
            documents,
            top_k=top_k,
            num_passages=num_passages,
            retrieval_weight=retrieval_weight,
            skip=skip,
        )

    def together(
        self, answers: Sequence[Answer], shifts: Sequence[float] | np.ndarray | None = None, **overrides: Any
    ) -> list[Answer]:
        """Answers of `predict` to one question from several contexts, with the confidences of one competition.

        A span's confidence is its probability among all spans of all contexts, and `no_answer_confidence` is that of
        there being no answer in any of them; `max(answers, key=lambda answer: answer.score)` is then the best.

        Args:
            answers: of one question.
            shifts: one for each answer: logits that are added to the score of each of its spans; None: 0.
            overrides: those that they were asked with.
        """
        settings = self._with_limits(self.settings, overrides) if overrides else self.settings
        return together(answers, settings.temperature, settings.version_2_with_negative, shifts)

    def highlight(
        self,
        question: str,
        documents: Documents | Passage,
        *,
        max_words: int | None = None,
        keep: float | None = None,
        least_score: float | None = None,
        **options: Any,
    ) -> Highlight:
        """What of a text, a passage or documents bears on a question, and the sentences worth handing on.

            >>> found = predictor.highlight("How high is the fee?", Path("rules.pdf"), max_words=60)  # doctest: +SKIP
            >>> found.spans[0].text, found.spans[0].page, found.context  # doctest: +SKIP
            ('25 euros', 4, '[...] The fee is 25 euros. [...] Children pay nothing. [...]')

        Args:
            question: anything but blank.
            documents: as of `ask`, or a `Passage`.
            max_words: keep at most so many words.
            keep: keep at most this share of the words, 0 to 1, and the best sentence in any case; 0.3 without a budget.
            least_score: keep only sentences of at least this score, 0 to 1.
            options: num_passages as of `ask`; min_confidence of spans; language, a code (None: found out); dense=False
                scores without embeddings, which take part where texts are English; and those of `predict`.

        Raises:
            QuestionError, DataError, ConfigError, ModelError: as `ask`.
        """
        return highlight(self, question, documents, max_words=max_words, keep=keep, least_score=least_score, **options)

    def predict(
        self,
        examples: Iterable[Mapping[str, Any]],
        *,
        progress: bool | None = None,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        skip: int = 0,
        **overrides: Any,
    ) -> Iterator[Answer]:
        """Answers, in the order asked, while the questions are still being read.

        Questions are answered in chunks (16 at first, then more, up to 2,048 and 2,000,000 characters of context);
        within one, windows of all questions share batches by length. A context of any length works: beyond 500,000
        characters it is tokenised in stretches that overlap, cut at white space, so that the windows of one stretch may
        begin elsewhere than they would if it were tokenised as a whole; memory then grows only by the few best spans
        of each window.

        Args:
            examples: rows with "question" and "context", and "id" if they have one; other keys are left alone.
            progress: a bar on stderr after three seconds; None where stderr is a terminal.
            batch_tokens: most padded tokens in a batch.
            batch_size: most windows in a batch.
            skip: leave out the answers to so many rows at the front, which an earlier call gave. Rows share batches as
                if all were asked, so that the other answers are those of a call without it, to the last bit.
            overrides: for this call, any of max_seq_length, doc_stride, max_question_length, max_answer_length,
                n_best_size, null_score_diff_threshold, temperature, version_2_with_negative.

        Raises:
            ConfigError: at once, where an override is unknown or cannot be.
            QuestionError: a row cannot be asked. Answers of the rows before it come first.
            ModelError: the model gives NaN or infinite logits, or runs out of memory.
        """
        answered = self.answered_rows(
            examples, progress=progress, batch_tokens=batch_tokens, batch_size=batch_size, skip=skip, **overrides
        )
        return (answer for _, answer in answered)

    def answered_rows(
        self,
        examples: Iterable[Mapping[str, Any]],
        *,
        progress: bool | None = None,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        skip: int = 0,
        decoder: Callable[[QASettings], Postprocess] = Postprocess,
        **overrides: Any,
    ) -> Iterator[tuple[dict[str, str], Answer]]:
        """As `predict`, with the row that was answered (its id, question and context) beside each answer.

        Args:
            decoder: makes what decodes the logits, and may look at them, of the settings of this call.
        """
        bounds = checked_bounds(
            batch_tokens=self.batch_tokens if batch_tokens is None else batch_tokens, batch_size=batch_size
        )
        settings = self._with_limits(self.settings, overrides) if overrides else self.settings
        preprocess = self._preprocess(settings)
        return self._answered(examples, preprocess, decoder(settings), bounds, progress, skip)

    def _answered(
        self,
        examples: Iterable[Mapping[str, Any]],
        preprocess: Preprocess,
        postprocess: Postprocess,
        bounds: dict[str, int | None],
        show_progress: bool | None,
        skip: int,
    ) -> Iterator[tuple[dict[str, str], Answer]]:
        overlap = CHARACTERS_OF_A_TOKEN * max(preprocess.settings.doc_stride, postprocess.settings.max_answer_length)
        overlap = min(overlap, STRETCH // 4)
        progress = Progress(show_progress, operator.length_hint(examples) or None)
        try:
            for rows in chunks(examples):
                if skip >= len(rows):
                    skip -= len(rows)
                    progress.add(len(rows))
                    continue
                parts = [part for i, row in enumerate(rows) for part in stretches(i, row["context"], overlap)]
                found = []
                for lot in rounds(parts):
                    share = len(rows) * len(lot) / len(parts)
                    found.append(
                        find_spans(
                            self.reader,
                            lot,
                            rows,
                            preprocess,
                            postprocess,
                            on_batch=lambda part, share=share: progress.add(part * share),  # type: ignore[misc]
                            **bounds,
                        )
                    )
                windows = FoundSpans.joined(found)
                predictions = postprocess.predictions(rows, windows, windows.candidates)
                for row, prediction in list(zip(rows, predictions, strict=True))[skip:]:
                    yield row, Answer.from_prediction(prediction, row["question"])
                skip = 0
        finally:
            progress.close()

    @property
    def embedder(self) -> Embedder | None:
        """Embeds questions and passages without torch, where one was exported with the model; else None."""
        return self.reader.embedder

    def fingerprint(self) -> str:
        """SHA-256 (first 16 hex digits) of what answers hang on beside the rows: weights, tokenizer, settings, device.

        Reads every weight of a model of torch: some tenths of a second for 100 million.
        """
        with TOKENIZER_LOCK:
            made_of = self.reader.fingerprint(self.tokenizer)
        computed_with = json.dumps([asdict(self.settings), self.device.type, self.batch_tokens])
        return hashlib.sha256((made_of + computed_with).encode()).hexdigest()[:16]

    def _with_limits(self, settings: StoredSettings, given: Mapping[str, Any]) -> StoredSettings:
        return with_limits(settings, given, self._num_special, self._longest_window)

    def _preprocess(self, settings: StoredSettings) -> Preprocess:
        """The one for these lengths; checking that they fit takes some milliseconds, so a few are kept.

        Raises:
            ModelError: the model does not take such windows, or ids of this tokenizer.
            ConfigError: the lengths leave no room for context.
        """
        key = tuple(getattr(settings, name) for name in WINDOW_LIMITS)
        with TOKENIZER_LOCK:
            if key not in self._preprocesses:
                first = next(iter(self._preprocesses.values()), None)
                made = Preprocess(self.tokenizer, settings) if first is None else first.with_settings(settings)
                self.reader.check_fits(self.tokenizer, made.settings.max_seq_length)
                if len(self._preprocesses) >= 8:
                    self._preprocesses.pop(next(iter(self._preprocesses)))
                self._preprocesses[key] = made
            return self._preprocesses[key]
