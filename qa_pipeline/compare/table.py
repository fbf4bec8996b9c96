"""The comparison as plain text for a terminal: the verdict, then scores, differences, confidence and cost."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from qa_pipeline.compare.results import COLUMN, Comparison, Difference, Score
from qa_pipeline.compare.verdict import p_words, read_words, verdict

_WIDTH = 100
_LABEL = 32  # characters; longer labels keep their end, which tells models of one run apart

TITLES = {
    "question_word": "question word",
    "answer_length": "words in the reference answer",
    "answerable": "whether the text has the answer",
    "context_length": "characters of the context",
}
"""Breakdown -> what its groups are."""

KINDS = {"HasAns": "with an answer", "NoAns": "without an answer"}
"""Names of the two kinds of questions in words."""


def comparison_table(comparison: Comparison) -> str:
    """The whole comparison but its examples, at most 100 characters wide for up to three models."""
    words = verdict(comparison)
    models = comparison.models
    labels = [_end_of(model.label) for model in models]
    lines = [*textwrap.wrap(words.plain(words.headline, comparison), _WIDTH), "", _about(comparison), ""]

    kinds = [kind for kind in KINDS if all(kind in model.kinds for model in models)]
    header = ["", "exact match", "F1", *(f"F1 {KINDS[kind]}" for kind in kinds)]
    lines += _grid(
        header,
        [
            [label, _score(m.exact_match), _score(m.f1), *(f"{m.kinds[kind]['f1']:.1f}" for kind in kinds)]
            for label, m in zip(labels, models, strict=True)
        ],
    )
    lines += ["", *_grid(["difference", "exact match", "F1"], _differences(comparison, labels))]
    if comparison.folder is not None and comparison.folder.scored_on:
        lines += ["", *_grid(["right document", "first", "among three"], _documents(comparison, labels))]
    lines += ["", *_grid(["question by question", "won", "lost", "tied", "changed"], _outcomes(comparison, labels))]
    header = ["", "ECE", "AURC", "temperature", "threshold", "parameters", "MB", "questions/s", "p50 ms", "p95 ms"]
    lines += ["", *_grid(header, [_costs(comparison, place, label) for place, label in enumerate(labels)])]
    for name, groups in comparison.breakdowns.items():
        if len(groups) > 1:
            rows = [
                [_group(name, group), f"{row['total']:,}", *(f"{value:.1f}" for value in row["f1"])]
                for group, row in groups.items()
            ]
            lines += ["", *_grid([f"F1 by {TITLES.get(name, name)}", "questions", *labels], rows)]
    if words.cautions:
        lines.append("")
        for caution in words.cautions:
            lines += textwrap.wrap(
                words.plain(caution, comparison), _WIDTH, initial_indent="! ", subsequent_indent="  "
            )
    return "\n".join(line.rstrip() for line in lines)


def _about(comparison: Comparison) -> str:
    source = f" of {comparison.source}" if comparison.source else ""
    silent = comparison.num_unanswerable
    unanswerable = f", {silent:,} without an answer" if silent else ""
    folder = comparison.folder
    on = f"{len(comparison.contexts):,} contexts{unanswerable}" if folder is None else f"on {read_words(folder)}"
    return (
        f"{comparison.num_questions:,} questions{source}{unanswerable if folder else ''}, {on}\n"
        f"in brackets 95% bootstrap intervals over {comparison.num_resampled:,} {comparison.resampled}s"
    )


def _documents(comparison: Comparison, labels: Sequence[str]) -> list[list[str]]:
    """Right document@1 and @3 of the models, of the search alone, and how models differ."""
    rows = [
        [label, *map(_score, model.right_document.values())]
        for label, model in zip(labels, comparison.models, strict=True)
    ]
    if comparison.folder is not None and comparison.folder.search:
        rows.append(["(the search alone)", *map(_score, comparison.folder.search.values())])
    rows += [
        [f"{labels[pair.model]} - {labels[pair.against]}", *map(_difference, pair.right_document.values())]
        for pair in comparison.pairs
    ]
    return rows


def _differences(comparison: Comparison, labels: Sequence[str]) -> list[list[str]]:
    return [
        [f"{labels[pair.model]} - {labels[pair.against]}", _difference(pair.exact_match), _difference(pair.f1)]
        for pair in comparison.pairs
    ]


def _outcomes(comparison: Comparison, labels: Sequence[str]) -> list[list[str]]:
    return [
        [
            f"{labels[pair.model]} against {labels[pair.against]}",
            *(f"{count:,}" for count in (pair.wins, pair.losses, pair.ties, pair.changed)),
        ]
        for pair in comparison.pairs
    ]


def _costs(comparison: Comparison, place: int, label: str) -> list[str]:
    model = comparison.models[place]
    threshold = model.null_score_diff_threshold
    return [
        label,
        f"{model.ece:.3f}",
        f"{model.aurc:.3f}",
        f"{model.temperature:.2f}",
        "-" if threshold is None else f"{threshold:+.2f}",
        parameters_words(model.num_parameters),
        f"{model.size_mb:,.0f}",
        f"{model.questions_per_second:,.1f}",
        *("-" if value is None else f"{value:.1f}" for value in (model.latency_p50_ms, model.latency_p95_ms)),
    ]


def parameters_words(count: int) -> str:
    """A count for people: 22.7M, 1.2B, 8,514."""
    for size, unit in ((1e9, "B"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return f"{count:,}"


def _score(score: Score) -> str:
    return f"{score.value:.1f} ({score.low:.1f} to {score.high:.1f})"


def _difference(found: Difference) -> str:
    return f"{found.difference:+.1f} ({found.low:+.1f} to {found.high:+.1f}) {p_words(found.p_value)}"


def _group(breakdown: str, group: str) -> str:
    """A group in words; a value of a column as it is, but not longer than a label."""
    if not breakdown.startswith(COLUMN):
        return KINDS.get(group, group)
    return group if len(group) <= _LABEL else group[: _LABEL - 3] + "..."


def _end_of(label: str) -> str:
    return label if len(label) <= _LABEL else "..." + label[3 - _LABEL :]


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, *rows)
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
