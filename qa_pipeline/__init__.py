"""Extractive question answering on transformers 5: data, windows, LoRA training, decoding, metrics.

Importing the package imports nothing heavy; each public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa_pipeline.arguments import (
        Arguments,
        DataArguments,
        LoRAArguments,
        ModelArguments,
        TrainingArguments,
        parse_arguments,
    )
    from qa_pipeline.data import load_examples
    from qa_pipeline.errors import ConfigError, DataError, ModelError, QAError
    from qa_pipeline.generation.api import generate
    from qa_pipeline.generation.outputs import GeneratedDataset
    from qa_pipeline.journey.prompt2model import Prompt2Model
    from qa_pipeline.optimisation.api import OptimizationResult, infer_prompts, optimize_prompt
    from qa_pipeline.postprocess import Postprocess
    from qa_pipeline.predictor import Answer, QAPredictor, QuestionAnsweringPipeline
    from qa_pipeline.predictor.files.answering import answer_file
    from qa_pipeline.predictor.pipeline import pipeline
    from qa_pipeline.preprocess import Preprocess
    from qa_pipeline.process import Process
    from qa_pipeline.quotes import QuoteCheck, verify
    from qa_pipeline.run.run import run_qa

__version__ = "0.1.0"

# Whenever it is imported (PEFT imports it) bitsandbytes would advertise optional kernels.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

_HOMES = {
    "Answer": "predictor",
    "Arguments": "arguments",
    "DataArguments": "arguments",
    "LoRAArguments": "arguments",
    "ModelArguments": "arguments",
    "TrainingArguments": "arguments",
    "parse_arguments": "arguments",
    "load_examples": "data",
    "ConfigError": "errors",
    "DataError": "errors",
    "ModelError": "errors",
    "QAError": "errors",
    "GeneratedDataset": "generation.outputs",
    "generate": "generation.api",
    "Prompt2Model": "journey.prompt2model",
    "OptimizationResult": "optimisation.api",
    "infer_prompts": "optimisation.api",
    "optimize_prompt": "optimisation.api",
    "Postprocess": "postprocess",
    "Preprocess": "preprocess",
    "Process": "process",
    "QAPredictor": "predictor",
    "QuestionAnsweringPipeline": "predictor",
    "QuoteCheck": "quotes",
    "answer_file": "predictor.files.answering",
    "pipeline": "predictor",
    "run_qa": "run.run",
    "verify": "quotes",
}

__all__ = [
    "Answer",
    "Arguments",
    "ConfigError",
    "DataArguments",
    "DataError",
    "GeneratedDataset",
    "LoRAArguments",
    "ModelArguments",
    "ModelError",
    "OptimizationResult",
    "Postprocess",
    "Preprocess",
    "Process",
    "Prompt2Model",
    "QAError",
    "QAPredictor",
    "QuestionAnsweringPipeline",
    "QuoteCheck",
    "TrainingArguments",
    "answer_file",
    "generate",
    "infer_prompts",
    "load_examples",
    "optimize_prompt",
    "parse_arguments",
    "pipeline",
    "run_qa",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
