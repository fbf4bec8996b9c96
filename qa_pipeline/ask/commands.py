"""The commands behind qa_predict.py: ask one question, ask repeatedly, answer a file, compare models.

Each command is one function; the main path first. Models and reports are made by the rooms above this one.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qa_pipeline import artifacts
from qa_pipeline.ask.answer_files import check_target, place_of, write_answers
from qa_pipeline.ask.answer_journal import Answers, answers_of, fill, fingerprint_of, open_journal
from qa_pipeline.ask.arguments import PredictArguments
from qa_pipeline.ask.found import ask_all, best_of_documents
from qa_pipeline.ask.parsing import parse
from qa_pipeline.ask.question_lists import QuestionList, read_questions
from qa_pipeline.ask.reading import read_contexts, read_data
from qa_pipeline.ask.scoring import ScoredAnswers, with_every_id
from qa_pipeline.ask.terminal import metrics_table, reply_dict, reply_text, shown, uses_colour
from qa_pipeline.console import show_plain_lines
from qa_pipeline.data import Example, is_labelled
from qa_pipeline.data.example import fingerprint
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError, QAError
from qa_pipeline.metrics import calibration_error, resampling_of, score_rows
from qa_pipeline.wording import counted, plain

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
    show_plain_lines()
    command = {
        "ask": ask,
        "interactive": ask_repeatedly,
        "predict": answer_file,
        "list": answer_list,
        "compare": compare_models,
    }
    try:
        code = command[arguments.command](arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads the output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def ask(arguments: PredictArguments) -> int:
    """Prints the answer to each question."""
    documents = read_contexts(arguments)
    predictor = load_predictor(str(arguments.model), arguments)
    print_replies(predictor, arguments.questions, documents, arguments)
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
        if not person and not arguments.json:
            print(f"? {shown(question)}")
        try:
            print_reply(predictor, question, documents, arguments)
        except QAError as error:
            failed = True
            print(plain(f"{type(error).__name__}: {error}"), file=sys.stderr)
        if not arguments.json:
            print()
        sys.stdout.flush()
    return 2 if failed and not person else 0


def answer_file(arguments: PredictArguments) -> int:
    """Answers the questions of a data set, writes them where asked, and prints the scores if it has answers."""
    with open_journal(arguments.output) as journal:
        examples, everything, report = read_data(arguments, require_answers=False)
        labelled = [example for example in examples if is_labelled(example)]
        if not labelled and not arguments.output:
            raise ConfigError(
                "command line", f"--output: is required, since {report.source} has no answers to score with"
            )
        predictor = load_predictor(str(arguments.model), arguments)
        begin = time.perf_counter()
        scored = ScoredAnswers()
        if journal is None:
            computed = len(examples)
            deque(scored.collect(examples, _nowhere(predictor.predict(examples))), maxlen=0)
            seconds = time.perf_counter() - begin
        else:
            path = str(arguments.output)
            computed = fill(
                journal,
                path,
                {"the model or its settings": predictor.fingerprint(), "the data": fingerprint(examples)},
                [example["id"] for example in examples],
                lambda done: _nowhere(predictor.predict(examples, skip=done)),
            )
            seconds = time.perf_counter() - begin
            named = with_every_id(examples, scored.collect(examples, answers_of(journal)), report.without_context)
            for file in write_answers(path, named, predictor.settings.version_2_with_negative):
                print(f"written: {file}")
            journal.remove()
    print(f"{counted(computed, 'question')} in {seconds:.1f} s ({computed / max(seconds, 1e-9):,.1f} a second)")
    if labelled:
        if len(labelled) < len(examples):
            print(f"scored: the {counted(len(labelled), 'question')} that have an answer in the data")
        print_scores(predictor, labelled, everything, scored, arguments)
    return 0


def answer_list(arguments: PredictArguments) -> int:
    """Asks the questions of data on documents, or on one text; writes the answers where asked, else prints them."""
    with open_journal(arguments.output) as journal:
        questions = read_questions(
            str(arguments.data),
            field_mapping=arguments.field_mapping,
            most=arguments.max_eval_samples,
            encoding=arguments.encoding,
            split=arguments.split,
            dataset_config_name=arguments.dataset_config_name,
            cache_dir=arguments.cache_dir,
            token=arguments.token,
        )
        if questions.column is not None:
            unused = "; its contexts are left aside, since others were given" if questions.has_contexts else ""
            print(plain(f"{arguments.data}: questions are in the field {questions.column}{unused}"), file=sys.stderr)
        documents = read_contexts(arguments)
        predictor = load_predictor(str(arguments.model), arguments)
        if journal is None:
            print_replies(predictor, [row["question"] for row in questions.rows], documents, arguments)
            return _say_left_out(questions)
        path, of_documents = str(arguments.output), bool(arguments.context_files)
        begin = time.perf_counter()

        def answers_after(done: int) -> Answers:
            for answer, document in best_of_documents(predictor, questions.rows, documents, skip=done):
                yield answer, place_of(answer, document) if of_documents else {}

        computed = fill(
            journal,
            path,
            {
                "the model or its settings": predictor.fingerprint(),
                "the questions": fingerprint_of([row["id"], row["question"]] for row in questions.rows),
                "the texts": fingerprint_of([of_documents, text.source, text.text, text.pages] for text in documents),
            },
            [row["id"] for row in questions.rows],
            answers_after,
        )
        seconds = time.perf_counter() - begin
        with_null = predictor.settings.version_2_with_negative
        left_out = {row.id: row.reason for row in questions.left_out}
        for file in write_answers(path, answers_of(journal), with_null, left_out, of_documents):
            print(f"written: {file}")
        journal.remove()
    print(f"{counted(computed, 'question')} on {counted(len(documents), 'text')} in {seconds:.1f} s")
    return _say_left_out(questions)


def _say_left_out(questions: QuestionList) -> int:
    """Names the rows that were not answered, and those that have another id now; the exit code tells of the former."""
    for line in questions.renamed:
        print(line, file=sys.stderr)
    if not questions.left_out:
        return 0
    total = len(questions.rows) + len(questions.left_out)
    print(f"{len(questions.left_out):,} of {total:,} rows were not answered:", file=sys.stderr)
    for row in questions.left_out:
        print(f"  {row.id}: {row.reason}", file=sys.stderr)
    return 2


def compare_models(arguments: PredictArguments) -> int:
    """Compares base and tuned models, prints the table and writes the report where asked."""
    from qa_pipeline.compare import compare, comparison_table, comparison_to_json, report_html

    check_target(arguments.report)
    examples, everything, _ = read_data(arguments, require_answers=True)
    models = [load_predictor(str(arguments.base), arguments, allow_new_head=True)]
    models += [load_predictor(name, arguments) for name in arguments.tuned_models]
    comparison = compare(
        models,
        examples,
        source=os.path.basename(str(arguments.data).rstrip("/")),
        drawn_from=everything,
        by=arguments.columns,
        normalization=arguments.answer_normalization,
        language=arguments.answer_language,
        seed=arguments.seed,
    )
    print(plain(comparison_table(comparison)))
    if arguments.report:
        beside = Path(arguments.report).parent / COMPARISON
        with artifacts.writing(arguments.report):
            artifacts.write_text(arguments.report, report_html(comparison))
            artifacts.write_json(beside, comparison_to_json(comparison), indent=None)
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
        **arguments.limits,
    )


def print_replies(
    predictor: QAPredictor, questions: Sequence[str], documents: list[Document], arguments: PredictArguments
) -> None:
    """Asks and prints one question, or several, each above its answer."""
    for number, question in enumerate(questions):
        if len(questions) > 1 and not arguments.json:
            print(*[""] * bool(number), f"? {shown(question)}", sep="\n")
        print_reply(predictor, question, documents, arguments)


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
        # Where letters would be lost on the way, a program still gets every character.
        whole = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
        print(json.dumps(reply_dict(reply), ensure_ascii=not whole))
    else:
        print(reply_text(reply, colour=uses_colour(sys.stdout), several=len(documents) > 1))


def _nowhere(answers: Iterator[Answer]) -> Answers:
    """Answers with no place in documents."""
    return ((answer, {}) for answer in answers)


def print_scores(
    predictor: QAPredictor,
    labelled: Sequence[Example],
    everything: Sequence[Example],
    scored: ScoredAnswers,
    arguments: PredictArguments,
) -> None:
    """Prints the metrics, and says so where they flatter."""
    settings = predictor.settings
    scores = score_rows(
        scored.texts,
        labelled,
        arguments.answer_normalization or settings.answer_normalization,
        language=arguments.answer_language or settings.answer_language,
    )
    ece = float(calibration_error(np.array(scored.confidence), scores.exact).ece) if len(labelled) >= 20 else None
    print(metrics_table(scores, resampling_of(labelled), np.random.default_rng(arguments.seed), ece))
    if settings.tuned_on is not None and settings.tuned_on == fingerprint(everything):
        print(
            "note: the model's temperature and no-answer threshold were fitted on this very data, which flatters the "
            "scores; --temperature 1 --null_score_diff_threshold 0 leaves them out"
        )
