"""`qa-pipeline verify ANSWERS.jsonl --documents DIR`: verifies quotations, and fails where one is not found."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from qa_pipeline import artifacts
from qa_pipeline.arguments.help import PRECEDENCE, help_text
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting
from qa_pipeline.cli.ask_arguments import LoadArguments
from qa_pipeline.cli.loading import load_predictor
from qa_pipeline.console import run_in_terminal
from qa_pipeline.documents.reading import KINDS
from qa_pipeline.predictor.files.answer_files import check_target
from qa_pipeline.quotes.check import NOT_FOUND, REPAIRED, VERBATIM
from qa_pipeline.quotes.claims import EVIDENCE, NO_EVIDENCE, find_evidence
from qa_pipeline.quotes.rows import BAD_ROW, QuoteRow, read_quote_rows
from qa_pipeline.quotes.sources import QuoteSources
from qa_pipeline.quotes.verifying import MIN_SIMILARITY, verify
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.wording import counted, plain, short

PROGRAM = "qa-pipeline verify"


@dataclass
class VerifyArguments:
    """What is verified, and against what."""

    _argument_group_name: ClassVar[str] = "what to verify"

    answers: str | None = setting(
        None,
        'JSON lines, each with "quote", "quotes" (a list) or "claim", and "source" and "id" where they are known. '
        "It may stand first.",
    )
    documents: list[str] | str | None = setting(
        None, f"What the quotations are from: files ({KINDS}), or folders of them."
    )
    output: str | None = setting(None, "Where the checks go, as JSON lines; None: to standard output with json.")
    json: bool = setting(False, "Print the checks as JSON lines, and the summary on standard error.")
    min_similarity: float = setting(
        MIN_SIMILARITY, "What small edits must leave alike; 1 allows none.", least=0, most=1
    )
    fail_on: Literal["not_found", "misattributed", "repaired"] = setting(
        "not_found",
        "What ends in exit code 1: a quotation that is not found; or also one that is in another document than was "
        "said; or also one that is not verbatim.",
    )
    model: str | None = setting(
        None, "Reads the evidence of claims; None: the sentence that shares most of a claim's words is given."
    )
    encoding: str | None = setting(None, "Of documents that are text or HTML (gbk, cp1251 ...); None: found out.")


GROUPS = (VerifyArguments, LoadArguments)


@dataclass
class AllVerifyArguments(LoadArguments, VerifyArguments):
    """Everything that the command needs to know; checked when it comes from `parse`."""

    @property
    def folders(self) -> list[str]:
        """Files and folders that quotations are looked for in."""
        return [self.documents] if isinstance(self.documents, str) else list(self.documents or ())


def main(argv: list[str]) -> int:
    """Verifies what the command line or configuration file says.

    Returns:
        0: all is found; 1: something is not (see fail_on); 2: a row cannot be used.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv)
    return run_in_terminal(lambda: run(arguments))


def parse(argv: list[str]) -> AllVerifyArguments:
    """Resolves `[ANSWERS.jsonl|CONFIG.yaml] [--key value ...]`; with -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found.
    """
    if "-h" in argv or "--help" in argv:
        usage = f"{PROGRAM} ANSWERS.jsonl --documents DIR [--output CHECKS.jsonl] [--key value ...]"
        description = f"Verifies that quoted words stand in documents. {PRECEDENCE}"
        epilog = "Exit codes: 0 all found, 1 something is not found, 2 a row or setting cannot be used."
        print(help_text(GROUPS, usage=usage, description=description, epilog=epilog), end="")
        raise SystemExit(0)
    if argv and not argv[0].startswith("-") and not argv[0].lower().endswith((".json", ".yaml", ".yml")):
        argv = ["--answers", *argv]
    resolution = Resolution.read(argv, GROUPS)
    resolution.check_declared()
    values = resolution.make(AllVerifyArguments)
    _check_files(values, resolution)
    if values.encoding is not None and (fault := encoding_fault(values.encoding)):
        resolution.report_at("encoding", fault)
    resolution.raise_problems()
    return values


def _check_files(values: AllVerifyArguments, resolution: Resolution) -> None:
    """Reports files that are missing, and an output that cannot be one."""
    if not values.answers:
        resolution.report_at("answers", "is required; give a file of JSON lines")
    if not values.folders:
        resolution.report_at("documents", "is required; give the files or folders that quotations are from")
    given = [("answers", path) for path in filter(None, [values.answers])] + [("documents", p) for p in values.folders]
    for name, path in given:
        if not os.path.exists(path):
            resolution.report_at(name, f"no such file: {path} (relative paths start at {os.getcwd()})")
    output = values.output
    if output and os.path.isdir(output):
        resolution.report_at("output", f"{output} is a folder; give the name of a file")
    elif output and any(os.path.exists(path) and _same(output, path) for _, path in given):
        resolution.report_at("output", f"{output} is read by this command; give another name")


def _same(output: str, path: str) -> bool:
    return os.path.exists(output) and os.path.samefile(output, path)


def run(arguments: AllVerifyArguments) -> int:
    """Verifies all rows, writes the checks and prints the summary."""
    check_target(arguments.output)
    rows = read_quote_rows(str(arguments.answers))
    sources = _read_sources(arguments)
    predictor = None
    if arguments.model and any(row.claim is not None for row in rows):
        predictor = load_predictor(arguments.model, arguments)
    checks = [_checked(row, sources, predictor, arguments.min_similarity) for row in rows]
    if arguments.output:
        with artifacts.writing(arguments.output):
            artifacts.write_text(arguments.output, "".join(map(_line, checks)))
    if arguments.json:
        for check in checks:
            print(_line(check), end="")
    stream = sys.stderr if arguments.json else sys.stdout
    for line in summary(checks, len(sources), reader=predictor is not None):
        print(plain(line), file=stream)
    if arguments.output:
        print(f"written: {arguments.output}", file=stream)
    return exit_code(checks, arguments.fail_on)


def _read_sources(arguments: AllVerifyArguments) -> QuoteSources:
    from pathlib import Path

    return QuoteSources.of(list(map(Path, arguments.folders)), arguments.encoding)


def _checked(row: QuoteRow, sources: QuoteSources, predictor: Any, least: float) -> dict[str, Any]:
    """One row of the output."""
    head: dict[str, Any] = {"id": row.id} | ({} if row.part is None else {"part": row.part})
    if row.source is not None:
        head["source"] = row.source
    if row.quote is not None:
        return head | verify(row.quote, sources, source=row.source, min_similarity=least).as_row()
    if row.claim is not None:
        return head | find_evidence(row.claim, sources, source=row.source, predictor=predictor).as_row()
    return head | {"status": BAD_ROW, "error": row.error}


def _line(check: dict[str, Any]) -> str:
    return json.dumps(check, ensure_ascii=False) + "\n"


def exit_code(checks: Sequence[dict[str, Any]], fail_on: str = "not_found") -> int:
    """2 where a row could not be used, 1 where one fails, else 0."""
    if any(check["status"] == BAD_ROW for check in checks):
        return 2
    failing = {NOT_FOUND} | ({REPAIRED} if fail_on == "repaired" else set())
    elsewhere = fail_on != "not_found"
    return int(any(check["status"] in failing or elsewhere and check.get("misattributed") for check in checks))


def summary(checks: Sequence[dict[str, Any]], documents: int, reader: bool) -> list[str]:
    """Each failure with its nearest place and what differs, then the counts."""
    lines: list[str] = []
    for check in checks:
        lines += _failure(check)
    counts = Counter(check["status"] for check in checks)
    quotes = sum(counts[status] for status in (VERBATIM, REPAIRED, NOT_FOUND))
    if quotes or not counts[EVIDENCE] + counts[NO_EVIDENCE]:
        said = ", ".join(f"{counts[status]:,} {status.replace('_', ' ')}" for status in (VERBATIM, REPAIRED, NOT_FOUND))
        lines.append(f"{counted(quotes, 'quotation')} against {counted(documents, 'document')}: {said}")
    repairs = Counter(kind for check in checks for kind in check.get("repair", ()))
    if repairs:
        lines.append(
            "repairs: " + ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in repairs.most_common())
        )
    if elsewhere := sum(bool(check.get("misattributed")) for check in checks):
        lines.append(f"{elsewhere:,} found in another document than was said")
    if claims := counts[EVIDENCE] + counts[NO_EVIDENCE]:
        how = "the reader's best evidence" if reader else "the nearest sentence by words only, for want of a --model,"
        lines.append(f"{counted(claims, 'claim')}: {how} is given; whether it holds is not judged")
    if counts[BAD_ROW]:
        lines.append(f"{counted(counts[BAD_ROW], 'row')} could not be used")
    return lines


def _failure(check: dict[str, Any]) -> list[str]:
    name = check["id"] + (f", quote {check['part']}" if "part" in check else "")
    if check["status"] == BAD_ROW:
        return [f"{name}: {check['error']}"]
    if check.get("misattributed"):
        return [f'{name}: said to be from {check["source"]}, stands in {_place(check)}: "{short(check["quote"])}"']
    if check["status"] != NOT_FOUND:
        return []
    lines = [f'{name}: not found: "{short(check["quote"], 160)}"']
    nearest = check.get("nearest")
    if nearest:
        lines.append(f'    nearest, {_place(nearest)}: "{short(" ".join((nearest.get("text") or "").split()), 160)}"')
        lines += [f"    {_said(one)}" for one in nearest["differs"][:5]] or ["    not similar enough"]
    else:
        lines.append("    nothing in the documents is near")
    if check.get("note"):
        lines.append(f"    {check['note']}")
    return lines


def _said(difference: dict[str, str]) -> str:
    from qa_pipeline.quotes.check import QuoteDifference

    return short(str(QuoteDifference(**difference)), 200)


def _place(place: dict[str, Any]) -> str:
    page = f", page {place['page']}" if place.get("page") else ""
    return f"{place['document']}{page}, characters {place['start']:,} to {place['end']:,}"
