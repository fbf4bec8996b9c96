"""`qa-pipeline export MODEL --output_dir DIR`: writes a folder that answers without torch."""

from __future__ import annotations

import logging
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from qa_pipeline.arguments.help import PRECEDENCE, help_text
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting
from qa_pipeline.cli.ask_words import model_first
from qa_pipeline.console import run_in_terminal
from qa_pipeline.wording import plain

if TYPE_CHECKING:
    from qa_pipeline.export import ExportReport

PROGRAM = "qa-pipeline export"


@dataclass
class ExportArguments:
    """What is exported, and to what."""

    _argument_group_name: ClassVar[str] = "the export"

    model: str | None = setting(
        None, "A run folder, an output folder of prompt2model, a Hub id; or package:MODULE/FOLDER. It may stand first."
    )
    output_dir: str | None = setting(
        None, "The folder to write. An earlier export there is replaced; a folder that holds anything else is refused."
    )
    format: Literal["openvino", "onnx"] = setting(
        "openvino", "openvino is the fastest on CPUs of Intel and AMD; onnx runs everywhere, in browsers too."
    )
    int8: bool = setting(
        False, "Round weights and activations to 8 bits: a smaller and faster model, whose answers differ a little."
    )
    force: bool = setting(
        False, "Write an int8 export that loses too much, or that nothing was measured on; its card says so."
    )
    search_encoder: bool = setting(
        True,
        "Take along the encoder that documents are searched with by meaning, 45 MB (onnx: 90 MB). --no_search_encoder: "
        "leave it out; without torch they are then searched by their words alone.",
    )
    search_encoder_model: str | None = setting(
        None,
        "Another encoder, trained for mean pooling: a Hub id or a folder; None: the package's weights, for English.",
        requires="search_encoder",
    )


@dataclass
class Int8Arguments:
    """How int8 is made and measured."""

    _argument_group_name: ClassVar[str] = "int8"

    validation_data: str | None = setting(
        None,
        "Labelled questions to measure int8 on, in any format; None: the validation file of the model's own run.",
        requires="int8",
    )
    calibration_data: str | None = setting(
        None,
        "Questions with texts to take the ranges of int8 from (openvino only); None: the training file of the model's "
        "own run. Their answers are not read.",
        requires="int8",
    )
    calibration_windows: int = setting(300, "At most so many windows of them.", least=1, requires="int8")
    max_eval_samples: int | None = setting(
        None, "Measure on at most so many questions, the first.", least=1, requires="int8"
    )
    most_lost_f1: float = setting(0.5, "More points of F1 lost are an error.", least=0, requires="int8")


@dataclass
class SourceArguments:
    """How the model is loaded."""

    _argument_group_name: ClassVar[str] = "model"

    base_model: str | None = setting(None, "Base of an adapter, if it is no longer where the adapter says.")
    cache_dir: str | None = setting(None, "Where downloads from the Hub are kept.")
    model_revision: str = setting("main", "Branch, tag or commit of the model on the Hub.")
    token: str | None = setting(
        None, "Hub access token. Better left out: `hf auth login` or HF_TOKEN keep it out of files.", hidden=True
    )
    trust_remote_code: bool = setting(False, "Run model code that comes from the Hub. Only for repositories you trust.")


GROUPS = (ExportArguments, Int8Arguments, SourceArguments)


@dataclass
class ExportSettings(SourceArguments, Int8Arguments, ExportArguments):
    """Everything that the command needs to know; checked when it comes from `parse`."""


def main(argv: list[str]) -> int:
    """Writes the export and prints what it is.

    Returns:
        The exit code.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv)
    return run_in_terminal(lambda: run(arguments))


def parse(argv: list[str]) -> ExportSettings:
    """Resolves `[MODEL|CONFIG.yaml] [--key value ...]`; with -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found.
    """
    if "-h" in argv or "--help" in argv:
        usage = f"{PROGRAM} MODEL --output_dir DIR [--format openvino|onnx] [--int8] [--key value ...]"
        about = "Writes a folder that answers as the model does, with OpenVINO or ONNX Runtime in place of torch. "
        print(help_text(GROUPS, usage=usage, description=about + PRECEDENCE), end="")
        raise SystemExit(0)
    resolution = Resolution.read(model_first(argv), GROUPS)
    resolution.check_declared()
    values = resolution.make(ExportSettings)
    if not values.model:
        resolution.report_at("model", "is required; give a run folder, a Hub id or package:MODULE/FOLDER")
    if not values.output_dir:
        resolution.report_at("output_dir", "is required; give a folder that is not there yet")
    if values.calibration_data and values.format == "onnx":
        resolution.report("calibration_data format", "int8 of onnx takes its ranges anew for each batch; leave it out")
    for name in ("validation_data", "calibration_data"):
        path = getattr(values, name)
        if path and _looks_like_a_file(path) and not os.path.exists(path):
            resolution.report_at(name, f"no such file or folder: {path} (relative paths start at {os.getcwd()})")
    resolution.raise_problems()
    return values


def run(arguments: ExportSettings) -> int:
    """Exports, and says what became of it and how it is asked."""
    from qa_pipeline.export import export
    from qa_pipeline.modeling.paths import EMBEDDED_MODEL, model_folder

    logging.getLogger("qa_pipeline.export").setLevel(logging.INFO)
    report = export(
        model_folder(str(arguments.model)),
        str(arguments.output_dir),
        arguments.format,
        int8=arguments.int8,
        validation_data=arguments.validation_data,
        calibration_data=arguments.calibration_data,
        calibration_windows=arguments.calibration_windows,
        max_eval_samples=arguments.max_eval_samples,
        most_lost_f1=arguments.most_lost_f1,
        force=arguments.force,
        search_encoder=(arguments.search_encoder_model or EMBEDDED_MODEL) if arguments.search_encoder else None,
        base_model=arguments.base_model,
        token=arguments.token,
        cache_dir=arguments.cache_dir,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
    )
    print(plain(report_text(report)))
    return 0


def report_text(report: ExportReport) -> str:
    """What is printed of an export."""
    record = report.record
    lines = [
        f"{report.folder}: {record.source} for {record.format} in {record.precision}, {report.size_mb:.1f} MB",
        f"logits before any rounding: the model's own, to within {report.logits_difference:.2g}",
    ]
    if report.cost is not None:
        lines.append(f"int8: {report.cost.in_words()}")
    elif record.precision == "int8":
        lines.append("int8: what it costs was not measured")
    folder = shlex.quote(str(Path(report.folder)))
    lines.append(f'ask it:\n  qa-pipeline ask --model {folder} --documents DIR "QUESTION"')
    return "\n".join(lines)


def _looks_like_a_file(name: str) -> bool:
    """Whether a name is no Hub data set's."""
    return name.startswith((".", "/", "~")) or bool(Path(name).suffix) or name.count("/") != 1
