"""Examples to windows: tokenised with offsets, cut along the context, labelled for training."""

from qa_pipeline.preprocess.pair_template import TOKENIZER_LOCK, text_encoder
from qa_pipeline.preprocess.preprocess import Preprocess, WindowStats
from qa_pipeline.preprocess.windows import IGNORE, PAD_MULTIPLE, Windows, collate, collate_arrays, padded_length

__all__ = ["IGNORE", "PAD_MULTIPLE", "TOKENIZER_LOCK", "Preprocess", "WindowStats", "Windows"]
__all__ += ["collate", "collate_arrays", "padded_length", "text_encoder"]
