"""Language models behind one small protocol (`qa_pipeline.generation.types.Backend`). Importing this loads none."""

from qa_pipeline.generation.backends.budget import BudgetError, Estimate, Limits, Prices, estimate
from qa_pipeline.generation.backends.cache import Cache
from qa_pipeline.generation.backends.models import MODELS, models_table, resolve_model
from qa_pipeline.generation.backends.openai_server import OpenAIBackend
from qa_pipeline.generation.backends.transformers_local import TransformersBackend
from qa_pipeline.generation.backends.vllm_local import VLLMBackend

__all__ = [
    "MODELS",
    "BudgetError",
    "Cache",
    "Estimate",
    "Limits",
    "OpenAIBackend",
    "Prices",
    "TransformersBackend",
    "VLLMBackend",
    "estimate",
    "models_table",
    "resolve_model",
]
