"""A finished search for the tests of its page: rows of its tables as they are written, and its report."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from qa_pipeline.artifacts import write_json
from qa_pipeline.generation.questions.llm.recipes import Factors, recipe_of
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation
from qa_pipeline.optimisation.instructions import FIRST, instructions_of, with_instructions
from qa_pipeline.optimisation.tables import TABLES, evaluation_rows, prompt_rows, write_table

HOSTILE = "<script>window.hacked=1</script> {{title}} <u>me</u> \u202e"
CHOICES: tuple[dict[str, Any], ...] = (
    {},
    {"span_rule": "clause"},
    {"order": "answer_first"},
    {"order": "short", "few_shot": 0},
    {"wh_quota": "reasons", "evidence": "sentence"},
    {"temperature": 1.0, "rephrase": True, "span_rule": "phrase"},
    {"order": "answer_first", "wh_quota": "varied"},
    {"few_shot": 4},
)
RULES = ((1, "Compare each quote with the passage."), (1, "Be kind."), (4, "Ask hard ones."))
"""Of rewrites: the place of the parent, and what was added to it."""


def candidates(text: str = HOSTILE) -> list[PromptCandidate]:
    """A baseline, a grid, rewrites of its best in a second round, and one of those in a third; the last leads."""
    grid = [PromptCandidate(recipe_of(factors), factors) for factors in (Factors(**one) for one in CHOICES)]
    grid[0] = PromptCandidate(dataclasses.replace(grid[0].recipe, made_by="baseline"), grid[0].factors)
    rewritten = []
    for place, rule in RULES:
        parent = grid[place].recipe
        new = f"{instructions_of(parent).text}\n- {rule} {text}"
        made_by = "gepa" if place == 4 else "rewrite"
        recipe = with_instructions(parent, FIRST, new, name=f"rewrite: {rule} {text}", made_by=made_by)
        rewritten.append(PromptCandidate(recipe, None, 1))
    parent = rewritten[0].recipe
    new = instructions_of(parent).text.replace("different words", "different words (who, when, why)")
    last = with_instructions(
        parent, FIRST, f"{new}\n- Ask why, too.", name="rewrite: asks for reasons", made_by="rewrite"
    )
    return [*grid, *rewritten, PromptCandidate(last, None, 2)]


def evaluations(tried: list[PromptCandidate], top: int = 2) -> list[PromptEvaluation]:
    """Some climb one rung, some all; the baseline and the last always do."""
    found = []
    for place, one in enumerate(tried):
        ends = place in (0, len(tried) - 1)
        for rung in range((top if ends or place % 4 == 1 else min(top, place % 2)) + 1):
            score = (8.0 + place / 3, 40.0 + 1.5 * place - 3 * (place % 3), 51.0 + 0.8 * place)[rung]
            found.append(
                PromptEvaluation(
                    prompt_hash=one.hash,
                    domain="library",
                    rung=rung,
                    score=score,
                    low=score - 2.5,
                    high=score + 2.5,
                    noise=1.0,
                    passages=16,
                    rows=60,
                    tokens=1_500 * (rung + 1),
                    rejected={"answer_not_verbatim": 9},
                    values=(score, score),
                )
            )
    return found


def comparison(tried: list[PromptCandidate]) -> list[dict[str, Any]]:
    """Rows of the final comparison."""
    rows: list[dict[str, Any]] = []
    contenders = (
        *(("baseline", tried[0], 52.0), ("refined", tried[-1], 56.4)),
        *(("random", tried[3], 53.0), ("cloze", None, 47.5)),
    )
    for name, one, f1 in contenders:
        common = dict.fromkeys(TABLES["comparison_results"])
        common |= {"name": name, "prompt_hash": one.hash if one else None, "round": one.round if one else None}
        common |= {"made_by": one.recipe.made_by if one else "rules", "tokens": 20_500 if one else 0, "rows": 210}
        common |= {"domain": "library", "split": "test", "questions": 120}
        rows += [common | {"seed": seed, "f1": f1 + seed - 1, "em": f1 - 9} for seed in range(3)]
        mean = common | {"seed": None, "f1": f1, "em": f1 - 9, "low": f1 - 5.5, "high": f1 + 5.5}
        if name != "baseline":
            mean |= {"difference": f1 - 52.0, "difference_low": f1 - 55.0, "difference_high": f1 - 49.0}
            mean |= {"p_value": 0.0312}
        rows.append(mean)
    return rows


def report(tried: list[PromptCandidate], text: str = HOSTILE, *, is_gain: bool = True, top: int = 2) -> dict[str, Any]:
    """As `report.make_report` gives it."""
    gain = {"winner": tried[-1].hash, "difference": 8.8, "low": 3.1, "high": 13.0, "p_value": 0.004, "noise": 1.0}
    gain |= {"is_gain": is_gain, "words": f"{'a' if is_gain else 'no'} gain of +8.8 points (-3.1 to +13.0), noise 1.0"}
    server = {"requests": 812, "prompt_tokens": 240_000, "completion_tokens": 60_000, "reserved_tokens": 900}
    ranks = ({"rungs": [0, 1], "spearman": 0.61, "candidates": 7}, {"rungs": [1, 2], "spearman": -0.2, "candidates": 5})
    gains = {"baseline": None, "refined": is_gain, "random": False, "cloze": False}
    return {
        "version": 1,
        "package": "9.9.9",
        "domain": f"library {text}",
        "model": "some-model",
        "settings": {"train_seeds": 3, "documents": ["docs"], "prompt": text},
        "judge": {"rung": top, "name": ("", "round trip", "trained reader")[top], "by_people": top == 2},
        "tokens": {
            **{"max_tokens": 400_000, "planned": 180_000, "searches": 2, "search": 150_000, "proposals": 12_000},
            **{"rung_0": 40_000, "rung_1": 50_000, "rung_2": 48_000},
            "server": {**server, "cost": 0.0123},
        },
        "search": {
            **{"stopped": "all rounds are done", "candidates": len(tried), "baseline": tried[0].hash},
            **{"best": tried[-1 if is_gain else 0].hash, "ranking": [one.hash for one in tried], "gain": gain},
            "evaluated": {"validity": len(tried), "round trip": 6, "trained reader": 4},
            "correlations": list(ranks[:top]),
        },
        "comparison": [{"name": name, "what": f"what {name} is", "is_gain": found} for name, found in gains.items()],
        "prompt_model": {
            **{"trained": True, "pairs": 31, "loss": 0.41},
            "measured": [{"domain": text, "rung": 2, "prompts": 9}],
        },
        "not_measured": ["Other language models: what a prompt is worth hangs on the model that reads it."],
        "notes": [f"a note on {text}"],
    }


def tables(tried: list[PromptCandidate], top: int = 2) -> dict[str, list[dict[str, Any]]]:
    """The rows that a page is made of."""
    return {
        "prompts": prompt_rows(tried),
        "evaluations": evaluation_rows(evaluations(tried, top), tried),
        "comparison_results": comparison(tried),
    }


def write_folder(folder: Path, text: str = HOSTILE, **options: Any) -> Path:
    """A finished search on disk."""
    tried = candidates(text)
    for name, rows in tables(tried).items():
        write_table(folder / f"{name}.parquet", name, rows)
    write_json(folder / "report.json", report(tried, text, **options))
    return folder
