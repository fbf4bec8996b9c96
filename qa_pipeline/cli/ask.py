"""`qa-pipeline ask`: answers a question, many, those of a person who types them, or those of a file, and prints.

Each way of asking is one function, the main path first; what is printed is made at the end.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_pipeline.cli.ask_arguments import ASK, LoadArguments, PredictArguments, parse
from qa_pipeline.console import run_in_terminal, uses_colour
from qa_pipeline.data import DataReport, Example, is_labelled
from qa_pipeline.data.example import fingerprint
from qa_pipeline.documents.reading import Document, read_documents
from qa_pipeline.errors import ConfigError, QAError
from qa_pipeline.metrics import Resampling, Scores, bootstrap_interval, calibration_error, resampling_of, score_rows
from qa_pipeline.predictor.documents import DocumentAnswer, Reply
from qa_pipeline.predictor.question_files import ScoredAnswers, answer_file, check_output
from qa_pipeline.predictor.question_lists import DataQuestions, QuestionList, read_data, read_questions
from qa_pipeline.text.words import sentence_around
from qa_pipeline.wording import counted, plain

if TYPE_CHECKING:
    from qa_pipeline.predictor import QAPredictor

_ENDS = ("exit", "quit", ":q")
LEAST_SURE = 0.05
"""Where no answer has this confidence, a model has learned too little, or was asked the wrong texts."""
UNSURE = (
    f"no answer has a confidence of {LEAST_SURE:g} or more. The model has learned little (its run folder says how it "
    "scored), or the texts do not hold the answers"
)
_DATA_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def main(argv: list[str]) -> int:
    """Asks what the command line or configuration file says.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv, ASK)
    return run_in_terminal(lambda: run(arguments))


def run(arguments: PredictArguments) -> int:
    """Asks in the way that the settings say."""
    ways = {"ask": ask, "interactive": ask_repeatedly, "predict": answer_data, "list": answer_list}
    return ways[arguments.command](arguments)


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


def answer_data(arguments: PredictArguments) -> int:
    """Answers the questions of a data set, writes them where asked, and prints the scores if it has answers."""
    check_output(arguments.output)
    data = read_labelled(arguments, require_answers=False)
    labelled = [example for example in data.examples if is_labelled(example)]
    if not labelled and not arguments.output:
        raise ConfigError(
            "command line", f"--output: is required, since {data.report.source} has no answers to score with"
        )
    predictor = load_predictor(str(arguments.model), arguments)
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
    documents = read_contexts(arguments)
    predictor = load_predictor(str(arguments.model), arguments)
    if arguments.output is None:
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


def load_predictor(name: str, arguments: LoadArguments, *, allow_new_head: bool = False) -> QAPredictor:
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
    sure = arguments.min_confidence is not None  # else he has said himself what is too little
    for number, question in enumerate(questions):
        if len(questions) > 1 and not arguments.json:
            print(*[""] * bool(number), f"? {shown(question)}", sep="\n")
        sure |= print_reply(predictor, question, documents, arguments)
    if not sure:
        print(f"note: {UNSURE}", file=sys.stderr)


def print_reply(predictor: QAPredictor, question: str, documents: list[Document], arguments: PredictArguments) -> bool:
    """Asks and prints, as text or as one line of JSON; whether the model is sure of anything that it said."""
    reply = predictor.ask(
        question,
        documents,
        top_k=arguments.top_k,
        all_answers=arguments.all_answers,
        min_confidence=arguments.min_confidence,
    )
    if arguments.json:
        # Where letters would be lost on the way, a program still gets every character.
        whole = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
        print(json.dumps(reply_dict(reply), ensure_ascii=not whole))
    else:
        print(reply_text(reply, colour=uses_colour(sys.stdout), several=len(documents) > 1))
    return max(reply.confidence, reply.no_answer_confidence) >= LEAST_SURE


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


# What is printed of answers: plain data in, text out

BOLD, DIM, MARKED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;30;43m", "\x1b[0m"


def reply_text(reply: Reply, *, colour: bool, several: bool) -> str:
    """The answers to one question, each with its confidence, where it is, and the sentence around it.

    Where no answer is likelier than the best of them, that is said first, and they are called guesses.

    Args:
        reply: what was found.
        colour: mark with colours, else with [[ ]].
        several: more than one document was asked, so that each answer says where it comes from.
    """
    spans, unlikely = reply.spans, reply.none_likelier
    blocks = [
        (f"{rank}. " if len(spans) > 1 else "") + _one(found, guess=unlikely, colour=colour, several=several)
        for rank, found in enumerate(spans, 1)
    ]
    if not unlikely:
        return "\n\n".join(blocks) or _style("no answer of enough confidence", BOLD, colour)
    line = f"{_style('no answer', BOLD, colour)} in {'these texts' if several else 'this text'}"
    # The threshold of a model may decide for silence where silence is not likely: its number would say the opposite.
    sure = reply.no_answer_confidence > 0.5
    line += f" ({reply.no_answer_confidence:.2f})" if sure else " is sure enough"
    if len(blocks) == 1:
        return f"{line}; best guess: {blocks[0]}"
    return "\n\n".join([f"{line}; best guesses:", *blocks]) if blocks else line


def _one(found: DocumentAnswer, *, guess: bool, colour: bool, several: bool) -> str:
    sure = f" ({found.confidence:.2f})" if guess else f"  (confidence {found.confidence:.2f})"
    line = _style(shown(found.text), BOLD, colour) + sure
    if several or found.page is not None:
        line += f"  {_style(reply_source(found), DIM, colour)}"
    return f"{line}\n    {marked_sentence(found, colour=colour)}"


def reply_source(found: DocumentAnswer) -> str:
    """The document's name, and the page where that is known."""
    name = found.document.source if found.document else "the context"
    return f"{shown(name)}, page {found.page}" if found.page is not None else shown(name)


def marked_sentence(found: DocumentAnswer, *, colour: bool) -> str:
    """The sentence around an answer on one line, with the answer marked and dots where it was cut."""
    text, start, end = found.context, found.start or 0, found.end or 0
    low, high = sentence_around(text, start, end)
    opening, closing = (MARKED, PLAIN) if colour else ("[[", "]]")
    before = shown(text[low:start], strip="left")
    after = shown(text[end:high], strip="right")
    dots_before = "" if _BEGINS.search(text[max(0, low - 20) : low]) or not text[:low].strip() else "... "
    dots_after = (
        "" if _IS_OVER.search(text[max(0, high - 3) : high]) or _STOPS.match(text[high : high + 20]) else " ..."
    )
    return f"{dots_before}{before}{opening}{shown(text[start:end])}{closing}{after}{dots_after}"


# Nothing was cut off where a sentence or a paragraph begins or ends.
_BEGINS = re.compile(r"""(?:[.!?…؟۔।。！？][)\]"'”’»」』）]*\s*|\n\s*\n\s*)$""")
_IS_OVER = re.compile(r"""[.!?…؟۔।。！？][)\]"'”’»」』）]*$""")
_STOPS = re.compile(r"\s*(?:\n\s*\n|$)")


# A rule between the head of a table and its rows, a bar between two cells, a bar at the edge of a cell.
_BARS = re.compile(r"(?<!\S)[|:-]*\|[|:-]*(?!\S)|(?<!\S)\|+|\|+(?!\S)")


def shown(text: str, strip: str = "both") -> str:
    """Text on one line, without control characters and the bars of tables: white space becomes one space."""
    text = plain(re.sub(r"\s", " ", text))
    text = re.sub(r"\s+", " ", _BARS.sub(" ", text) if "|" in text else text)
    return text.strip() if strip == "both" else text.lstrip() if strip == "left" else text.rstrip()


def _style(text: str, code: str, colour: bool) -> str:
    return f"{code}{text}{PLAIN}" if colour else text


def reply_dict(reply: Reply) -> dict[str, Any]:
    """The same for a program: positions are characters of the document's text, end exclusive; null for no answer."""
    answers = []
    for found in reply.answers:
        row: dict[str, Any] = {
            "text": found.text,
            "start": found.start,
            "end": found.end,
            "confidence": round(found.confidence, 6),
        }
        if found.document is not None:
            row["source"] = found.document.source
        if found.page is not None:
            row["page"] = found.page
        if found.start is not None and found.end is not None:
            low, high = sentence_around(found.context, found.start, found.end)
            row["sentence"] = found.context[low:high]
        answers.append(row)
    return {
        "question": reply.question,
        "no_answer_confidence": round(reply.no_answer_confidence, 6),
        "answers": answers,
    }


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
