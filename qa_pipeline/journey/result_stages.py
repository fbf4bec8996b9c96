"""The stages that say what the model is worth: answers on the test split, scores, metrics, report and card.

Each hands files and facts to a public function and writes what comes back. Trains only what an ablation asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.data import Example, load_examples
from qa_pipeline.generation import api
from qa_pipeline.generation.argument_checks import FILTERS
from qa_pipeline.journey.data_stages import SPLITS, GenerateStage
from qa_pipeline.journey.model_stages import training_values
from qa_pipeline.journey.next_steps import MODEL, next_steps
from qa_pipeline.journey.record import STOPPED, JourneyRecord
from qa_pipeline.journey.results.evaluation import evaluate, write_comparison, write_metrics
from qa_pipeline.journey.results.execution import execute
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.stage import STAGES, Stage, StageResult, Work
from qa_pipeline.wording import counted, short

METRICS = "metrics.json"
REPORT = "report.html"
CARD = "README.md"
NO_TEST = "the data set has no test questions"


class ExecuteStage(Stage):
    """Answers the test questions with the chosen model: `execute/predictions.json`."""

    name = "execute"
    needs = ("process", "select")

    def run(self, work: Work) -> StageResult:
        """Goes on in the middle of the questions where a killed run was."""
        test = work.file("process", "test")
        if test is None:
            work.say(f"  nothing to answer: {NO_TEST}")
            return StageResult({}, {"rows": 0, "why": NO_TEST})
        done = execute(work.root / MODEL, test, work.folder)
        work.say(f"  {counted(done.facts['rows'], 'test question')} answered")
        return StageResult(done.files, done.facts)


class EvaluateStage(Stage):
    """Scores the chosen model and the model before training on the test questions: `metrics.json`.

    `evaluate/comparison.html` has every question with both answers.
    """

    name = "evaluate"
    needs = ("parse", "retrieve_data", "generate", "process", "retrieve_model", "train", "select")
    settings = ("metrics_output_path", "ablate", "seed")
    keeps = ("ablation",)  # its cells know what they were made of

    def hangs_on(self, settings: JourneySettings) -> Iterable[str]:
        """With an ablation also the settings of the generation, which is done without filters."""
        return [*self.settings, *(GenerateStage().hangs_on(settings) if settings["ablate"] else ())]

    def run(self, work: Work) -> StageResult:
        """Where there are no test questions, the metrics say that nothing was measured, and why."""
        settings, test = work.settings, work.file("process", "test")
        made_by = work.facts("process")["test_made_by"] if test else "none"
        ablation = self._ablation(work, test) if settings["ablate"] and test else None
        base = str(work.facts("retrieve_model")["chosen"])
        found = evaluate(
            base,
            work.root / MODEL,
            test,
            made_by=made_by,
            why_not=NO_TEST,
            ablation=ablation,
            seed=settings["seed"],
        )
        path = Path(settings["metrics_output_path"] or work.root / METRICS)
        write_metrics(path, found.metrics)
        for line in _score_lines(found.metrics):
            work.say(f"  {line}")
        files = {"metrics": path, **write_comparison(work.folder, found)}
        return StageResult(files, json.loads(json.dumps(found.facts)))

    def _ablation(self, work: Work, test: Path) -> dict[str, Any]:
        """Trainings on parts of the data, each in a folder of its own."""
        from qa_pipeline.journey.results.ablation import ablate, ablation_cells

        folder = work.folder / "ablation"
        rows = {name: _rows(work.file("process", name)) for name in SPLITS}
        unfiltered = self._unfiltered(work, folder / "unfiltered") if work.facts("generate").get("rows") else []
        held_out = rows["validation"] + rows["test"]
        cells = ablation_cells(rows["train"], folder, unfiltered=unfiltered, held_out=held_out)
        values = {**training_values(work), "merge_adapter": False}
        return ablate(cells, values, test, folder, seed=work.settings["seed"])

    def _unfiltered(self, work: Work, folder: Path) -> list[Example]:
        """The rows of a generation that left all filters out; a language model is asked nothing that it was."""
        generation = GenerateStage().generation(work)
        generation.generation.output_dir = str(folder)
        generation.filters.skip_filters = [name for name in FILTERS if name != "round_trip"]
        generation.filters.round_trip_model = None
        made = api.generate_dataset(api.start(generation, work.ask()))
        return [row for name in SPLITS for row in made.splits[name]]


class ReportStage(Stage):
    """Writes the page of the journey and the model cards: `report.html`, `README.md`."""

    name = "report"
    needs = tuple(name for name in STAGES if name != "report")

    def run(self, work: Work) -> StageResult:
        """Works part way too: of stages that were left out it says so."""
        from qa_pipeline.journey.page.report import JourneyOutline, StageState, report_html
        from qa_pipeline.journey.results.card import model_card

        facts = {name: dict(result.facts) for name, result in work.inputs.items()}
        stages, files = {}, {"report": work.root / REPORT, "card": work.root / CARD}
        for name, one in JourneyRecord(work.root).stages.items():
            skipped, why = one.facts.get("skipped"), one.why or one.facts.get("why")
            state = "skipped" if skipped else "stopped" if one.status == STOPPED else "done"
            stages[name] = StageState(state, one.seconds, why if state != "done" else None)
        outline = JourneyOutline(
            prompt=str(facts["parse"]["specification"].get("prompt", "")),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            stages={name: state for name, state in stages.items() if name != self.name},
            files={f"{name}/{key}": str(path) for name, one in work.inputs.items() for key, path in one.files.items()},
            next_steps=next_steps(work.root, facts, work.settings["documents"] or ()),
        )
        name = work.root.name or "model"
        with artifacts.writing(work.root, resumes=True):
            artifacts.write_text(files["report"], report_html(facts, outline))
            artifacts.write_text(files["card"], model_card(facts, name=name, folder=MODEL, merged=True))
            if (work.root / MODEL).is_dir():
                card = model_card(facts, name=name, folder=".", merged=True)
                files["model_card"] = artifacts.write_text(work.root / MODEL / CARD, card)
        return StageResult(files, {})


def _rows(path: Path | None) -> list[Example]:
    return [] if path is None else load_examples(path, on_bad_data="error", merge_references=False)[0]


def _score_lines(metrics: Mapping[str, Any]) -> list[str]:
    """The scores, and who made the test questions, which decides what they say."""
    if not metrics["measured"]:
        return [f"not measured: {metrics['why_not']}"]
    test = metrics["test"]
    lines = []
    for label, title in (("base", "before training"), ("tuned", "this model")):
        f1, exact = metrics[label]["f1"], metrics[label]["exact_match"]
        interval = f"({f1['low']:.1f} to {f1['high']:.1f})"
        lines.append(f"{title:<16} exact match {exact['value']:5.1f}   F1 {f1['value']:5.1f} {interval}")
    return [
        *lines,
        f"{counted(test['questions'], 'test question')}. {test['made_by_words']}",
        short(metrics["verdict"][0], 300),
    ]
