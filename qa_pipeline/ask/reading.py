"""Reads what the arguments name: texts that are asked, and the questions of data. Says on stderr how they were read."""

from __future__ import annotations

import json
import sys
from typing import Any

from qa_pipeline.ask.arguments import PredictArguments
from qa_pipeline.ask.question_lists import lacks_contexts
from qa_pipeline.data import DataReport, Example, load_examples
from qa_pipeline.documents.reading import Document, read_documents
from qa_pipeline.errors import DataError
from qa_pipeline.wording import plain

_DATA_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def read_contexts(arguments: PredictArguments) -> list[Document]:
    """What is asked: the context of the command line (its source is ""), or documents."""
    if arguments.context is not None:
        return [Document(arguments.context, "")]
    for name in arguments.context_files:
        if name.lower().endswith(_DATA_ENDINGS):
            print(
                f"{name}: read as plain text, not as rows; questions and contexts in rows go to --data", file=sys.stderr
            )
    return list(read_documents(arguments.context_files, skip_bad=True, encoding=arguments.encoding))


def read_data(arguments: PredictArguments, *, require_answers: bool) -> tuple[list[Example], list[Example], DataReport]:
    """The questions to ask, all questions of the data, and the report on it; prints what was dropped."""
    where: dict[str, Any] = {
        "split": arguments.split,
        "dataset_config_name": arguments.dataset_config_name,
        "cache_dir": arguments.cache_dir,
        "token": arguments.token,
    }
    try:
        everything, report = load_examples(
            str(arguments.data),
            field_mapping=arguments.field_mapping,
            on_bad_data=arguments.on_bad_data,
            max_bad_fraction=arguments.max_bad_fraction,
            require_answers=require_answers,
            keep_columns=arguments.command == "compare",
            **where,
        )
    except DataError as error:
        if require_answers or arguments.field_mapping is not None or not lacks_contexts(str(arguments.data), **where):
            raise
        raise DataError(
            f"{arguments.data}: holds questions without texts; give the documents to ask as "
            "--context_file FILE_OR_FOLDER"
        ) from error
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
    return everything[: arguments.max_eval_samples], everything, report
