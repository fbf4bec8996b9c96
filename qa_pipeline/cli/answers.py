"""Answers the questions of a file, writes the answers where asked, and prints what they score.

Each way of answering a file is one function; the question of a person is `ask`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qa_pipeline.cli import loading
from qa_pipeline.cli.ask_arguments import PredictArguments
from qa_pipeline.cli.scores import print_gold_scores, print_scores
from qa_pipeline.data import DataReport, is_labelled
from qa_pipeline.documents.reading import Document
from qa_pipeline.errors import ConfigError
from qa_pipeline.predictor.files.answering import answer_file, check_output
from qa_pipeline.predictor.files.gold import GoldTable, gold_of, library_of
from qa_pipeline.predictor.files.question_lists import DataQuestions, QuestionList, read_data, read_questions
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.retrieval.hits import PassageIndex


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
    questions = read_question_list(arguments)
    documents = loading.open_documents(arguments)
    gold = read_gold(questions, documents)
    predictor = loading.load_predictor(str(arguments.model), arguments)
    if arguments.output is None and (not gold.rows or _asks_for_answers(arguments)):
        from qa_pipeline.cli.ask import print_replies  # here: `ask` knows this module

        print_replies(predictor, [row["question"] for row in questions.rows], documents, arguments)
        if gold.rows:
            print("note: scores are printed without --json, --top_k, --all and --min_confidence", file=sys.stderr)
        return say_left_out(questions)
    asking = {"num_passages": arguments.most_passages}
    done = answer_file(predictor, questions, arguments.output, documents=documents, asking=asking, gold=gold)
    for file in done.files:
        print(f"written: {file}")
    count = len(documents) if isinstance(documents, list) else len(documents.names())
    print(f"{counted(done.computed, 'question')} on {counted(count, 'text')} in {done.seconds:.1f} s")
    if gold.rows:
        print_gold_scores(predictor, done, arguments)
    if arguments.output is None:
        print("--output FILE.csv writes the answers", file=sys.stderr)
    return say_left_out(questions)


def _asks_for_answers(arguments: PredictArguments) -> bool:
    """Whether the settings say how answers are to be printed."""
    return arguments.json or arguments.all or arguments.top_k > 1 or arguments.min_confidence is not None


def read_gold(questions: QuestionList, documents: Sequence[Document] | PassageIndex) -> GoldTable:
    """What the rows say is right; says on stderr where it was read, and what can be no answer of any model."""
    gold = gold_of(questions, library_of(documents))
    if questions.gold is not None and gold.rows:
        where = f"right answers in {', '.join(questions.gold.answers)}"
        where += f", their documents in {questions.gold.document}" if gold.with_document else ""
        print(plain(f"{questions.source}: {where}"), file=sys.stderr)
    for note in gold.notes:
        print(plain(f"{questions.source}: {note}"), file=sys.stderr)
    return gold


def read_question_list(arguments: PredictArguments) -> QuestionList:
    """Questions that are asked on documents; says on stderr where they were found."""
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
    return questions


def say_left_out(questions: QuestionList) -> int:
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
