"""What an optimisation found, as report.json and as lines for the terminal. Measures nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import qa_pipeline
from qa_pipeline.generation.backends.endpoint import known_keys, redact, without_credentials
from qa_pipeline.optimisation.arguments import SEARCHES, OptimizationSettings
from qa_pipeline.optimisation.comparison import BASELINE, REFINED, WHAT_THEY_ARE, Standing
from qa_pipeline.optimisation.evaluations import RUNG_NAMES
from qa_pipeline.optimisation.job import PromptJob
from qa_pipeline.optimisation.stages import Found
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.optimisation.learning import MeasuredDomain
    from qa_pipeline.optimisation.prompt_model import TrainingFacts

REPORT_VERSION = 1
_NOT_SHOWN = ("plan", "overwrite_output_dir", "api_key_env", "stage", "round_trip_model", "round_trip_f1")


def make_report(
    job: PromptJob,
    found: Found,
    standings: Sequence[Standing] | None,
    learned: tuple[TrainingFacts, Sequence[MeasuredDomain]] | str | None = None,
) -> dict[str, Any]:
    """All that is known, as JSON can hold it.

    Args:
        job, found: of the search.
        standings: of the final comparison; None: it was not made.
        learned: what the prompt model was trained on, or why there is none; None: that was not tried.
    """
    result = found.result
    last = max(one.rung for one in result.history)
    by_rung = {rung: [one for one in result.history if one.rung == rung] for rung in range(last + 1)}
    tokens = {f"rung_{rung}": sum(one.tokens for one in there) for rung, there in by_rung.items()}
    used = job.backend.usage
    return {
        "version": REPORT_VERSION,
        "package": qa_pipeline.__version__,
        "domain": job.domain,
        "model": job.backend.model,
        "settings": public_settings(job.settings),
        "passages": len(job.passages),
        "judge": {
            "rung": last,
            "name": RUNG_NAMES[last],
            "check_questions": len(job.check),
            "by_people": bool(job.check),
        },
        "tokens": {
            "max_tokens": job.settings.backend.max_tokens,
            "planned": found.budget.total,
            "searches": job.settings.searches,
            "search": found.budget.spent,
            **tokens,
            "proposals": found.budget.spent - sum(tokens.values()),
            "server": {
                "requests": used.requests,
                "prompt_tokens": used.prompt_tokens,
                "completion_tokens": used.completion_tokens,
                "reserved_tokens": used.reserved_tokens,
                "cost": used.cost,
            },
        },
        "search": {
            "stopped": result.stopped,
            "candidates": len(result.candidates),
            "evaluated": {RUNG_NAMES[rung]: len(there) for rung, there in by_rung.items()},
            "baseline": result.candidates[0].hash,
            "best": result.best.hash,
            "ranking": result.ranking,
            "gain": dataclasses.asdict(result.gain),
            "correlations": [
                {"rungs": list(rungs), "spearman": value, "candidates": _climbed(found, rungs[1])}
                for rungs, value in result.correlations.items()
            ],
        },
        "comparison": None if standings is None else [_standing(one) for one in standings],
        "prompt_model": _learned(learned),
        "not_measured": not_measured(job, standings, learned),
        "notes": [*job.notes, *found.notes],
    }


def public_settings(settings: OptimizationSettings) -> dict[str, Any]:
    """The settings for reports: no key, and no credentials in addresses."""
    backend = settings.backend
    values = {**vars(settings.general), **vars(backend), **vars(settings.filters)}
    keys = known_keys(backend.base_url or "", backend.api_key_env, backend.extra_body)
    shown: dict[str, Any] = redact(values, keys)
    if backend.base_url:
        shown["base_url"] = without_credentials(backend.base_url)
    return {name: value for name, value in shown.items() if name not in _NOT_SHOWN}


def not_measured(job: PromptJob, standings: Sequence[Standing] | None, learned: object = None) -> list[str]:
    """What a reader of the report could take for measured, and is not."""
    found = []
    if not job.check:
        found.append(
            "Whether the data trains a better reader: there were no questions of people. A frozen reader judged, which "
            "likes questions that it can answer already."
        )
    if standings is None:
        found.append("What the prompt is worth on questions that chose nothing: the comparison was not made.")
    elif not standings:
        found.append("What the prompt is worth on test questions: there were none.")
    else:
        there = {one.contender.name for one in standings}
        if REFINED not in there:
            found.append("A refined prompt on the test questions: no prompt scored higher than the baseline.")
        for name in SEARCHES:
            if name not in there:
                found.append(f"{WHAT_THEY_ARE[name][0].upper()}{WHAT_THEY_ARE[name][1:]}: not asked for (baselines).")
    found.append("Other language models: what a prompt is worth hangs on the model that reads it.")
    if isinstance(learned, str):
        found.append(f"A prompt model: {learned}")
    return found


def report_text(report: dict[str, Any]) -> str:
    """The report as lines for the terminal."""
    search, tokens, gain = report["search"], report["tokens"], report["search"]["gain"]
    evaluated = ", ".join(f"{name} {count}" for name, count in search["evaluated"].items())
    lines = [
        f"{'prompts tried':<24}{search['candidates']:>10,}   {evaluated}",
        f"{'tokens':<24}{tokens['search']:>10,}   of {tokens['planned']:,} that the search may plan with",
        f"{'judged by':<24}{report['judge']['name']:>10}" + _judged_on(report),
    ]
    for one in search["correlations"]:
        lower, upper = (RUNG_NAMES[rung] for rung in one["rungs"])
        what = f"{lower} and {upper}, over {counted(one['candidates'], 'prompt')}"
        lines.append(f"{'rank correlation':<24}{one['spearman']:>10.2f}   {what}")
    lines.append(f"{'search':<24}{gain['words']}")
    lines.append(f"{'':<24}ended: {search['stopped']}")
    lines += _comparison_lines(report["comparison"])
    best = "the baseline stays" if search["best"] == search["baseline"] else f"prompt {search['best']}"
    lines.append(f"{'best prompt':<24}{best}")
    lines += [f"note: {text}" for text in report["notes"]]
    lines += [f"not measured: {text}" for text in report["not_measured"]]
    return "\n".join(lines)


def _judged_on(report: dict[str, Any]) -> str:
    judge = report["judge"]
    return (
        f"   on {counted(judge['check_questions'], 'question')} of people"
        if judge["by_people"]
        else "   no questions of people"
    )


def _comparison_lines(standings: list[dict[str, Any]] | None) -> list[str]:
    if not standings:
        return []
    lines = [
        "",
        f"{'test questions':<12}{'F1':>12}{'95%':>16}{'EM':>8}{'rows':>8}{'tokens':>12}   against the baseline",
    ]
    for one in standings:
        interval = f"{one['low']:.1f} to {one['high']:.1f}"
        numbers = f"{one['f1']:>12.1f}{interval:>16}{one['em']:>8.1f}{one['rows']:>8,}{one['tokens']:>12,}"
        lines.append(f"{one['name']:<14}{numbers}   {_against(one)}")
    return [*lines, ""]


def _against(one: dict[str, Any]) -> str:
    if one["difference"] is None:
        return ""
    found = f"{one['difference']:+.1f} ({one['difference_low']:+.1f} to {one['difference_high']:+.1f})"
    if one["is_gain"]:
        return found
    return f"{found}, {'worse' if one['difference_high'] < 0 else 'no gain'}"


def _standing(one: Standing) -> dict[str, Any]:
    found = one.difference
    return {
        "name": one.contender.name,
        "what": WHAT_THEY_ARE[one.contender.name],
        "prompt_hash": one.contender.candidate.hash if one.contender.candidate is not None else None,
        **{"tokens": one.contender.tokens, "rows": one.rows, "f1": one.f1, "em": one.em},
        **{"low": one.low, "high": one.high, "noise": one.noise},
        "seeds": {str(seed): list(scores) for seed, scores in one.seeds.items()},
        "difference": found.difference if found else None,
        "difference_low": found.low if found else None,
        "difference_high": found.high if found else None,
        "p_value": found.p_value if found else None,
        "is_gain": one.is_gain if one.contender.name != BASELINE else None,
    }


def _climbed(found: Found, rung: int) -> int:
    """Prompts that climbed a rung, and so all below it."""
    return len({one.prompt_hash for one in found.result.history if one.rung == rung})


def _learned(learned: tuple[TrainingFacts, Sequence[MeasuredDomain]] | str | None) -> dict[str, Any] | None:
    if learned is None or isinstance(learned, str):
        return {"trained": False, "why": learned} if learned else None
    facts, measured = learned
    return {
        "trained": True,
        **dataclasses.asdict(facts),
        "measured": [{"domain": one.domain, "rung": one.rung, "prompts": len(one.recipes)} for one in measured],
    }
