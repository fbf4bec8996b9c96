"""Opens an exported model with its runtime, OpenVINO or ONNX Runtime: arrays of token ids in, arrays of logits out.

Imports neither torch nor transformers. A runtime may be asked by several threads at once, pickled, and used in a
process that was forked after it was opened: there it opens its file anew, as the threads of the parent do not survive.
(ONNX Runtime computes in such a process, but keeps it from ending by itself, which is said in a warning.)
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import ExportRecord
from qa_pipeline.wording import error_in_short

logger = logging.getLogger(__name__)

PRECISIONS = ("auto", "float32", "bfloat16")
ROUNDED_TO = 16
SHAPES_KEPT = 100
"""Prepared operations that OpenVINO keeps; a shape of a batch has about ten."""
Arrays = list[np.ndarray]
_Infer = Callable[[dict[str, np.ndarray]], Arrays]


class Runtime:
    """An exported model that is open.

    Args:
        folder: the exported folder.
        record: of it, from `read_export`.
        threads: that compute; None: one for each core.
        precision: "auto" computes in bfloat16 where the processor does so natively and the runtime can (OpenVINO), else
            in float32; or "float32" or "bfloat16". The numbers that go in and out stay the same.

    Attributes:
        folder, record, precision: as given.

    Raises:
        ModelError: the runtime is not installed, cannot open the model, or does not compute so.

    Example:
        >>> record = read_export("exported")  # doctest: +SKIP
        >>> runtime = Runtime("exported", record)  # doctest: +SKIP
        >>> start_logits, end_logits = runtime.run(batch)  # doctest: +SKIP
    """

    def __init__(
        self, folder: str | Path, record: ExportRecord, *, threads: int | None = None, precision: str = "auto"
    ):
        if precision not in PRECISIONS:
            raise ModelError(f"dtype {precision!r}: an exported model computes in one of {', '.join(PRECISIONS)}")
        if precision == "bfloat16" and record.format == "onnx":
            raise ModelError(
                "dtype bfloat16: ONNX Runtime computes this model in float32; use auto, or export it with "
                "--format openvino"
            )
        self.folder, self.record, self.precision = Path(folder), record, precision
        self._threads = threads
        self._infer: _Infer | None = None
        self._open()

    def run(self, batch: Mapping[str, np.ndarray]) -> Arrays:
        """Computes one batch.

        Args:
            batch: of the record's inputs each (batch, seq_len) int64; other arrays are left alone.

        Returns:
            The record's outputs in their order, float32; of a reader start and end logits, each (batch, seq_len).

        Raises:
            ModelError: the runtime cannot compute it, for example for want of memory.
        """
        with self._lock:
            if self._infer is None:
                if self.record.format == "onnx":
                    logger.warning(
                        "a model of ONNX Runtime was opened before this process was forked: the process may not end by "
                        "itself; load the model in the process that asks it, or export it with --format openvino"
                    )
                self._infer = self._opened()
            infer = self._infer
        inputs = {name: batch[name] for name in self.record.inputs}
        try:
            return infer(inputs)
        except Exception as error:  # the runtimes raise RuntimeError and kinds of their own
            shape = next(iter(inputs.values())).shape
            raise ModelError(
                f"{self.folder}: {self.record.format} cannot compute a batch of {shape} (windows, tokens): "
                f"{error_in_short(error)}; lower batch_tokens where memory is short"
            ) from error

    def _open(self) -> None:
        self._lock = threading.Lock()
        self._infer = self._opened()
        _OPEN.add(self)

    def _opened(self) -> _Infer:
        opener = {"openvino": _open_openvino, "onnx": _open_onnx}[self.record.format]
        path = self.folder / self.record.model_file
        try:
            return opener(path, self.record, self._threads, self.precision)
        except ImportError as error:
            package = {"openvino": "openvino", "onnx": "onnxruntime"}[self.record.format]
            raise ModelError(f"{self.folder} needs {package}; run: pip install {package}") from error
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{path} cannot be opened: {error_in_short(error)}; export the model again") from error

    def _forget(self) -> None:
        """In a process that was forked: the next batch opens the file anew."""
        # To close what the parent opened would wait for its threads for ever, so it must never be collected.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._infer))
        self._lock, self._infer = threading.Lock(), None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_infer", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._infer = None
        self._open()


_OPEN: weakref.WeakSet[Runtime] = weakref.WeakSet()


def _forget_all() -> None:
    for runtime in list(_OPEN):
        runtime._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _open_openvino(path: Path, record: ExportRecord, threads: int | None, precision: str) -> _Infer:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # else it tells its makers of imports
    import openvino

    core = openvino.Core()
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bfloat16" and not native:
        raise ModelError("dtype bfloat16: this processor does not compute it natively; use auto or float32")
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "bf16" if native and precision != "float32" else "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    return _OpenVINO(core, path, options, record)


class _OpenVINO:
    """A graph that is open: one window is computed by all threads, a batch in parts that each have their own threads.

    The parts do not wait for each other within a layer: measured on two cores with a MiniLM-L6, batches of 128 tokens a
    window take three quarters of the time. The graph for batches is compiled when the first batch comes.

    OpenVINO prepares itself for each new shape of a batch, and keeps that: 4 MB a shape with a MiniLM-L6. So windows
    are padded to multiples of ROUNDED_TO tokens, and SHAPES_KEPT bounds what is kept.
    """

    def __init__(self, core: Any, path: Path, options: Mapping[str, Any], record: ExportRecord):
        self._core, self._path, self._record = core, path, record
        self._options = {**options, "CPU_RUNTIME_CACHE_CAPACITY": SHAPES_KEPT}
        self._alone = self._compiled("LATENCY")
        self._parallel: Any = None
        self._lock = threading.Lock()
        # A request computes one batch at a time; a thread that comes meanwhile gets another.
        self._free: dict[bool, list[Any]] = {False: [], True: []}

    def __call__(self, inputs: dict[str, np.ndarray]) -> Arrays:
        windows, length = next(iter(inputs.values())).shape
        inputs = self._rounded(inputs, length)
        count = min(windows, self._most_parts()) if windows > 1 else 1
        edges = [windows * i // count for i in range(count + 1)]
        parts = [{name: array[a:b] for name, array in inputs.items()} for a, b in itertools.pairwise(edges)]
        requests = [self._taken(count > 1) for _ in parts]
        for request, part in zip(requests, parts, strict=True):
            request.start_async(part)
        for request in requests:
            request.wait()
        # The arrays of a request are written over by its next batch, so they are copied.
        found = [
            np.concatenate([request.get_tensor(name).data for request in requests], dtype=np.float32)
            for name in self._record.outputs
        ]
        self._free[count > 1] += requests
        return [output[:, :length] if output.ndim > 1 and output.shape[1] > length else output for output in found]

    def _rounded(self, inputs: dict[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
        """The arrays with columns of zeros behind them, which the attention mask leaves out."""
        wanted = -(-length // ROUNDED_TO) * ROUNDED_TO
        more = min(wanted, self._record.longest_window or wanted) - length
        if more <= 0:
            return inputs
        return {name: np.pad(array, ((0, 0), (0, more))) for name, array in inputs.items()}

    def _most_parts(self) -> int:
        with self._lock:
            if self._parallel is None:
                self._parallel = self._compiled("THROUGHPUT")
        return int(self._parallel.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def _compiled(self, hint: str) -> Any:
        return self._core.compile_model(self._path, "CPU", {**self._options, "PERFORMANCE_HINT": hint})

    def _taken(self, parallel: bool) -> Any:
        try:
            return self._free[parallel].pop()
        except IndexError:
            return (self._parallel if parallel else self._alone).create_infer_request()


def _open_onnx(path: Path, record: ExportRecord, threads: int | None, precision: str) -> _Infer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = list(record.outputs)

    def infer(inputs: dict[str, np.ndarray]) -> Arrays:
        return [np.asarray(output, dtype=np.float32) for output in session.run(names, inputs)]

    return infer
