"""The stages that say what the model is worth: answers on the test split, scores, metrics, report and card.

Each hands files and facts to a public function and writes what comes back. Trains only what an ablation asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.journey.stage import STAGES, Stage, StageResult, Work

METRICS = "metrics.json"
REPORT = "report.html"
CARD = "README.md"


class ExecuteStage(Stage):
    """Answers the test questions with the chosen model: `execute/`."""

    name = "execute"
    needs = ("process", "select")

    def run(self, work: Work) -> StageResult:
        """Goes on in the middle of a file of questions where a killed run was."""
        from qa_pipeline.journey.execution import execute

        model, test = work.file("select", "model"), work.file("process", "test")
        if test is None:
            return StageResult({}, {"rows": 0, "why": "there are no test questions"})
        raise NotImplementedError(execute, model)


class EvaluateStage(Stage):
    """Scores the answers, the model before training beside them: `metrics.json`."""

    name = "evaluate"
    needs = ("process", "generate", "retrieve_data", "retrieve_model", "train", "select", "execute")
    settings = ("metrics_output_path", "ablate", "seed")

    def run(self, work: Work) -> StageResult:
        """Where there are no test questions, the metrics say that nothing was measured, and why."""
        raise NotImplementedError


class ReportStage(Stage):
    """Writes the page of the journey and the model cards: `report.html`, `README.md`."""

    name = "report"
    needs = tuple(name for name in STAGES if name != "report")

    def run(self, work: Work) -> StageResult:
        """Works part way too: stages that were left out are said to be."""
        from qa_pipeline.journey.card import model_card
        from qa_pipeline.journey.report import report_html

        record: dict[str, Any] = {name: dict(result.facts) for name, result in work.inputs.items()}
        files = {"report": work.root / REPORT, "card": work.root / CARD}
        card = model_card(record)
        with artifacts.writing(work.root, resumes=True):
            artifacts.write_text(files["report"], report_html(record))
            artifacts.write_text(files["card"], card)
            model = work.file("select", "model")
            if model is not None:
                files["model_card"] = artifacts.write_text(Path(model) / CARD, card)
        return StageResult(files, {})
