"""Rounds the weights and activations of a graph to int8, all but those of the question-answering head.

Never measures what that costs: that is `gate`. OpenVINO: NNCF's post-training quantisation with its settings for
transformers (SmoothQuant moves outliers of activations into the weights), whose ranges are calibrated on windows. ONNX:
dynamic quantisation, one scale for each output channel of a weight; the ranges of activations are taken anew for each
batch, so that there is nothing to calibrate. One scale for a whole weight is not offered: it cost 6 points of F1.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.export.graph import load_openvino, quiet_exporters
from qa_pipeline.wording import error_in_short

_PRODUCTS = ("MatMul", "Gemm")


def quantize_openvino(source: Path, target: Path, windows: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Writes the int8 graph of a float32 one.

    Args:
        source, target: .xml files.
        windows: model inputs, int64 (1, seq_len) each, that ranges of activations are taken from.

    Raises:
        ModelError: NNCF cannot quantise the graph.
    """
    openvino = load_openvino()
    with quiet_exporters():
        import nncf
    nncf.set_log_level(logging.ERROR)
    graph = openvino.Core().read_model(str(source))
    head = _last_products(graph)
    try:
        with quiet_exporters():
            graph = nncf.quantize(
                graph,
                nncf.Dataset(list(windows)),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(windows),
                ignored_scope=nncf.IgnoredScope(names=head),
            )
    except Exception as error:  # NNCF raises errors of many kinds for graphs that it does not know
        raise ModelError(
            f"the graph cannot be rounded to int8 by NNCF ({error_in_short(error)}); leave int8 out, or take onnx"
        ) from error
    openvino.save_model(graph, str(target), compress_to_fp16=False)


def quantize_onnx(source: Path, target: Path) -> None:
    """Writes the int8 graph of a float32 one; paths are .onnx files."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantizing-") as folder, quiet_exporters():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(
            prepared,
            target,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(_PRODUCTS),
            nodes_to_exclude=_last_nodes(onnx.load(str(prepared)).graph),
        )


def _last_products(graph: Any) -> list[str]:
    """Names of the matrix products that the outputs of an OpenVINO graph come from first: the head."""
    names, seen = set(), set()
    waiting = [port.get_node() for port in graph.outputs]
    while waiting:
        node = waiting.pop()
        name = node.get_friendly_name()
        if name in seen:
            continue
        seen.add(name)
        if node.get_type_name() == "MatMul":
            names.add(name)
            continue
        waiting += [port.get_source_output().get_node() for port in node.inputs()]
    return sorted(names)


def _last_nodes(graph: Any) -> list[str]:
    """Names of the matrix products that the outputs of an ONNX graph come from first: the head."""
    makers = {output: node for node in graph.node for output in node.output}
    names, seen = set(), set()
    waiting = [one.name for one in graph.output]
    while waiting:
        value = waiting.pop()
        if value in seen or value not in makers:
            continue
        seen.add(value)
        node = makers[value]
        if node.op_type in _PRODUCTS:
            names.add(node.name)
        else:
            waiting += node.input
    return sorted(names)
