"""Exports a tiny model for tests of what opens it, by the plain converters of torch and OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa_pipeline.modeling import write_settings
from qa_pipeline.modeling.exported import OUTPUTS, ExportRecord, sha256, write_export


def save_export(predictor: Any, folder: Path, kind: str) -> Path:
    """Writes the model of a predictor (float32) as an exported folder.

    Args:
        predictor: a QAPredictor.
        folder: is made.
        kind: "onnx" or "openvino".
    """
    import torch

    names = ["input_ids", "attention_mask"]
    names += ["token_type_ids"] * ("token_type_ids" in predictor.tokenizer.model_input_names)

    class Logits(torch.nn.Module):
        def __init__(self, model: Any):
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            outputs = self.model(**dict(zip(names, inputs, strict=True)))
            return outputs.start_logits, outputs.end_logits

    folder.mkdir(parents=True)
    example = [torch.ones(2, 16, dtype=torch.long), torch.ones(2, 16, dtype=torch.long)]
    example += [torch.zeros(2, 16, dtype=torch.long)] * (len(names) - 2)
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence")}
    program = torch.onnx.export(
        Logits(predictor.model).eval(),
        tuple(example),
        dynamo=True,
        dynamic_shapes=((sizes,) * len(names),),
        input_names=names,
        output_names=list(OUTPUTS),
        verbose=False,
    )
    (folder / "onnx").mkdir()
    files = ["onnx/model.onnx"]
    program.save(folder / files[0])
    if kind == "openvino":
        import openvino

        files = ["openvino_model.xml", "openvino_model.bin"]
        model = openvino.convert_model(folder / "onnx/model.onnx")
        openvino.save_model(model, folder / files[0], compress_to_fp16=False)
    predictor.tokenizer.save_pretrained(folder)
    predictor.model.config.save_pretrained(folder)
    write_settings(predictor.settings, folder)
    record = ExportRecord(
        format=kind,
        precision="float32",
        model_file=files[0],
        inputs=tuple(names),
        outputs=OUTPUTS,
        files={name: sha256(folder / name) for name in files},
        model_type=predictor.model.config.model_type,
        num_parameters=predictor.num_parameters,
        longest_window=predictor.model.config.max_position_embeddings,
    )
    write_export(record, folder)
    return folder
