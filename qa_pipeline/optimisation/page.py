"""A search for a prompt as one self-contained HTML page, from its tables and its report. Computes no score.

What was not measured is said above all charts. The page runs no script and needs no network; its content security
policy forbids both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from qa_pipeline.compare import drawing, page
from qa_pipeline.compare.page_parts import facts_list, get, opened, rows_of, section, words
from qa_pipeline.errors import DataError
from qa_pipeline.generation.questions.llm.recipes import Recipe, recipe_text
from qa_pipeline.optimisation.page_diff import prompts_diff
from qa_pipeline.optimisation.page_scores import (
    comparison_charts,
    correlation_words,
    correlations_charts,
    rungs_charts,
    tokens_chart,
)
from qa_pipeline.optimisation.page_tree import TriedPrompt, named, search_tree, tree_table, tried_prompts
from qa_pipeline.optimisation.search import NOISES
from qa_pipeline.optimisation.tables import read_table
from qa_pipeline.wording import counted, plain, short

NEEDED = ("prompts", "evaluations")
"""Tables without which there is no page; comparison_results may be missing where the comparison was not made."""
COMPARISON = "comparison_results"
REPORT = "report.json"
_REFINED = "refined"
"""Name of the best prompt of the search among the contenders."""


def page_of(folder: str | Path) -> str:
    """The page of a finished search.

    Args:
        folder: with its tables and report.json.

    Raises:
        DataError: one of them is missing or damaged.
    """
    folder = Path(folder)
    path = folder / REPORT
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(report, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); expected the report of optimize-prompt. Start the command again: "
            "it goes on from what it has kept"
        ) from error
    tables = {name: read_table(folder / f"{name}.parquet", name) for name in NEEDED}
    compared = folder / f"{COMPARISON}.parquet"
    # A table of an earlier start is not of this report.
    if compared.exists() and report.get("comparison") is not None:
        tables[COMPARISON] = read_table(compared, COMPARISON)
    return report_html(tables, report)


def report_html(tables: Mapping[str, Sequence[Mapping[str, Any]]], report: Mapping[str, Any]) -> str:
    """The whole page. Write it as UTF-8.

    Args:
        tables: rows of `prompts`, `evaluations` and, where the comparison was made, `comparison_results`.
        report: what `report.make_report` gives.

    Example:
        >>> prompt = {"hash": "a1", "name": "<b>first</b>", "system": "", "user": "$passage $number"}
        >>> prompt |= {"kind": "questions", "parent": None, "made_by": "baseline", "round": 0}
        >>> html = report_html({"prompts": [prompt], "evaluations": []}, {"search": {"baseline": "a1", "best": "a1"}})
        >>> "&lt;b&gt;first&lt;/b&gt;" in html, "<script" in html
        (True, False)
    """
    baseline = str(get(report, "search", "baseline", default=""))
    leader = str(get(report, "search", "gain", "winner", default=get(report, "search", "best", default=baseline)))
    tried = tried_prompts(tables["prompts"], tables["evaluations"], baseline, leader)
    compared = list(tables.get(COMPARISON, ()))
    headline = _headline(report, compared)
    slots = {
        "title": words(short(headline, 120)),
        "style": page.asset("report.css") + page.asset("pages.css") + _asset("optimisation.css"),
        "symbols": drawing.symbols(),
        "about": words(_about(report)),
        "headline": words(headline),
        "figures": "".join(_figures(report, compared)),
        "sections": "".join(_sections(tables, report, tried, compared, baseline, leader)),
        "footer": _footer(report),
    }
    return page.filled(_asset("optimisation.html"), slots)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _about(report: Mapping[str, Any]) -> str:
    domain, model = get(report, "domain", default=""), get(report, "model", default="")
    about = "A search for the prompt that makes the best training data"
    return about + (f", about {domain}" if domain else "") + (f", with {model}" if model else "")


def _refined(compared: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row of the best prompt against the baseline on the test questions."""
    rows = (row for row in compared if row["seed"] is None and row["name"] == _REFINED and row["f1"] is not None)
    return next(rows, None)


def _headline(report: Mapping[str, Any], compared: Sequence[Mapping[str, Any]]) -> str:
    """The finding in one sentence."""
    row = _refined(compared)
    gain = get(report, "search", "gain", default={})
    if row is not None and row["difference"] is not None:
        found = f"{drawing.signed(row['difference'])} F1 ({_between(row)})"
        about = {one["name"]: one for one in rows_of(report, "comparison")}
        if get(about, _REFINED, "is_gain"):
            return f"A refined prompt trains a better reader: {found} on the test questions."
        return (
            f"No gain on the test questions: the refined prompt\N{RIGHT SINGLE QUOTATION MARK}s {found} may be chance."
        )
    judge = get(report, "judge", "name", default="the highest rung")
    if get(gain, "is_gain"):
        found = f"{drawing.signed(gain['difference'])} points ({_between(gain)})"
        end = "" if get(report, "judge", "by_people") else " No questions of people judged it."
        return f"A refined prompt leads in the search by {found}, judged by the {judge}.{end}"
    return "No gain: the prompt that the search began with stays."


def _between(row: Mapping[str, Any]) -> str:
    low, high = (row.get(f"difference_{side}", row.get(side)) for side in ("low", "high"))
    return f"{drawing.signed(low)} to {drawing.signed(high)}" if low is not None and high is not None else "no interval"


def _figures(report: Mapping[str, Any], compared: Sequence[Mapping[str, Any]]) -> list[str]:
    """The few numbers that say most."""
    found = []
    for row in compared:
        if row["seed"] is None and row["f1"] is not None and row["name"] in ("baseline", _REFINED):
            place = 3 if row["name"] == _REFINED else 0
            note = f"{row['low']:.1f} to {row['high']:.1f} (95%), {counted(row['questions'] or 0, 'test question')}"
            found.append(_figure(f"F1, {row['name']} prompt", f"{row['f1']:.1f}<small>%</small>", note, place))
    search = get(report, "search", default={})
    evaluated = get(search, "evaluated", default={})
    if search.get("candidates") is not None:
        note = ", ".join(f"{name} {count:,}" for name, count in evaluated.items())
        found.append(_figure("Prompts tried", f"{search['candidates']:,}", note, 1))
    tokens = get(report, "tokens", default={})
    if tokens.get("search") is not None:
        note = f"of {tokens['planned']:,} that the search may plan with" if tokens.get("planned") else ""
        found.append(_figure("Tokens of the search", f"{tokens['search']:,}", note, 2))
    for one in rows_of(search, "correlations"):
        if list(one["rungs"]) == [1, 2]:
            figure = f"{one['spearman']:.2f}".replace("-", "\N{MINUS SIGN}")
            note = "of the round trip with trained readers (Spearman)"
            found.append(_figure("Rank correlation", figure, note, 5))
    return found


def _figure(title: str, big: str, note: str, place: int) -> str:
    """Title and note are texts, the figure is markup."""
    below = f"<p>{words(note)}</p>" if note else ""
    return f'<div class="figure m{place}"><h3>{words(title)}</h3><p class="big">{big}</p>{below}</div>'


def _sections(
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    report: Mapping[str, Any],
    tried: Sequence[TriedPrompt],
    compared: Sequence[Mapping[str, Any]],
    baseline: str,
    leader: str,
) -> list[str]:
    """All of them, the finding first."""
    correlations = rows_of(report, "search", "correlations")
    gain = str(get(report, "search", "gain", "words", default=""))
    stopped = get(report, "search", "stopped", default="")
    lead = "The number beside a prompt is its score on the highest rung that it climbed."
    lead += words(f" The search ended: {stopped}.") if stopped else ""
    absent = '<p class="absent">The comparison on the test questions was not made.</p>'
    return [
        f'<section class="words" aria-label="Verdict">{_verdict(gain, tried)}{_cautions(report)}</section>',
        section(
            "comparison",
            "The comparison",
            comparison_charts(compared, report) or absent,
            "Readers trained on what each made, on questions that chose nothing; prompts with as many tokens as the "
            "thriftiest of them used."
            if compared
            else "",
        ),
        section("prompt", *_prompt_section(tables["prompts"], report, baseline, leader)),
        section("tree", "The search", search_tree(tried) + page.folded(tree_table(tried)), lead) if tried else "",
        section("rungs", "Scores on each rung", rungs_charts(tried), _rungs_lead(report)) if tried else "",
        section(
            "correlations",
            "Do the cheap rungs foretell the dear ones?",
            correlations_charts(tried, correlations),
            correlation_words(correlations),
        )
        if tried
        else "",
        section("tokens", "What it took", tokens_chart(report)),
        _prompt_model(report),
        section("settings", "Settings", opened("All settings", _settings(report))) if report.get("settings") else "",
    ]


def _verdict(gain: str, tried: Sequence[TriedPrompt]) -> str:
    """What the search says of its best prompt."""
    leader = next((one for one in tried if one.is_leader), None)
    if leader is None or not gain:
        return ""
    if leader.is_baseline:
        return f"<p>In the search, no prompt scored higher than {named(leader)}, with which it began.</p>"
    found = re.sub(r"-(?=\d)", "\N{MINUS SIGN}", gain)
    return f"<p>In the search, {named(leader)} scored highest: {words(found)}.</p>"


def _cautions(report: Mapping[str, Any]) -> str:
    """What was not measured, and what is noted on the sources."""
    left = [f"Not measured: {words(text[:1].lower() + text[1:])}" for text in get(report, "not_measured", default=())]
    return page.cautions([*left, *(words(note) for note in get(report, "notes", default=()))])


def _rungs_lead(report: Mapping[str, Any]) -> str:
    if get(report, "judge", "by_people", default=True):
        return (
            "Lines are 95% intervals over passages, on the last rung over questions. Scores of two rungs do not "
            "compare."
        )
    return (
        "Lines are 95% intervals over passages. No questions of people were given, so that there is no third rung: the "
        "round trip judged. Scores of two rungs do not compare."
    )


def _prompt_section(
    prompts: Sequence[Mapping[str, Any]], report: Mapping[str, Any], baseline: str, leader: str
) -> tuple[str, str, str]:
    """Title, content and lead: the best prompt beside that which the search began with."""
    known = {row["hash"]: row for row in prompts}
    best = str(get(report, "search", "best", default=baseline))
    if baseline not in known:
        return "The prompt", '<p class="absent">The table of prompts does not have it.</p>', ""
    old = _recipe(known[baseline])
    if leader == baseline or leader not in known:
        content = f"<pre>{words(recipe_text(old))}</pre>"
        return "The prompt that stays", content, "No other prompt scored higher."
    new = _recipe(known[leader])
    content = prompts_diff(old, new, ("baseline", "highest score"))
    content += opened("The prompt with the highest score as a prompt file", f"<pre>{words(recipe_text(new))}</pre>")
    made = f"\N{LEFT DOUBLE QUOTATION MARK}{words(new.name)}\N{RIGHT DOUBLE QUOTATION MARK}"
    made += f", made by {words(new.made_by or 'hand')}."
    if best == leader:
        return "The winning prompt beside the baseline", content, f"{made} It is in best_prompt.yaml."
    lead = f"{made} Its lead may be chance, so that best_prompt.yaml holds the baseline."
    return "The prompt with the highest score beside the baseline", content, lead


def _recipe(row: Mapping[str, Any]) -> Recipe:
    """The recipe of a row of `prompts`."""
    names = (
        *("name", "system", "user", "kind", "following_system", "following_user", "rephrase", "few_shot"),
        *("evidence", "temperature", "parent", "made_by"),
    )
    return Recipe(**{name: row[name] for name in names if row.get(name) is not None})


def _prompt_model(report: Mapping[str, Any]) -> str:
    """What a prompt model was trained on; nothing where that was not tried."""
    found = get(report, "prompt_model")
    if not found:
        return ""
    if not found.get("trained"):
        content = f'<p class="absent">None was trained: {words(found.get("why") or "")}</p>'
    else:
        shown = {
            name.replace("_", " "): value
            for name, value in found.items()
            if isinstance(value, int | float | str) and not isinstance(value, bool)
        }
        measured = rows_of(found, "measured")
        rows = [[plain(str(one["domain"])), str(one["rung"]), str(one["prompts"])] for one in measured]
        content = facts_list(shown) + (page.table(["domain", "rung", "prompts"], rows) if rows else "")
    return section("model", "The prompt model", content, "Says what to try first on a new domain.")


def _settings(report: Mapping[str, Any]) -> str:
    settings = get(report, "settings", default={})
    return facts_list(
        {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in settings.items()}
    )


def _footer(report: Mapping[str, Any]) -> str:
    settings = get(report, "settings", default={})
    seeds = settings.get("train_seeds")
    readers = f"{counted(seeds, 'small reader')}, each with a seed of its own," if seeds else "small readers"
    return (
        "<h2>How this was measured</h2>"
        "<p>Prompts climb three rungs, each dearer than the one before, and only the best climb on; the prompt that "
        f"the search began with climbs all. On the last rung {words(readers)} are trained on the rows of a prompt, the "
        "same number of rows for every prompt that has as many. A lead counts as a gain where its 95% interval (paired "
        f"bootstrap) lies above 0 and it is at least {NOISES:g} times the noise between seeds. The winner of a search "
        "is lucky as well as good: what it is worth, only the test questions say, which are read once, at the end.</p>"
        f"<p>Made by qa-pipeline {words(get(report, 'package', default=''))} optimize-prompt.</p>"
    )
