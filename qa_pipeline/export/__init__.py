"""Exported models: a reader as a graph of OpenVINO or ONNX, which answers without torch.

The main path is `exporting.export`: `source` loads the model, `graph` turns it into a graph, `quantizing` rounds that
to int8 where asked, `checking` compares logits, `gate` the scores, `questions` finds the questions for both, and `card`
writes README.md. Loading an exported folder is not here: `QAPredictor.from_pretrained` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_pipeline.export.exporting import ExportReport, export

__all__ = ["ExportReport", "export"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from qa_pipeline.export import exporting

    return getattr(exporting, name)
