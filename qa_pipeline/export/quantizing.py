"""Rounds the weights and activations of a graph to int8, all but those of the question-answering head.

Never measures what that costs: that is `gate`. OpenVINO: NNCF's post-training quantisation with its settings for
transformers (SmoothQuant moves outliers of activations into the weights), whose ranges are calibrated on windows. ONNX:
dynamic quantisation, one scale for each output channel of a weight; the ranges of activations are taken anew for each
batch, so that there is nothing to calibrate. One scale for a whole weight is not offered: it cost 6 points of F1.

`spare_narrowing` leaves the products that narrow (the second of each feed-forward layer: more numbers go in than come
out) in float too. Their inputs have the outliers that rounding harms most: with a MiniLM-L6 of PolicyQA all of it cost
0.64 points of F1, without them 0.05.
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


def quantize_openvino(
    source: Path, target: Path, windows: Sequence[Mapping[str, np.ndarray]], *, spare_narrowing: bool = False
) -> None:
    """Writes the int8 graph of a float32 one.

    Args:
        source, target: .xml files.
        windows: model inputs, int64 (1, seq_len) each, that ranges of activations are taken from.
        spare_narrowing: see the module.

    Raises:
        ModelError: NNCF cannot quantise the graph.
    """
    openvino = load_openvino()
    with quiet_exporters():
        import nncf
    # Not by nncf.set_log_level, which sets the level of all handlers that others have put there too.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    graph = openvino.Core().read_model(str(source))
    in_float = _last_products(graph)
    if spare_narrowing:
        in_float += [name for name in _narrowing_products(graph) if name not in in_float]
    try:
        with quiet_exporters():
            graph = nncf.quantize(
                graph,
                nncf.Dataset(list(windows)),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(windows),
                ignored_scope=nncf.IgnoredScope(names=in_float),
            )
    except Exception as error:  # NNCF raises errors of many kinds for graphs that it does not know
        raise ModelError(
            f"the graph cannot be rounded to int8 by NNCF ({error_in_short(error)}); leave int8 out, or take onnx"
        ) from error
    openvino.save_model(graph, str(target), compress_to_fp16=False)


def quantize_onnx(source: Path, target: Path, *, spare_narrowing: bool = False) -> None:
    """Writes the int8 graph of a float32 one; paths are .onnx files."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantizing-") as folder, quiet_exporters():
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(str(prepared)).graph
        in_float = _last_nodes(graph) + (_narrowing_nodes(graph) if spare_narrowing else [])
        quantize_dynamic(
            prepared,
            target,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(_PRODUCTS),
            nodes_to_exclude=in_float,
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


def _narrowing_products(graph: Any) -> list[str]:
    """Names of the products of an OpenVINO graph whose weights, (out, in) or (in, out), make fewer numbers of more."""
    names = []
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weights = node.input(1).get_partial_shape()
        if weights.is_static and len(weights) == 2:
            shape = weights.to_shape()
            into, out = shape[::-1] if node.get_attributes()["transpose_b"] else shape
            if into > out:
                names.append(node.get_friendly_name())
    return names


def _narrowing_nodes(graph: Any) -> list[str]:
    """Names of the products of an ONNX graph whose weights make fewer numbers of more."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    names = []
    for node in graph.node:
        shape = shapes.get(node.input[1], ()) if node.op_type in _PRODUCTS else ()
        if len(shape) == 2:
            turned = any(one.name == "transB" and one.i for one in node.attribute)
            into, out = shape[::-1] if turned else shape
            if into > out:
                names.append(node.name)
    return names


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
