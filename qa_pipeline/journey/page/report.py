"""The journey as one self-contained HTML page: what was asked for, the data, the choices, the scores, the costs.

Pure: the facts of the stages become markup. The page loads nothing and needs no script. It tells of a journey that is
under way or has left stages out as well: a section without facts says why it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from typing import Any

from qa_pipeline.compare import drawing, page
from qa_pipeline.compare.page_parts import facts_list, get, opened, rows_of, section, words
from qa_pipeline.compare.table import parameters_words
from qa_pipeline.journey.page.report_data import dataset_section, found_section, made_section, prompt_section
from qa_pipeline.journey.page.report_model import base_section, training_section, trials_section
from qa_pipeline.journey.page.report_parts import made_by_tag, seconds_words
from qa_pipeline.journey.page.report_results import examples_section, results_section
from qa_pipeline.journey.results.evaluation import MADE_BY
from qa_pipeline.wording import counted, short

SECTIONS = {
    "parse": ("prompt", "What was asked for", "How the prompt was read. parse/prompt_spec.yaml can be edited."),
    "retrieve_data": (
        "found",
        "Data found",
        "Known before anything was downloaded: reason, rows, size, licence, language.",
    ),
    "generate": ("made", "Data made", "Questions made of the documents or of the prompt."),
    "process": ("dataset", "The data set", "One data set of all sources; no text stands on both sides of a split."),
    "retrieve_model": ("base", "The base model", "Where training began."),
    "train": ("training", "Training", "How the model learned."),
    "select": (
        "trials",
        "Settings tried",
        "Each trial is a training with fresh weights, judged on validation questions.",
    ),
    "evaluate": ("results", "Results", ""),
}
"""Stage -> id, title and lead of its section. Execute stands in the results."""
STAGE_TITLES = {
    "parse": "Prompt",
    "retrieve_data": "Data found",
    "generate": "Data made",
    "process": "Data set",
    "retrieve_model": "Base model",
    "train": "Training",
    "select": "Settings",
    "execute": "Answers",
    "evaluate": "Results",
    "report": "Report",
}
"""Stage -> what it is called on the page, in their order."""
_ANCHORS = {**{stage: name for stage, (name, *_) in SECTIONS.items()}, "execute": "results", "report": "costs"}
_MOST_FILES = 12
_STATES = {"done": "done", "skipped": "left out", "stopped": "ended early", "missing": "not yet"}


@dataclass(frozen=True)
class StageState:
    """How far a stage is.

    Attributes:
        state: "done", "skipped", "stopped" or "missing".
        seconds: of its last run; None where that is not known.
        why: why it was skipped or ended early.
    """

    state: str = "missing"
    seconds: float | None = None
    why: str | None = None


@dataclass(frozen=True)
class JourneyOutline:
    """What the page says beside the facts of the stages.

    Attributes:
        prompt: as it was given.
        created: when, ISO 8601; "" leaves the day out.
        stages: name -> how far it is; those with facts that are not named are done.
        files: name -> path, to be listed.
        next_steps: what it does -> the command.
    """

    prompt: str = ""
    created: str = ""
    stages: Mapping[str, StageState] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    next_steps: Mapping[str, str] = field(default_factory=dict)

    def state_of(self, stage: str, record: Mapping[str, Any]) -> StageState:
        """How far a stage is."""
        if (known := self.stages.get(stage)) is not None:
            return known
        if get(record, stage, "skipped"):
            return StageState("skipped", why=get(record, stage, "why"))
        return StageState("done" if stage in record else "missing")


def report_html(record: Mapping[str, Mapping[str, Any]], outline: JourneyOutline | None = None) -> str:
    """The whole page. Write it as UTF-8.

    Args:
        record: stage -> its facts, of the stages that there are.
        outline: prompt, times, files and commands; without it they are left out.

    Example:
        >>> html = report_html({"parse": {"specification": {"prompt": "Ask about <b>tides</b>"}}})
        >>> "Ask about &lt;b&gt;tides&lt;/b&gt;" in html, "<script" in html
        (True, False)
    """
    outline = outline or JourneyOutline()
    prompt = outline.prompt or get(record, "parse", "specification", "prompt", default="")
    metrics = get(record, "evaluate", "metrics", default={})
    headline = _headline(record, metrics)
    slots = {
        "title": words(short(headline, 120)),
        "style": page.asset("report.css") + page.asset("pages.css") + _asset("journey.css"),
        "symbols": drawing.symbols(),
        "about": words(_about(outline.created)),
        "prompt": f'<p class="wish" dir="auto">{words(prompt)}</p>' if prompt else "",
        "headline": words(headline),
        "made_by": _made_by(metrics),
        "figures": "".join(_figures(record, outline, metrics)),
        "stages": _stages(record, outline),
        "sections": "".join(_sections(record, outline)),
        "footer": _footer(metrics),
    }
    return page.filled(_asset("journey.html"), slots)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _about(created: str) -> str:
    if not created:
        return "From a prompt to a model"
    day = datetime.fromisoformat(created)
    return "From a prompt to a model, " + f"{day.day} {day:%B %Y}".replace(" ", "\N{NO-BREAK SPACE}")


_MADE = {"people": "people's test questions", "generator": "the generated test questions"}


def _headline(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """The finding in one sentence; of a journey under way, how far it is."""
    if get(metrics, "measured") and not metrics["tuned"]["answered"]:
        return "The trained model says “no answer” to every test question."
    if get(metrics, "measured"):
        made_by = _MADE.get(get(metrics, "test", "made_by", default=""), "the test questions")
        people, scores = get(metrics, "people"), metrics
        if people:
            made_by, scores = f"the {counted(people['questions'], 'test question')} of people", people
        tuned, base = (scores[label]["exact_match"]["value"] for label in ("tuned", "base"))
        return f"{tuned:.0f}% of {made_by} are answered exactly right; before training, {base:.0f}%."
    if get(metrics, "why_not") or ("evaluate" in record and "train" in record):
        return "A model was trained. How good it is was not measured."
    done = [stage for stage in STAGE_TITLES if stage in record]
    if not done:
        return "Nothing is done yet."
    return f"Under way: {counted(len(done), 'stage')} of {len(STAGE_TITLES)} done, up to “{STAGE_TITLES[done[-1]]}”."


def _made_by(metrics: Mapping[str, Any]) -> str:
    """Loudly, above all scores, where the test questions are not people's."""
    made_by = get(metrics, "test", "made_by")
    if made_by in (None, "people"):
        return ""
    reason = get(metrics, "why_not") if made_by == "none" else MADE_BY.get(made_by)
    title = {"none": "Not measured.", "mixed": "Not only people's questions."}.get(made_by, "Not people's questions.")
    return f'<p class="loud" role="note"><b>{title}</b> {words(reason or "")}</p>'


def _figures(record: Mapping[str, Any], outline: JourneyOutline, metrics: Mapping[str, Any]) -> list[str]:
    """The few numbers that say most."""
    made_by = str(get(metrics, "test", "made_by", default="none"))
    found = []
    if get(metrics, "measured"):
        for key, title, place in (("f1", "F1", 1), ("exact_match", "Exactly right", 1)):
            before, after = metrics["base"][key], metrics["tuned"][key]
            begun = f'<span class="from">{before["value"]:.1f} \N{RIGHTWARDS ARROW} </span>'
            big = f"{begun}{after['value']:.1f}<small>%</small>"
            note = f"{after['low']:.1f} to {after['high']:.1f} (95%) {made_by_tag(made_by)}"
            found.append(_figure(title, big, note, place))
        if people := get(metrics, "people"):
            one = people["tuned"]["f1"]
            note = f"{one['low']:.1f} to {one['high']:.1f} (95%), {counted(people['questions'], 'question')}"
            found.insert(0, _figure("F1, people's questions", f"{one['value']:.1f}<small>%</small>", note, 1))
    splits = get(record, "process", "splits", default={})
    if rows := get(splits, "train", "rows"):
        others = ", ".join(f"{get(splits, name, 'rows', default=0):,} {name}" for name in ("validation", "test"))
        found.append(_figure("Training questions", f"{rows:,}", f"and {words(others)}", 2))
    if parameters := get(metrics, "tuned", "size", "parameters"):
        size = f"{metrics['tuned']['size']['megabytes']:,.0f} MB in memory"
        found.append(_figure("Parameters", parameters_words(parameters), size, 3))
    times = [state.seconds for state in outline.stages.values() if state.seconds is not None]
    if times:
        cost = _spent(record).get("cost")
        note = "no language model was asked" if not _spent(record) else f"cost {cost:,.4g}" if cost is not None else ""
        found.append(_figure("From start to end", words(seconds_words(sum(times))), words(note), 5))
    return found


def _figure(title: str, big: str, note: str, place: int) -> str:
    note = f"<p>{note}</p>" if note else ""
    return f'<div class="figure m{place}"><h3>{title}</h3><p class="big">{big}</p>{note}</div>'


def _stages(record: Mapping[str, Any], outline: JourneyOutline) -> str:
    items = []
    for stage, title in STAGE_TITLES.items():
        state = outline.state_of(stage, record)
        took = _STATES.get(state.state, state.state)
        if state.seconds is not None and state.state != "skipped":
            took = seconds_words(state.seconds)
        if stage == "report":
            state, took = StageState("done"), "this page"
        why = f' title="{words(state.why)}"' if state.why else ""
        link = f'<a href="#{_ANCHORS[stage]}"{why}><b>{title}</b><small>{took}</small></a>'
        items.append(f'<li class="{words(state.state)}">{link}</li>')
    return f'<ol class="stages">{"".join(items)}</ol>'


def _sections(record: Mapping[str, Any], outline: JourneyOutline) -> list[str]:
    """All of them, in the order of the stages."""
    samples: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows_of(record, "process", "samples"):
        samples.setdefault(str(get(row, "metadata", "kind", default="generated")), []).append(row)
    metrics = get(record, "evaluate", "metrics", default={})
    contents: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "parse": prompt_section,
        "retrieve_data": lambda facts: found_section(facts, samples.get("retrieved", ())),
        "generate": lambda facts: made_section(facts, samples.get("generated", ())),
        "process": lambda facts: dataset_section(facts, samples.get("labelled", ())),
        "retrieve_model": base_section,
        "train": training_section,
        "select": trials_section,
        "evaluate": lambda facts: results_section(
            get(facts, "metrics", default={}), get(record, "execute", default={})
        ),
    }
    found = []
    for stage, (name, title, lead) in SECTIONS.items():
        state = outline.state_of(stage, record)
        if state.state == "skipped" and stage != "retrieve_model":  # whose place is taken by a given model
            found.append(section(name, title, _absent(state)))
        elif stage in record:
            early = f'<p class="absent">Ended early: {words(state.why)}</p>' if state.state == "stopped" else ""
            found.append(section(name, title, early + contents[stage](record[stage]), lead))
        else:
            found.append(section(name, title, _absent(state)))
    if get(metrics, "measured"):
        made_by = str(get(metrics, "test", "made_by", default="none"))
        examples = rows_of(record, "evaluate", "examples")
        found.append(section("examples", "Examples", examples_section(examples, made_by)))
    found.append(section("costs", "What it took", _costs(record, outline)))
    if outline.files:
        files = facts_list(outline.files)
        listed = opened(counted(len(outline.files), "file"), files) if len(outline.files) > _MOST_FILES else files
        found.append(section("files", "Files", listed))
    if outline.next_steps:
        steps = "".join(
            f"<li><p>{words(what[:1].upper() + what[1:])}</p><pre>{words(how)}</pre></li>"
            for what, how in outline.next_steps.items()
        )
        found.append(section("next", "What next", f'<ol class="steps">{steps}</ol>'))
    return found


def _absent(state: StageState) -> str:
    if state.state == "skipped":
        why = (state.why or "").removeprefix("left out, as asked for").lstrip(": ")
        said = f"This stage was left out{f': {why}' if why else ', as asked for'}."
    elif state.state == "stopped":
        said = f"This stage ended early{f': {state.why}' if state.why else ''}."
    else:
        said = f"Nothing here yet{f': {state.why}' if state.why else ''}."
    return f'<p class="absent">{words(said)}</p>'


_ASKING = ("parse", "retrieve_data", "generate")
_SPENT = ("requests", "prompt_tokens", "completion_tokens", "cost", "cached", "reserved_tokens")


def _spent(record: Mapping[str, Any]) -> dict[str, float]:
    """What language models were asked and took, over all stages; empty where none was asked."""
    total: dict[str, float] = {}
    for stage in _ASKING:
        usage = get(record, stage, "usage", default={})
        for name in _SPENT:
            if isinstance(get(usage, name), int | float):
                total[name] = total.get(name, 0) + usage[name]
    return total if total.get("requests") or total.get("cached") else {}


def _costs(record: Mapping[str, Any], outline: JourneyOutline) -> str:
    """Times of the stages, and what language models were asked."""
    seconds = {
        STAGE_TITLES[stage]: state.seconds
        for stage in STAGE_TITLES
        if (state := outline.state_of(stage, record)).seconds is not None
    }
    chart = ""
    if seconds:
        figures = {name: seconds_words(value) for name, value in seconds.items()}
        said = "Time of each stage: " + "; ".join(f"{name} {figure}" for name, figure in figures.items())
        total = f"{seconds_words(sum(filter(None, seconds.values())))} in all"
        chart = page.panel(
            "Time", drawing.bars_chart({k: v or 0.0 for k, v in seconds.items()}, figures, said, 5), total
        )
    return f'<div class="pairs">{chart}<div>{_asked(record)}</div></div>'


def _asked(record: Mapping[str, Any]) -> str:
    """What language models were asked, stage by stage where there are several."""
    spent = _spent(record)
    if not spent:
        return facts_list({"Language model": "none was asked; no money was spent"})
    shown = {
        "Requests to a language model": f"{spent.get('requests', 0):,.0f}",
        "Answered from the cache": f"{spent['cached']:,.0f}" if spent.get("cached") else None,
        "Tokens": f"{spent.get('prompt_tokens', 0):,.0f} read, {spent.get('completion_tokens', 0):,.0f} written",
        "Cost": f"{spent['cost']:,.4g}" if spent.get("cost") is not None else "no prices were given",
        "Reserved besides": f"{spent['reserved_tokens']:,.0f} tokens, for requests whose outcome is not known"
        if spent.get("reserved_tokens")
        else None,
    }
    by_stage = {stage: usage for stage in _ASKING if (usage := get(record, stage, "usage"))}
    rows = [
        [STAGE_TITLES[stage]]
        + [f"{usage.get(name) or 0:,.0f}" for name in ("requests", "prompt_tokens", "completion_tokens")]
        + ["" if usage.get("cost") is None else f"{usage['cost']:,.4g}"]
        for stage, usage in by_stage.items()
    ]
    table = page.table(["", "requests", "tokens read", "tokens written", "cost"], rows) if len(rows) > 1 else ""
    return facts_list(shown) + table


def _footer(metrics: Mapping[str, Any]) -> str:
    intervals = get(metrics, "intervals")
    if not intervals:
        return "<p>Made by qa-pipeline prompt2model.</p>"
    unit = intervals["resampled"]
    why = (
        ""
        if unit == "question"
        else f", each with all of its questions, because questions about one {unit} are not independent"
    )
    return (
        "<h2>How this was measured</h2>"
        f"<p>Intervals cover 95% and come from {intervals['bootstrap_samples']:,} bootstrap resamples (seed "
        f"{intervals['seed']}) of the {intervals['num_resampled']:,} {words(unit)}s{why}; differences are drawn in "
        f"pairs and their p-values are two-sided. Answers are compared with the “{words(intervals['normalization'])}” "
        "normalisation and against the best reference answer. Confidence is read as the chance of an exact match. Data "
        f"fingerprint <code>{words(get(metrics, 'test', 'fingerprint', default=''))}</code>.</p>"
    )


def outline_of(
    journey: Mapping[str, Any], *, created: str = "", next_steps: Mapping[str, str] | None = None
) -> JourneyOutline:
    """The outline of a journey from what journey.json holds.

    Args:
        journey: "settings" (prompt, skip) and "stages": name -> status, seconds, why and files.
        created: when the page is made, ISO 8601.
        next_steps: what it does -> the command.
    """
    stages, files = {}, {}
    for name, found in get(journey, "stages", default={}).items():
        status = {"done": "done", "stopped": "stopped"}.get(get(found, "status", default=""), "missing")
        # The report is being written by the stage that asks for it.
        stages[name] = StageState("done" if name == "report" else status, get(found, "seconds"), get(found, "why"))
        for file, one in get(found, "files", default={}).items():
            files[f"{STAGE_TITLES.get(name, name)}: {file}"] = str(one["path"] if isinstance(one, Mapping) else one)
    for name in get(journey, "settings", "skip", default=()):
        stages[name] = StageState("skipped")
    prompt = get(journey, "settings", "prompt", default="")
    return JourneyOutline(prompt, created, stages, files, dict(next_steps or {}))
