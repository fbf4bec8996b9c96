"""The commands behind qa_predict.py: ask one question, ask repeatedly, answer a file, compare models.

Each command is one function; the main path first. Models and reports are made by the rooms above this one.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.ask.arguments import LIMITS, PredictArguments, parse
from qa_pipeline.ask.found import ask_all
from qa_pipeline.ask.terminal import counted, metrics_table, reply_dict, reply_text, uses_colour
from qa_pipeline.data import DataReport, Example, load_examples
from qa_pipeline.data.documents import Document, read_documents
from qa_pipeline.data.fingerprint import fingerprint
from qa_pipeline.errors import ConfigError, DataError, QAError
from qa_pipeline.metrics import calibration_error, score_rows

if TYPE_CHECKING:
    from qa_pipeline.predictor import Answer, QAPredictor

COMPARISON = "comparison.json"
"""Beside the report."""

_ENDS = ("exit", "quit", ":q")


def main(argv: list[str]) -> int:
    """Runs what the command line or configuration file asks for.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that has no emoji still shows the answer
    command = {"ask": ask, "interactive": ask_repeatedly, "predict": answer_file, "compare": compare_models}
    try:
        code = command[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads the output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def ask(arguments: PredictArguments) -> int:
    """Prints the answer to one question."""
    documents = read_contexts(arguments)
    print_reply(load_predictor(str(arguments.model), arguments), str(arguments.question), documents, arguments)
    return 0


def ask_repeatedly(arguments: PredictArguments) -> int:
    """Prints the answer to each line of standard input; a question that cannot be asked ends nothing."""
    documents = read_contexts(arguments)
    predictor = load_predictor(str(arguments.model), arguments)
    person = sys.stdin.isatty()
    failed = False
    if person:
        import readline  # noqa: F401  # input() then has a history

        size = sum(len(document.text) for document in documents)
        print(f"{counted(len(documents), 'text')}, {size:,} characters. Ctrl-D or exit ends.", file=sys.stderr)
    while True:
        try:
            question = input("? " if person else "").strip()
        except (EOFError, KeyboardInterrupt):
            break
        if question.lower() in _ENDS:
            break
        if not question:
            continue
        try:
            print_reply(predictor, question, documents, arguments)
        except QAError as error:
            failed = True
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if not arguments.json:
            print()
        sys.stdout.flush()
    return 2 if failed and not person else 0


def answer_file(arguments: PredictArguments) -> int:
    """Answers the questions of a data set, writes them where asked, and prints the scores if it has answers."""
    check_writable(arguments.output)
    examples, everything, report = read_data(arguments, require_answers=False)
    labelled = [example for example in examples if example["answers"]["text"] or example["is_impossible"]]
    if not labelled and not arguments.output:
        raise ConfigError("command line", f"--output: is required, since {report.source} has no answers to score with")
    predictor = load_predictor(str(arguments.model), arguments)
    begin = time.perf_counter()
    answers = list(predictor.predict(examples))
    seconds = time.perf_counter() - begin
    if arguments.output:
        for path in write_answers(arguments.output, answers, predictor.settings.version_2_with_negative):
            print(f"written: {path}")
    print(f"{counted(len(answers), 'question')} in {seconds:.1f} s ({len(answers) / max(seconds, 1e-9):,.1f} a second)")
    if labelled:
        print_scores(predictor, labelled, everything, answers, arguments)
    return 0


def compare_models(arguments: PredictArguments) -> int:
    """Compares base and tuned models, prints the table and writes the report where asked."""
    from qa_pipeline.compare import compare, comparison_table, report_html

    check_writable(arguments.report)
    examples, everything, _ = read_data(arguments, require_answers=True)
    models = [load_predictor(str(arguments.base), arguments, allow_new_head=True)]
    models += [load_predictor(name, arguments) for name in arguments.tuned_models]
    comparison = compare(
        models,
        examples,
        source=os.path.basename(str(arguments.data).rstrip("/")),
        drawn_from=everything,
        normalization=arguments.answer_normalization,
        language=arguments.answer_language,
        seed=arguments.seed,
    )
    print(comparison_table(comparison))
    if arguments.report:
        beside = Path(arguments.report).parent / COMPARISON
        with _writing(arguments.report):
            artifacts.write_text(arguments.report, report_html(comparison))
            artifacts.write_json(beside, comparison.to_json(), indent=None)
        print(f"\nwritten: {arguments.report}, {beside}")
    return 0


def load_predictor(name: str, arguments: PredictArguments, *, allow_new_head: bool = False) -> QAPredictor:
    """The model, with the limits of the arguments. Its name is the only thing that differs between models."""
    from qa_pipeline.predictor import QAPredictor

    return QAPredictor.from_pretrained(
        name,
        device=arguments.device,
        dtype=arguments.dtype,
        batch_tokens=arguments.batch_tokens,
        base_model=arguments.base_model,
        allow_new_head=allow_new_head,
        token=arguments.token,
        cache_dir=arguments.cache_dir,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        **{name: getattr(arguments, name) for name in LIMITS},
    )


def read_contexts(arguments: PredictArguments) -> list[Document]:
    """What is asked: the context of the command line (its source is ""), or documents."""
    if arguments.context is not None:
        return [Document(arguments.context, "")]
    return list(read_documents(arguments.context_files, skip_bad=True))


def read_data(arguments: PredictArguments, *, require_answers: bool) -> tuple[list[Example], list[Example], DataReport]:
    """The questions to ask, all questions of the data, and the report on it; prints what was dropped."""
    everything, report = load_examples(
        str(arguments.data),
        field_mapping=arguments.field_mapping,
        split=arguments.split,
        on_bad_data=arguments.on_bad_data,
        max_bad_fraction=arguments.max_bad_fraction,
        require_answers=require_answers,
        dataset_config_name=arguments.dataset_config_name,
        cache_dir=arguments.cache_dir,
        token=arguments.token,
    )
    if report.rows_dropped or report.rows_repaired:
        print(
            f"{report.source}: {report.rows_read:,} rows read as {report.format}, {report.rows_repaired:,} repaired, "
            f"{report.rows_dropped:,} dropped",
            *report.reason_lines(report.dropped),
            sep="\n",
            file=sys.stderr,
        )
    return everything[: arguments.max_eval_samples], everything, report


def write_answers(path: str, answers: Sequence[Answer], with_null: bool) -> list[Path]:
    """Writes the answers of a file.

    JSON lines hold each answer whole. JSON is what the SQuAD scripts read, id to text, with NAME_nbest.json (spans with
    their characters and confidences) and, for models that may say so, NAME_null_odds.json beside it.

    Returns:
        The files.
    """
    target = Path(path)
    with _writing(path):
        if target.suffix.lower() in (".jsonl", ".ndjson"):
            lines = (json.dumps(dataclasses.asdict(answer), ensure_ascii=False) + "\n" for answer in answers)
            return [artifacts.write_text(target, "".join(lines))]
        nbest = {answer.id: [dataclasses.asdict(span) for span in answer.nbest] for answer in answers}
        beside = {"nbest": nbest}
        written = [artifacts.write_json(target, {answer.id: answer.text for answer in answers})]
        if with_null:
            beside["null_odds"] = {answer.id: answer.null_odds for answer in answers}  # type: ignore[misc]
        return written + [
            artifacts.write_json(target.with_name(f"{target.stem}_{name}.json"), value)
            for name, value in beside.items()
        ]


def print_reply(predictor: QAPredictor, question: str, documents: list[Document], arguments: PredictArguments) -> None:
    """Asks and prints, as text or as one line of JSON."""
    reply = ask_all(
        predictor,
        question,
        documents,
        top_k=arguments.top_k,
        all_answers=arguments.all_answers,
        min_confidence=arguments.least_confidence,
    )
    if arguments.json:
        print(json.dumps(reply_dict(reply), ensure_ascii=False))
    else:
        print(reply_text(reply, colour=uses_colour(sys.stdout), several=len(documents) > 1))


def print_scores(
    predictor: QAPredictor,
    labelled: Sequence[Example],
    everything: Sequence[Example],
    answers: Sequence[Answer],
    arguments: PredictArguments,
) -> None:
    """Prints the metrics, and says so where they flatter."""
    settings = predictor.settings
    by_id = {answer.id: answer for answer in answers}
    scores = score_rows(
        {row["id"]: by_id[row["id"]].text for row in labelled},
        labelled,
        arguments.answer_normalization or settings.answer_normalization,
        language=arguments.answer_language,
    )
    confidence = np.array([by_id[row["id"]].confidence for row in labelled])
    if len(labelled) < len(answers):
        print(f"scored: the {counted(len(labelled), 'question')} that have an answer in the data")
    ece = float(calibration_error(confidence, scores.exact).ece) if len(labelled) >= 20 else None
    print(metrics_table(scores, np.random.default_rng(arguments.seed), ece))
    if settings.tuned_on is not None and settings.tuned_on == fingerprint(everything):
        print(
            "note: the model's temperature and no-answer threshold were fitted on this very data, which flatters the "
            "scores; --temperature 1 --null_score_diff_threshold 0 leaves them out"
        )


def check_writable(path: str | None) -> None:
    """Makes the folder of a file and raises DataError where the file could not be written: before hours of work."""
    if path is not None:
        folder = Path(path).parent
        with _writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise OSError("the folder may not be written to")


@contextmanager
def _writing(path: str) -> Iterator[None]:
    """Turns a fault of the file system into one message."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise DataError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
