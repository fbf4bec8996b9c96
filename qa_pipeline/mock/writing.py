"""Checks mock data against the SQuAD schema and its own promises, and writes one file a split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from qa_pipeline.artifacts import write_json
from qa_pipeline.data.schema import validate
from qa_pipeline.errors import ConfigError, DataError

OUR_QUESTION = re.compile(r'"id": "[a-z][a-z0-9_]*-[0-9a-f]{20}",.*?"answer_kind": "', re.DOTALL)


def write_dataset(dataset: dict[str, dict[str, Any]], folder: Path) -> list[Path]:
    """Checks every split, then writes `folder/{split}.json`.

    Files of an earlier run are replaced; a file of the same name that this command did not write is left alone.

    Raises:
        ConfigError: the folder cannot be written, or holds such a file.
        DataError: a split breaks the SQuAD schema or the alignment invariant.
    """
    paths = {split: folder / f"{split}.json" for split in dataset}
    for split, value in dataset.items():
        validate(value, "squad", str(paths[split]))
        check_alignment(value, str(paths[split]))
    try:
        foreign = [path for path in paths.values() if path.exists() and not _is_ours(path)]
        if foreign:
            raise ConfigError(
                "command line",
                [
                    f"output_dir: {path} exists and is no mock data; move it or choose another folder"
                    for path in foreign
                ],
            )
        for split, value in dataset.items():
            write_json(paths[split], value, indent=1)
    except OSError as error:
        raise ConfigError("command line", f"output_dir: cannot write to {folder}: {error.strerror or error}") from error
    return list(paths.values())


def check_alignment(value: dict[str, Any], source: str) -> None:
    """Holds a SQuAD value against the invariant of `qa_pipeline.data.example`.

    Raises:
        DataError: an answer is not at its place, an id is used twice, or `is_impossible` contradicts the answers.
    """
    seen: set[str] = set()
    for document in value["data"]:
        for paragraph in document["paragraphs"]:
            for question in paragraph["qas"]:
                where = f'{source}, "{question["id"]}"'
                if question["id"] in seen:
                    raise DataError(f"{where}: id used twice")
                seen.add(question["id"])
                if question["is_impossible"] == bool(question["answers"]):
                    raise DataError(f"{where}: is_impossible is {question['is_impossible']}, answers say otherwise")
                for answer in (*question["answers"], *question.get("plausible_answers", [])):
                    start, text = answer["answer_start"], answer["text"]
                    found = paragraph["context"][start : start + len(text)]
                    if found != text or text != text.strip() or not text:
                        raise DataError(f'{where}: answer "{text}" is not at answer_start {start} (found "{found}")')


def _is_ours(path: Path) -> bool:
    with open(path, encoding="utf-8", errors="replace") as handle:
        return bool(OUR_QUESTION.search(handle.read(20000)))
