"""The numbers of a search as charts: scores on each rung, rungs against each other, the comparison, the tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_pipeline.compare import drawing, page
from qa_pipeline.compare.page_parts import facts_list, get, rows_of, words
from qa_pipeline.compare.verdict import p_words
from qa_pipeline.optimisation.evaluations import RUNG_NAMES
from qa_pipeline.optimisation.page_tree import TriedPrompt, name_in_short
from qa_pipeline.optimisation.search import FEWEST_TO_RANK
from qa_pipeline.wording import counted, plain

MOST_DRAWN = 10
"""Prompts in the chart of a rung; all are in the numbers."""
UNITS = ("accepted rows for 1,000 tokens", "worth of the questions asked for, %", "F1, %")
"""Of the scores of the rungs."""
LEADS = (
    "How many rows the filters accept for what they cost.",
    "How much of the answers a frozen reader finds again, less what questions lose that repeat the words of their "
    "sentence.",
    "How well small readers that are trained on the rows answer the questions of people.",
)
_OTHER = 1
"""Colour and shape of prompts that are neither the baseline nor the best."""


def rungs_charts(tried: Sequence[TriedPrompt]) -> str:
    """A panel for each rung: its best prompts and the baseline, with intervals."""
    charts = []
    for rung, name in enumerate(RUNG_NAMES):
        there = sorted((one for one in tried if rung in one.scores), key=lambda one: -one.scores[rung]["score"])
        if not there:
            continue
        shown = [one for place, one in enumerate(there) if place < MOST_DRAWN or one.is_baseline or one.is_leader]
        left = len(there) - len(shown)
        note = LEADS[rung] + (f" {len(shown)} of {len(there)} are drawn." if left else "")
        charts.append(page.panel(name[:1].upper() + name[1:], _rung_chart(shown, rung), note))
    return page.panels(charts)


def _rung_chart(shown: Sequence[TriedPrompt], rung: int) -> str:
    rows = [one.scores[rung] for one in shown]
    low, high = min(0.0, *(row["low"] for row in rows)), max(row["high"] for row in rows)
    plot = drawing.IntervalRows(UNITS[rung], drawing.ticks(low, high, least=1.0), len(rows))
    for place, (one, row) in enumerate(zip(shown, rows, strict=True)):
        mark = 0 if one.is_baseline else one.place if one.is_leader else _OTHER
        y = plot.label(place, name_in_short(one), f"{row['score']:.1f}")
        plot.interval(mark, y, row["score"], row["low"], row["high"])
    said = "; ".join(
        f"{name_in_short(one)} {row['score']:.1f}, interval {row['low']:.1f} to {row['high']:.1f}"
        for one, row in zip(shown, rows, strict=True)
    )
    return plot.svg(f"{RUNG_NAMES[rung]}: {said}")


def correlations_charts(tried: Sequence[TriedPrompt], correlations: Sequence[Mapping[str, Any]]) -> str:
    """Each two neighbouring rungs against each other, with the rank correlation where it was computed."""
    known = {tuple(one["rungs"]): one for one in correlations}
    charts = []
    for lower, upper in ((0, 1), (1, 2)):
        both = [one for one in tried if lower in one.scores and upper in one.scores]
        if not both:
            continue
        found = known.get((lower, upper))
        if found is not None:
            figure = f"{found['spearman']:.2f}".replace("-", "\N{MINUS SIGN}")
            prompts = counted(found.get("candidates", len(both)), "prompt")
            note = f"Spearman\N{RIGHT SINGLE QUOTATION MARK}s rank correlation {figure}, over {prompts}."
        elif len(both) < FEWEST_TO_RANK:
            note = f"{counted(len(both), 'prompt')} climbed both: too few for a rank correlation."
        else:
            note = "One of the rungs tells the prompts not apart: there is no rank correlation."
        title = f"{RUNG_NAMES[lower]} and {RUNG_NAMES[upper]}"
        charts.append(page.panel(title[:1].upper() + title[1:], _scatter(both, lower, upper), note))
    return page.panels(charts) if charts else ""


def _scatter(both: Sequence[TriedPrompt], lower: int, upper: int) -> str:
    left, right, top, bottom = 40.0, 330.0, 26.0, 216.0
    across = [one.scores[lower]["score"] for one in both]
    up = [one.scores[upper]["score"] for one in both]
    x_ticks, y_ticks = (drawing.ticks(min(values), max(values), least=1.0) for values in (across, up))
    x, y = drawing.Scale(x_ticks, left + 8, right), drawing.Scale(y_ticks, bottom - 8, top)
    parts = [drawing.text(0, 12, f"{RUNG_NAMES[upper]} ({UNITS[upper]})", "axis")]
    for tick in x_ticks:
        parts.append(drawing.line(x(tick), top, x(tick), bottom, "grid"))
        parts.append(drawing.text(x(tick), bottom + 16, drawing.number(tick), "axis", "middle"))
    for tick in y_ticks:
        parts.append(drawing.line(left, y(tick), right, y(tick), "grid"))
        parts.append(drawing.text(left - 7, y(tick) + 4, drawing.number(tick), "axis", "end"))
    parts.append(
        drawing.text((left + right) / 2, bottom + 35, f"{RUNG_NAMES[lower]} ({UNITS[lower]})", "axis", "middle")
    )
    for one in sorted(both, key=lambda one: (one.is_leader, one.is_baseline)):
        mark = 0 if one.is_baseline else one.place if one.is_leader else _OTHER
        parts.append(drawing.marker(mark, x(one.scores[lower]["score"]), y(one.scores[upper]["score"])))
    said = "; ".join(
        f"{name_in_short(one)} {one.scores[lower]['score']:.1f} and {one.scores[upper]['score']:.1f}" for one in both
    )
    return drawing.svg(bottom + 42, parts, f"{RUNG_NAMES[lower]} and {RUNG_NAMES[upper]}: {said}")


def comparison_charts(rows: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> str:
    """The final comparison: F1 of each contender, differences to the baseline, and the numbers.

    Args:
        rows: of the table `comparison_results`.
        report: says what each contender is, and which difference is a gain.
    """
    means = [row for row in rows if row["seed"] is None]
    if not means:
        return ""
    about = {one["name"]: one for one in rows_of(report, "comparison")}
    charts = []
    scored = [row for row in means if row["f1"] is not None]
    if scored:
        charts.append(page.panel("F1 on the test questions", _f1_chart(scored), "Mean over seeds, with 95% intervals."))
    against = [row for row in means if row["difference"] is not None]
    if against:
        unit = "F1, points" if scored else "points of the round trip"
        note = "An interval across 0 means: cannot be told."
        charts.append(page.panel("Difference to the baseline", _differences_chart(against, means, unit), note))
    return page.panels(charts) + _comparison_table(rows, means, about)


def _f1_chart(rows: Sequence[Mapping[str, Any]]) -> str:
    ticks = drawing.ticks(0.0, max(row["high"] for row in rows))
    plot = drawing.IntervalRows("F1, %", ticks, len(rows))
    for place, row in enumerate(rows):
        y = plot.label(place, str(row["name"]), f"{row['f1']:.1f}%")
        plot.interval(place, y, row["f1"], row["low"], row["high"])
    said = "; ".join(f"{row['name']} {row['f1']:.1f}, interval {row['low']:.1f} to {row['high']:.1f}" for row in rows)
    return plot.svg(f"F1 on the test questions: {said}")


def _differences_chart(against: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]], unit: str) -> str:
    """One row for each difference; colours as in the chart of all contenders."""
    places = {row["name"]: place for place, row in enumerate(means)}
    low = min(0.0, *(row["difference_low"] for row in against))
    high = max(0.0, *(row["difference_high"] for row in against))
    plot = drawing.IntervalRows(unit, drawing.ticks(low, high, least=2.0), len(against))
    plot.zero(len(against))
    for place, row in enumerate(against):
        y = plot.label(place, f"{row['name']} \N{MINUS SIGN} {means[0]['name']}", drawing.signed(row["difference"]))
        plot.interval(places[row["name"]], y, row["difference"], row["difference_low"], row["difference_high"])
    said = "; ".join(
        f"{row['name']} {row['difference']:+.1f}, interval "
        f"{row['difference_low']:+.1f} to {row['difference_high']:+.1f}"
        for row in against
    )
    return plot.svg(f"Difference to {means[0]['name']}: {said}")


def _comparison_table(
    rows: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]], about: Mapping[str, Mapping[str, Any]]
) -> str:
    shown = []
    for row in means:
        name = row["name"]
        seeds = [_one(one["f1"]) for one in rows if one["name"] == name and one["seed"] is not None]
        cells = [name, _one(row["f1"]), _interval(row["low"], row["high"]), *_difference_cells(row, get(about, name))]
        cells += [_one(row["em"]), _whole(row["rows"]), _whole(row["tokens"]), ", ".join(seeds)]
        shown.append([plain(cell) for cell in [*cells, str(get(about, name, "what", default=""))]])
    header = [
        "",
        "F1",
        "95%",
        "difference",
        "95%",
        "p",
        "",
        "exact match",
        "rows",
        "tokens",
        "F1 of each seed",
        "what it is",
    ]
    return page.table(header, shown)


def _difference_cells(row: Mapping[str, Any], about: Mapping[str, Any] | None) -> list[str]:
    """The difference to the baseline, its interval, its p value, and whether it is a gain."""
    if row["difference"] is None:
        return ["", "", "", ""]
    gain = get(about, "is_gain")
    verdict = "" if gain is None else "a gain" if gain else "no gain"
    p_value = "" if row["p_value"] is None else p_words(row["p_value"])
    interval = _interval(row["difference_low"], row["difference_high"], is_signed=True)
    return [drawing.signed(row["difference"]), interval, p_value, verdict]


def tokens_chart(report: Mapping[str, Any]) -> str:
    """What the tokens of the search went into, and what the server counted of all that may be used."""
    tokens = get(report, "tokens", default={})
    parts = {
        **{RUNG_NAMES[rung]: float(tokens.get(f"rung_{rung}") or 0) for rung in range(len(RUNG_NAMES))},
        "proposals of a language model": float(tokens.get("proposals") or 0),
    }
    parts = {name: value for name, value in parts.items() if value}
    server = get(tokens, "server", default={})
    used = (server.get("prompt_tokens") or 0) + (server.get("completion_tokens") or 0)
    planned, most = tokens.get("planned"), tokens.get("max_tokens")
    facts = facts_list(
        {
            "The search used": f"{tokens.get('search', 0):,}"
            + (f" of {planned:,} that it may plan with" if planned else ""),
            "Counted by the server": f"{used:,}" + (f" of {most:,} (max_tokens), {used / most:.0%}" if most else ""),
            "Read and written": f"{server.get('prompt_tokens') or 0:,} and {server.get('completion_tokens') or 0:,}",
            "Requests": f"{server.get('requests') or 0:,}",
            "Reserved besides": f"{server['reserved_tokens']:,}, for requests whose outcome is not known"
            if server.get("reserved_tokens")
            else None,
            "Cost": f"{server['cost']:,.4g}" if server.get("cost") is not None else None,
            "Searches that share them": tokens.get("searches") if (tokens.get("searches") or 1) > 1 else None,
        }
    )
    if not parts:
        return facts
    figures = {name: f"{value:,.0f}" for name, value in parts.items()}
    said = "Tokens of the search: " + "; ".join(f"{name} {figure}" for name, figure in figures.items())
    note = "Those of a rung are beyond what the rungs below it had asked for already."
    chart = page.panel("Where they went", drawing.bars_chart(parts, figures, said, 2), note)
    return f'<div class="pairs">{chart}<div>{facts}</div></div>'


def correlation_words(correlations: Sequence[Mapping[str, Any]]) -> str:
    """Markup: what rank correlations mean, where there are any."""
    if not correlations:
        return "Too few prompts climbed two rungs for a rank correlation."
    return words(
        "1: the cheaper rung orders prompts as the dearer one does; 0: it says nothing on it. Only the better prompts "
        "climb, which makes a correlation smaller than it would be over all."
    )


def _whole(value: Any) -> str:
    return "" if value is None else f"{value:,}"


def _one(value: Any) -> str:
    return "" if value is None else f"{value:.1f}"


def _interval(low: Any, high: Any, is_signed: bool = False) -> str:
    if low is None or high is None:
        return ""
    shown = drawing.signed if is_signed else _one
    return f"{shown(low)} to {shown(high)}"
