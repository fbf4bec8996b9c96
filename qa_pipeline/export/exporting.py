"""The main path of an export: load the model, write its graph, check it, round and measure it, and put it in place.

Everything is written into a folder beside the target, which takes its place when all is checked: a reader sees the old
export, none, or the whole new one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.export.encoder import encoder_at_hand, write_encoder
from qa_pipeline.export.gate import MOST_LOST_F1, Cost
from qa_pipeline.modeling.exported import EXPORT_FILE, FORMATS, OUTPUTS, ExportRecord, read_export, sha256, write_export
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.retrieval.embeddings import SEARCH_ENCODER

if TYPE_CHECKING:
    from qa_pipeline.data import Example
    from qa_pipeline.export.graph import Format
    from qa_pipeline.export.questions import Questions
    from qa_pipeline.export.source import ModelToExport

logger = logging.getLogger(__name__)

CALIBRATION_WINDOWS = 300
_COMPANIONS = (
    *(EXPORT_FILE, artifacts.MODEL_CARD, artifacts.QA_CONFIG, "config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "chat_template.jinja"),
    *("tokenizer.model", "sentencepiece.bpe.model", "spiece.model", "spm.model"),
)
"""What may stand beside the graph in an exported folder, as tokenizers save it."""
_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "openvino", "nncf", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class ExportReport:
    """What an export gave.

    Attributes:
        folder: the exported folder, which `QAPredictor.from_pretrained` loads.
        record: what its export.json says.
        size_mb: of the graph with its weights, in megabytes (10**6 bytes).
        logits_difference: largest difference of a float32 logit from the model's own, before any rounding to int8.
        cost: what int8 costs; None for float32, and where no questions were there to measure it.
    """

    folder: Path
    record: ExportRecord
    size_mb: float
    logits_difference: float
    cost: Cost | None


def export(
    model: str | Path,
    output_dir: str | Path,
    format: Format = "openvino",
    *,
    int8: bool = False,
    validation_data: str | Path | Sequence[Example] | None = None,
    calibration_data: str | Path | Sequence[Example] | None = None,
    calibration_windows: int = CALIBRATION_WINDOWS,
    max_eval_samples: int | None = None,
    most_lost_f1: float = MOST_LOST_F1,
    force: bool = False,
    search_encoder: str | None = EMBEDDED_MODEL,
    base_model: str | None = None,
    allow_new_head: bool = False,
    token: str | None = None,
    cache_dir: str | None = None,
    revision: str = "main",
    trust_remote_code: bool = False,
) -> ExportReport:
    """Writes a folder that answers as the model does, with OpenVINO or ONNX Runtime in place of torch.

    Args:
        model: run folder, adapter, merged model, Hub id or package:MODULE/FOLDER: what `QAPredictor` loads.
        output_dir: the folder to write; an earlier export there is replaced, anything else is refused.
        format: "openvino" (made for CPUs of Intel and AMD) or "onnx" (everywhere, browsers too).
        int8: round weights and activations to 8 bits; measured on `validation_data`.
        validation_data: labelled questions that int8 is measured on: a file in any format, or examples; None: the
            validation file of the model's own run.
        calibration_data: questions that the ranges of int8 are taken from (OpenVINO only); None: the training file of
            the model's own run. Their answers are not read.
        calibration_windows: how many windows of them at most.
        max_eval_samples: measure on at most so many questions, the first.
        most_lost_f1: more points of F1 lost by int8 are an error.
        force: write an int8 export that loses more, or that nothing could be measured on; its card says so.
        search_encoder: goes along, so that documents are searched by meaning without torch too: Hub id, folder or
            package:MODULE/FOLDER; None: none. The weights of the package, 45 MB, are for English; they are left out,
            with a warning, where they are not installed.
        base_model: base of an adapter, where it is no longer where the adapter's configuration says.
        allow_new_head: accept a model whose head was never trained (it answers at random).
        token, cache_dir, revision, trust_remote_code: of the Hub.

    Raises:
        ModelError: the model cannot be loaded or exported, a package is missing, logits differ, or int8 costs too much.
        ConfigError: the output folder holds something else, or arguments contradict each other.
        DataError: questions cannot be read, or the folder cannot be written.

    Example:
        >>> report = export("runs/quickstart", "exported", "openvino")  # doctest: +SKIP
        >>> QAPredictor.from_pretrained(report.folder).ask("How high is the fee?", text).text  # doctest: +SKIP
        '25 euros'
    """
    from qa_pipeline.export.graph import require_packages
    from qa_pipeline.export.source import load_source

    folder = Path(output_dir)
    _check_arguments(format, int8, validation_data, calibration_data, calibration_windows, most_lost_f1)
    check_output(folder)
    require_packages(format, int8)
    search_encoder = encoder_at_hand(search_encoder)
    source = load_source(
        str(model),
        base_model=base_model,
        allow_new_head=allow_new_head,
        token=token,
        cache_dir=cache_dir,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )
    questions = _questions(source, format, int8, validation_data, calibration_data, max_eval_samples, force)
    with artifacts.writing(folder), _beside(folder) as made:
        record, difference = _write_float(source, format, made)
        cost = None
        if int8:
            record, cost = _round(source, record, made, questions, calibration_windows, most_lost_f1, force)
        if search_encoder is not None:
            write_encoder(made / SEARCH_ENCODER, format, search_encoder)
        record = replace(record, files=_hashes(made, record))
        write_export(record, made)
        size = sum((made / name).stat().st_size for name in record.files) / 1e6
        _write_card(made, record, source, size, folder.name, most_lost_f1)
        _put_in_place(made, folder)
    return ExportReport(folder, record, size, difference, cost)


def check_output(folder: Path) -> None:
    """Makes sure that an export may be written there; changes nothing.

    Raises:
        ConfigError: the path is a file, or the folder holds something that no export wrote.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError("output_dir", f"{folder} is a file; give a folder")
    if not folder.is_dir():
        return
    content = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    try:
        earlier = read_export(folder)
    except ModelError:
        earlier = None
    own = set() if earlier is None else {*earlier.files, *_COMPANIONS}
    with contextlib.suppress(ModelError):
        if earlier is not None and (encoder := read_export(folder / SEARCH_ENCODER)) is not None:
            own |= {f"{SEARCH_ENCODER}/{name}" for name in (*encoder.files, *_COMPANIONS)}
    if others := sorted(content - own):
        raise ConfigError(
            "output_dir",
            f"{folder} holds what no export wrote (found {', '.join(others[:3])}); give another output_dir, or an "
            "empty one",
        )


@dataclass(frozen=True)
class _Measures:
    """Questions of an int8 export; None where there are none, or none are needed."""

    calibration: Questions | None
    validation: Questions | None


def _check_arguments(
    form: str,
    int8: bool,
    validation_data: Any,
    calibration_data: Any,
    windows: int,
    most_lost_f1: float,
) -> None:
    problems = []
    if form not in FORMATS:
        problems.append(f"format: expected {' or '.join(FORMATS)}, found {form!r}")
    for name, value in (("validation_data", validation_data), ("calibration_data", calibration_data)):
        if value is not None and not int8:
            problems.append(f"{name}: only has a meaning with int8; set that or leave it out")
    if calibration_data is not None and int8 and form == "onnx":
        problems.append("calibration_data: int8 of onnx takes its ranges anew for each batch; leave it out")
    if windows < 1:
        problems.append(f"calibration_windows: expected at least 1, found {windows}")
    if not most_lost_f1 >= 0:
        problems.append(f"most_lost_f1: expected at least 0, found {most_lost_f1}")
    if problems:
        raise ConfigError("export", problems)


def _questions(
    source: ModelToExport,
    form: str,
    int8: bool,
    validation_data: Any,
    calibration_data: Any,
    max_eval_samples: int | None,
    force: bool,
) -> _Measures:
    """Reads them before anything is computed, so that a name without a file shows at once."""
    from qa_pipeline.export.questions import read_questions

    if not int8:
        return _Measures(None, None)
    validation = read_questions(validation_data, "validation", source.folder, most=max_eval_samples)
    if validation is None and not force:
        raise ModelError(
            f"{source.name}: there are no questions to measure int8 on: the model's folder names no validation file "
            "that is here. Give validation_data, a file of labelled questions; or force it, and what int8 costs stays "
            "unknown"
        )
    if form == "onnx":
        return _Measures(None, validation)
    calibration = read_questions(calibration_data, "train", source.folder)
    if calibration is None:
        raise ModelError(
            f"{source.name}: there are no questions to calibrate int8 on: the model's folder names no training file "
            "that is here. Give calibration_data, a file of questions with texts as the model will be asked"
        )
    return _Measures(calibration, validation)


def _write_float(source: ModelToExport, form: Format, made: Path) -> tuple[ExportRecord, float]:
    """Writes everything but the card, in float32, and compares logits."""
    from qa_pipeline.export.checking import check_logits, example_inputs
    from qa_pipeline.export.graph import MODEL_FILES, write_graph

    model_file = MODEL_FILES[form, "float32"]
    (made / model_file).parent.mkdir(exist_ok=True)
    source.write_companions(made)
    logger.info("%s: writing its graph (%s).", source.name, form)
    inputs = example_inputs(source.tokenizer, source.settings)
    taken = write_graph(source.model, inputs, form, made / model_file, source.name)
    record = ExportRecord(
        format=form,
        precision="float32",
        model_file=model_file,
        inputs=tuple(taken),
        outputs=OUTPUTS,
        files={},
        model_type=source.model_type,
        num_parameters=source.predictor.num_parameters,
        longest_window=source.longest_window,
        head_untrained=source.predictor.head_untrained,
        source=source.shown_name,
        source_fingerprint=source.fingerprint,
        versions=_versions(form),
    )
    difference = check_logits(source.model, made, record, source.tokenizer, source.settings)
    logger.info("Its logits are the model's own, to within %.2g.", difference)
    return record, difference


def _round(
    source: ModelToExport,
    record: ExportRecord,
    made: Path,
    questions: _Measures,
    windows: int,
    most_lost_f1: float,
    force: bool,
) -> tuple[ExportRecord, Cost | None]:
    """Puts the int8 graph in the place of the float32 one, and measures what that costs.

    Where it costs too much, it is made once more with the products in float that rounding harms most.
    """
    from qa_pipeline.export.checking import check_logits
    from qa_pipeline.export.gate import cost_of, require_little_lost
    from qa_pipeline.predictor import QAPredictor

    exact = _put_aside(made / record.model_file)
    for spare_narrowing in (False, True):
        record = _quantize(source, record, exact, made, questions.calibration, windows, spare_narrowing)
        check_logits(source.model, made, record, source.tokenizer, source.settings)
        if questions.validation is None:
            logger.warning("%s: nothing was measured, so that nobody knows what int8 costs.", source.name)
            cost = None
            break
        logger.info("Asking %s questions before and after.", f"{len(questions.validation.rows):,}")
        write_export(replace(record, files=_hashes(made, record)), made)
        after = QAPredictor.from_pretrained(made)
        cost = cost_of(source.predictor, after, questions.validation)
        if cost.lost_f1 <= most_lost_f1:
            break
        if not spare_narrowing:
            logger.info(
                "It costs %.2f points of F1: made once more, with the second product of each feed-forward layer in "
                "float.",
                cost.lost_f1,
            )
    for path in exact.parent.glob(f"{exact.stem}.*"):
        path.unlink()
    if cost is None:
        return record, None
    if not force:
        require_little_lost(cost, most_lost_f1)
    return replace(record, scores=cost.as_json() | {"most_lost_f1": most_lost_f1}), cost


def _put_aside(graph: Path) -> Path:
    """Gives the files of a graph another name, so that another graph can have theirs."""
    for path in graph.parent.glob(f"{graph.stem}.*"):
        os.replace(path, path.with_name(f"exact{path.suffix}"))
    return graph.with_name(f"exact{graph.suffix}")


def _quantize(
    source: ModelToExport,
    record: ExportRecord,
    exact: Path,
    made: Path,
    calibration: Questions | None,
    windows: int,
    spare_narrowing: bool,
) -> ExportRecord:
    from qa_pipeline.export.checking import single_windows
    from qa_pipeline.export.graph import MODEL_FILES
    from qa_pipeline.export.quantizing import quantize_onnx, quantize_openvino
    from qa_pipeline.export.questions import calibration_windows

    model_file = MODEL_FILES[record.format, "int8"]
    in_float = "head and second feed-forward products in float" if spare_narrowing else "head in float"
    if record.format == "onnx":
        logger.info("Rounding it to int8.")
        quantize_onnx(exact, made / model_file, spare_narrowing=spare_narrowing)
        how: dict[str, Any] = {"method": f"onnxruntime dynamic, per channel, {in_float}"}
        return replace(record, precision="int8", model_file=model_file, calibration=how)
    assert calibration is not None
    drawn = calibration_windows(calibration, source.preprocess, windows)
    logger.info("Rounding it to int8, calibrated on %d windows of %s.", len(drawn), calibration.source)
    batches = [{name: window[name] for name in record.inputs} for window in single_windows(drawn, source.tokenizer)]
    rounded = made / "rounded.xml"
    quantize_openvino(exact, rounded, batches, spare_narrowing=spare_narrowing)
    for path in (rounded.with_suffix(".bin"), rounded):
        os.replace(path, (made / model_file).with_suffix(path.suffix))
    how = {
        "method": f"nncf post-training, transformer, {in_float}",
        "source": calibration.source,
        "fingerprint": calibration.fingerprint,
        "windows": len(drawn),
    }
    return replace(record, precision="int8", calibration=how)


def _write_card(
    made: Path, record: ExportRecord, source: ModelToExport, size_mb: float, name: str, most_lost_f1: float
) -> None:
    from qa_pipeline.export.card import export_card

    card = export_card(record, source.card, size_mb=size_mb, name=name, most_lost_f1=most_lost_f1)
    artifacts.write_text(made / artifacts.MODEL_CARD, card)


# The folder


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder beside the target, gone when the block ends; those that killed exports left go too."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.exporting"
    made.mkdir()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put_in_place(made: Path, folder: Path) -> None:
    """Renames; an earlier export stands aside for that moment, and comes back where the rename fails."""
    for path in made.rglob("*"):
        if path.is_file():
            path.chmod((made / EXPORT_FILE).stat().st_mode)  # some libraries write files that only their owner may read
            with open(path, "rb") as handle:
                os.fsync(handle.fileno())
    earlier = made.with_suffix(".earlier")
    if folder.exists():
        os.replace(folder, earlier)
    try:
        os.replace(made, folder)
    except OSError:
        if earlier.exists():
            os.replace(earlier, folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _hashes(made: Path, record: ExportRecord) -> dict[str, str]:
    """SHA-256 of the files of the graph: OpenVINO has its weights in a .bin beside the .xml."""
    graph = made / record.model_file
    return {path.relative_to(made).as_posix(): sha256(path) for path in sorted(graph.parent.glob(f"{graph.stem}.*"))}


def _versions(form: str) -> dict[str, str]:
    others = ("openvino", "nncf") if form == "onnx" else ("onnxruntime",)
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            if package not in others:
                found[package] = metadata.version(package)
    return found
