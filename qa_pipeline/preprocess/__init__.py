"""Examples to windows: tokenised with offsets, cut along the context, labelled for training."""

from qa_pipeline.preprocess.preprocess import Preprocess, WindowStats
from qa_pipeline.preprocess.windows import IGNORE, PAD_MULTIPLE, Windows, collate, padded_length

__all__ = ["IGNORE", "PAD_MULTIPLE", "Preprocess", "WindowStats", "Windows", "collate", "padded_length"]
