"""Writes an exported ONNX folder of a predictor that is in memory."""

from __future__ import annotations

import json
from pathlib import Path

from qa_pipeline.modeling.settings import write_settings


def export_onnx(predictor, folder: Path, **changes) -> None:
    """Writes config, tokenizer, settings, export.json and onnx/model.onnx (float32, both axes dynamic).

    Args:
        predictor: on the CPU, in float32.
        folder: made where it is missing.
        changes: to export.json.
    """
    import torch

    class Logits(torch.nn.Module):
        def __init__(self, model, names):
            super().__init__()
            self.model, self.names = model, names

        def forward(self, *inputs):
            outputs = self.model(**dict(zip(self.names, inputs, strict=True)))
            return outputs.start_logits, outputs.end_logits

    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    predictor.model.config.save_pretrained(folder)
    predictor.tokenizer.save_pretrained(folder)
    write_settings(predictor.settings, folder)
    names = [n for n in ("input_ids", "attention_mask", "token_type_ids") if n in predictor.tokenizer.model_input_names]
    encoded = predictor.tokenizer(["who is it", "why"], ["it was she who came", "she was late"], padding=True)
    inputs = tuple(torch.tensor(encoded[name]) for name in names)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("seq_len")}
    torch.onnx.export(
        Logits(predictor.model, names).eval(),
        inputs,
        str(folder / "onnx" / "model.onnx"),
        input_names=names,
        output_names=["start_logits", "end_logits"],
        dynamic_shapes=(tuple(axes for _ in names),),
        external_data=False,
        verbose=False,
    )
    record = {
        "format_version": 1,
        "kind": "reader",
        "format": "onnx",
        "precision": "float32",
        "model_file": "onnx/model.onnx",
        "inputs": names,
        "outputs": ["start_logits", "end_logits"],
        "longest_window": predictor.settings.max_seq_length,
        "head_untrained": predictor.head_untrained,
        "source": predictor.name,
    }
    (folder / "export.json").write_text(json.dumps({**record, **changes}))


def with_settings(models: Path, name: str, **changes) -> str:
    """A folder with the files of models/warm and other settings.

    Returns:
        Its address below the page.
    """
    folder = models / name
    folder.mkdir()
    for file in (models / "warm").iterdir():
        (folder / file.name).symlink_to(file)
    settings = json.loads((folder / "qa_config.json").read_text())
    (folder / "qa_config.json").unlink()
    (folder / "qa_config.json").write_text(json.dumps({**settings, **changes}))
    return f"models/{name}/"
