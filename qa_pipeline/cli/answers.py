"""Answers the questions of a file, writes the answers where asked, and prints what they score.

Each way of answering a file is one function; the question of a person is `ask`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.cli import loading
from qa_pipeline.cli.ask_arguments import PredictArguments
from qa_pipeline.data import DataReport, Example, is_labelled
from qa_pipeline.data.example import fingerprint
from qa_pipeline.errors import ConfigError
from qa_pipeline.metrics import Resampling, Scores, bootstrap_interval, calibration_error, resampling_of, score_rows
from qa_pipeline.predictor.question_files import ScoredAnswers, answer_file, check_output
from qa_pipeline.predictor.question_lists import DataQuestions, QuestionList, read_data, read_questions
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor


def answer_data(arguments: PredictArguments) -> int:
    """Answers the questions of a data set, writes them where asked, and prints the scores if it has answers."""
    check_output(arguments.output)
    data = read_labelled(arguments, require_answers=False)
    labelled = [example for example in data.examples if is_labelled(example)]
    if not labelled and not arguments.output:
        raise ConfigError(
            "command line", f"--output: is required, since {data.report.source} has no answers to score with"
        )
    predictor = loading.load_predictor(str(arguments.model), arguments)
    done = answer_file(predictor, data, arguments.output)
    for file in done.files:
        print(f"written: {file}")
    rate = done.computed / max(done.seconds, 1e-9)
    print(f"{counted(done.computed, 'question')} in {done.seconds:.1f} s ({rate:,.1f} a second)")
    if labelled:
        if len(labelled) < len(data.examples):
            print(f"scored: the {counted(len(labelled), 'question')} that have an answer in the data")
        print_scores(predictor, labelled, data.everything, done.scored, arguments)
    return 0


def answer_list(arguments: PredictArguments) -> int:
    """Asks the questions of data on documents, or on one text; writes the answers where asked, else prints them."""
    check_output(arguments.output)
    questions = read_questions(
        str(arguments.data),
        field_mapping=arguments.field_mapping,
        max_samples=arguments.max_eval_samples,
        encoding=arguments.encoding,
        **_where(arguments),
    )
    if questions.column is not None:
        unused = "; its contexts are left aside, since others were given" if questions.has_contexts else ""
        print(plain(f"{arguments.data}: questions are in the field {questions.column}{unused}"), file=sys.stderr)
    documents = loading.open_documents(arguments)
    predictor = loading.load_predictor(str(arguments.model), arguments)
    if arguments.output is None:
        from qa_pipeline.cli.ask import print_replies  # here: `ask` knows this module

        print_replies(predictor, [row["question"] for row in questions.rows], documents, arguments)
        return _say_left_out(questions)
    done = answer_file(predictor, questions, arguments.output, documents=documents)
    for file in done.files:
        print(f"written: {file}")
    print(f"{counted(done.computed, 'question')} on {counted(len(documents), 'text')} in {done.seconds:.1f} s")
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


def read_labelled(arguments: PredictArguments, *, require_answers: bool, keep_columns: bool = False) -> DataQuestions:
    """The questions of data; says on stderr how it was read and what was dropped."""
    data = read_data(
        str(arguments.data),
        max_samples=arguments.max_eval_samples,
        require_answers=require_answers,
        field_mapping=arguments.field_mapping,
        on_bad_data=arguments.on_bad_data,
        max_bad_fraction=arguments.max_bad_fraction,
        keep_columns=keep_columns,
        **_where(arguments),
    )
    _say_how_read(data.report, arguments)
    return data


def _where(arguments: PredictArguments) -> dict[str, Any]:
    """Which part of a folder or Hub dataset is meant."""
    return {
        "split": arguments.split,
        "dataset_config_name": arguments.dataset_config_name,
        "cache_dir": arguments.cache_dir,
        "token": arguments.token,
    }


def _say_how_read(report: DataReport, arguments: PredictArguments) -> None:
    if arguments.field_mapping is None:
        mapping = json.dumps(report.field_mapping, ensure_ascii=False)
        print(plain(f"{report.source}: read as {report.format}, fields: {mapping}"), file=sys.stderr)
    if report.rows_dropped or report.rows_repaired:
        print(
            f"{report.source}: {report.rows_read:,} rows read as {report.format}, {report.rows_repaired:,} repaired, "
            f"{report.rows_dropped:,} dropped",
            *map(plain, report.reason_lines(report.dropped)),
            sep="\n",
            file=sys.stderr,
        )


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


def metrics_table(scores: Scores, drawn: Resampling, rng: np.random.Generator, ece: float | None) -> str:
    """Exact match and F1 in percent with 95% bootstrap intervals, and by kind where both kinds are there."""
    lines = []
    for title, values in (("exact match", scores.exact), ("F1", scores.f1)):
        low, high = bootstrap_interval(100 * values, rng, clusters=drawn.clusters)
        lines.append(
            f"{title:<14}{100 * values.mean():>7.2f}   95% interval {low:.1f} to {high:.1f}, over {drawn.unit}s"
        )
    summary = scores.summary()
    if 0 < summary.get("NoAns_total", 0) < len(scores):
        for kind, words in (("HasAns", "with an answer"), ("NoAns", "without")):
            lines.append(
                f"{'':<14}{summary[f'{kind}_total']:>7,} {words}: exact match {summary[f'{kind}_exact']:.2f}, "
                f"F1 {summary[f'{kind}_f1']:.2f}"
            )
    if ece is not None:
        lines.append(f"{'ECE':<14}{ece:>7.3f}   of the confidences, as probabilities of an exact match")
    return "\n".join(lines)
