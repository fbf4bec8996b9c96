"""What a text spells stays text, and every letter of it can be part of an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from qa_pipeline.arguments import QASettings
from qa_pipeline.preprocess import Preprocess
from tests.preprocess.made import example
from tests.tokenizers import FAMILIES, TEXTS, tokenizer


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_that_a_text_spells_are_text(family, whole):
    made = tokenizer(family)
    names = list(dict.fromkeys(made.all_special_tokens))
    row = example(" and ".join(["the clinic", *names, "opens"]), f"what is {' '.join(names)}?")
    preprocess = Preprocess(made, QASettings(max_seq_length=192, doc_stride=16, max_question_length=90))
    preprocess.compositional = not whole
    window = preprocess.windows([row])[0]
    plain = Preprocess(made, QASettings(max_seq_length=192, doc_stride=16)).windows(
        [example("the clinic", "what is it?")]
    )[0]
    special = set(made.all_special_ids) - {made.unk_token_id}
    count = [sum(int(token) in special for token in one["input_ids"]) for one in (window, plain)]
    assert count[0] == count[1]
    covered = preprocess.windows([row]).offsets
    for name in names:  # each can be pointed at
        start = row["context"].index(name)
        assert start in covered[:, 0]
        assert start + len(name) in covered[:, 1]


def test_a_tokenizer_is_left_as_it_was():
    made = FAMILIES["roberta"]()
    before = made("a <mask> b")["input_ids"], made.backend_tokenizer.to_str()
    Preprocess(made).windows([example("the <mask> clinic")])
    assert made.backend_tokenizer.encode_special_tokens is False
    assert (made("a <mask> b")["input_ids"], made.backend_tokenizer.to_str()) == before


def spaceless_tokenizer() -> Any:
    """Byte-level, with the white space dropped before a space is put in front of every word."""
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=420, special_tokens=names, initial_alphabet=alphabet, show_progress=False)
    )
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    roles = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), names, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=backend, **roles)


def test_a_byte_level_tokenizer_that_drops_spaces_loses_no_first_letter():
    context = "the clinic  opens\nat eight in the morning"
    windows = Preprocess(spaceless_tokenizer()).windows([example(context)])
    letters = np.zeros(len(context), dtype=bool)
    for begin, end in windows.offsets:
        letters[begin:end] = True
    assert letters.tolist() == [not character.isspace() for character in context]


def test_words_that_were_added_to_a_tokenizer_keep_their_ids():
    made = FAMILIES["bert"]()
    made.add_tokens(["clinicus"])
    made.add_special_tokens({"additional_special_tokens": ["[DOC]"]})
    made.add_tokens(["medicus"])
    preprocess = Preprocess(made)
    ids = preprocess.windows([example("the clinicus, the medicus and the [DOC]")])[0]["input_ids"].tolist()
    assert [name in made.convert_ids_to_tokens(ids) for name in ("clinicus", "medicus", "[DOC]")] == [True, True, False]
    assert preprocess.compositional
