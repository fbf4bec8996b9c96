"""A model whose answers are known: it looks a word up, wherever it stands. And predictors of tiny random models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from qa_pipeline import Answer, QAPredictor
from qa_pipeline.modeling import StoredSettings
from tests import tokenizers

LOGIT = 9.0


class Lookup(nn.Module):
    """Points at every occurrence of a word; its "no answer" wins in windows that do not hold it.

    Args:
        tokenizer: splits the word; its pieces should occur nowhere else.
        words: word -> logit of its first and of its last piece.
    """

    def __init__(self, tokenizer: Any, words: dict[str, float]):
        super().__init__()
        self.config = SimpleNamespace(model_type="lookup", max_position_embeddings=4096)
        self.starts = nn.Embedding(len(tokenizer), 1)
        self.ends = nn.Embedding(len(tokenizer), 1)
        self.null = tokenizer.cls_token_id
        with torch.no_grad():
            self.starts.weight.fill_(-LOGIT)
            self.ends.weight.fill_(-LOGIT)
            for word, logit in words.items():
                pieces = tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
                self.starts.weight[pieces[0]] = self.ends.weight[pieces[-1]] = logit
        self.batches: list[tuple[int, ...]] = []

    def get_input_embeddings(self) -> nn.Module:
        return self.starts

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: Any = None) -> Any:
        self.batches.append(tuple(input_ids.shape))
        start, end = self.starts(input_ids)[..., 0], self.ends(input_ids)[..., 0]
        found = ((start > 0) & (attention_mask > 0)).any(1, keepdim=True)
        null = torch.where(found, -LOGIT, LOGIT)
        here = input_ids == self.null
        return SimpleNamespace(start_logits=torch.where(here, null, start), end_logits=torch.where(here, null, end))


def findable_word(family: str, context: str) -> str:
    """A word of the context whose first and last piece occur nowhere else in it."""
    tokenizer = tokenizers.tokenizer(family)
    ids = tokenizer(context, add_special_tokens=False)["input_ids"]
    for word in context.split():
        pieces = tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        if word.isalnum() and ids.count(pieces[0]) == ids.count(pieces[-1]) == 1:
            return word
    raise ValueError(f"every word of {context!r} shares a piece with another")


def lookup(words: dict[str, float], family: str = "bert", **settings: Any) -> QAPredictor:
    """A predictor that finds these words. Its windows are short, so that a text of a few sentences has several."""
    tokenizer = tokenizers.FAMILIES[family]()
    lengths = {"max_seq_length": 48, "doc_stride": 16, "max_question_length": 12}
    model = Lookup(tokenizer, words)
    return QAPredictor(model, tokenizer, StoredSettings(**{**lengths, **settings}), name="lookup")


def answer_to(predictor: QAPredictor, question: str, context: str, **overrides: Any) -> Answer:
    """What the predictor says to one question, with its runners-up and counts."""
    return next(predictor.predict([{"question": question, "context": context}], progress=False, **overrides))
