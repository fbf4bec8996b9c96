"""Turns a question-answering model of torch into a graph of ONNX or OpenVINO, in float32 and for windows of any shape.

Never sees a question and decides nothing: whether the graph answers as the model does is `checking`.

OpenVINO is made from the torch model itself, since attention stays one operation there: measured with a MiniLM-L6 on a
core with AMX, bfloat16 and windows of 384 tokens take 1.6 times as long in a graph that came through ONNX. Models that
OpenVINO cannot read that way (causal ones) come through ONNX all the same.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import OUTPUTS
from qa_pipeline.wording import error_in_short

logger = logging.getLogger(__name__)

Format = Literal["openvino", "onnx"]
MODEL_FILES = {
    ("openvino", "float32"): "openvino_model.xml",
    ("openvino", "int8"): "openvino_model.xml",
    ("onnx", "float32"): "onnx/model.onnx",
    ("onnx", "int8"): "onnx/model_quantized.onnx",
}
"""The file of the graph, by format and precision; those of ONNX are where transformers.js looks for them."""
TYPES_THAT_WORK = ("bert", "distilbert", "roberta", "xlm-roberta", "electra", "deberta-v2", "albert", "modernbert")
"""Model types whose export is tested."""
_LARGEST_ONNX = 2_000_000_000
"""Bytes that one file of protobuf, and so of ONNX, can hold."""


def require_packages(form: Format, int8: bool) -> None:
    """Makes sure that what an export needs is installed, before anything is loaded.

    Raises:
        ModelError: a package is missing; says what to install.
    """
    needed = ["openvino", "nncf"] if form == "openvino" and int8 else [form]
    needed += ["onnxscript", "onnxruntime"] if form == "onnx" else []
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        named, wanted = " and ".join(missing), " ".join(missing)
        raise ModelError(f"export to {form} needs {named}, which is not installed; run: pip install {wanted}")


def load_openvino() -> Any:
    """The module openvino, without what it would tell its makers of each import and conversion."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # importing it fails, so that it is left out
    import openvino

    return openvino


def write_graph(
    model: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    form: Format,
    path: Path,
    name: str,
    *,
    outputs: Sequence[str] = OUTPUTS,
    half: bool = False,
) -> list[str]:
    """Writes the graph of a model, which computes in float32.

    Args:
        model: in float32 on the CPU, adapters merged.
        inputs: an example of what it is given, int64 (batch, seq_len) each, of two rows or more with padding in one:
            tracing takes an axis of length 1 for a constant.
        form: "openvino" or "onnx".
        path: the file, in a folder that is there; OpenVINO writes a .bin beside its .xml.
        name: of the model, for messages.
        outputs: what of the model's output the graph gives.
        half: keep the weights in float16, in half the room; of OpenVINO only.

    Returns:
        The names of the inputs that the graph takes.

    Raises:
        ModelError: a model of this kind cannot be exported to this format.
    """
    wrapped = _Outputs(model, outputs).eval()
    try:
        if form == "onnx":
            return _write_onnx(wrapped, inputs, path)
        return _write_openvino(wrapped, inputs, path, half)
    except ModelError:
        raise
    except Exception as error:  # exporters raise their own errors, and whatever the model's code does while traced
        kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
        raise ModelError(
            f"{name}: a model of type {kind!r} cannot be exported to {form} ({error_in_short(_root(error))}). Ask it "
            f"with torch as it is, or train a model of a type that can be: {', '.join(TYPES_THAT_WORK)}"
        ) from error


def _root(error: BaseException) -> BaseException:
    """What went wrong first: exporters wrap it in errors that speak of their own steps."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


class _Outputs(nn.Module):
    """A model that gives tensors in place of an output object, which no graph can."""

    def __init__(self, model: nn.Module, names: Sequence[str]):
        super().__init__()
        self.model, self.names = model, tuple(names)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        """The tensors of these names, (batch, seq_len, ...) each."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        outputs = self.model(input_ids=input_ids, attention_mask=attention_mask, **types)
        return tuple(outputs[name] for name in self.names)


def _write_onnx(wrapped: _Outputs, inputs: Mapping[str, torch.Tensor], path: Path) -> list[str]:
    size = sum(tensor.nbytes for tensor in (*wrapped.parameters(), *wrapped.buffers()))
    if size > _LARGEST_ONNX * 0.95:
        raise ModelError(
            f"{size / 1e9:.1f} GB of weights do not fit into a file of ONNX, which holds 2 GB; export to openvino"
        )
    either = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with quiet_exporters():
        torch.onnx.export(
            wrapped,
            kwargs=dict(inputs),
            f=str(path),
            input_names=list(inputs),
            output_names=list(wrapped.names),
            dynamic_shapes={name: either for name in inputs},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    import onnx

    return [one.name for one in onnx.load(str(path), load_external_data=False).graph.input]


def _write_openvino(wrapped: _Outputs, inputs: Mapping[str, torch.Tensor], path: Path, half: bool) -> list[str]:
    openvino = load_openvino()
    try:
        with quiet_exporters():
            shape = openvino.PartialShape([-1, -1])
            graph = openvino.convert_model(
                wrapped,
                example_input=dict(inputs),
                input=[(name, shape, openvino.Type.i64) for name in inputs],
            )
    except Exception as error:
        if any(importlib.util.find_spec(package) is None for package in ("onnx", "onnxscript")):
            raise
        logger.info("OpenVINO cannot read the torch model (%s): it comes through ONNX.", error_in_short(error))
        through = path.with_name(".through.onnx")
        try:
            _write_onnx(wrapped, inputs, through)
            graph = openvino.convert_model(through)
        finally:
            through.unlink(missing_ok=True)
    for port, name in zip(graph.outputs, wrapped.names, strict=True):
        port.get_tensor().set_names({name})
    openvino.save_model(graph, str(path), compress_to_fp16=half)
    return [port.get_any_name() for port in graph.inputs]


@contextlib.contextmanager
def quiet_exporters() -> Iterator[None]:
    """Holds back what the exporters print and warn of: it is about their own insides."""
    aside = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(aside), contextlib.redirect_stderr(aside):
        warnings.simplefilter("ignore")
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(level)
