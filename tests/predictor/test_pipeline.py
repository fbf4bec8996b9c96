from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import qa_pipeline
from qa_pipeline import QAPredictor, pipeline
from qa_pipeline.arguments import ModelArguments
from qa_pipeline.errors import ConfigError, DataError, ModelError
from qa_pipeline.modeling import StoredSettings, load_tokenizer, load_trained, read_settings, write_settings
from qa_pipeline.predictor import QuestionAnsweringPipeline, QuestionError
from tests.modeling.made import FULL, save, trained
from tests.predictor.made import answer_to, lookup
from tests.tiny_models import save_tiny

Q, C = "what was signed?", "who signed the contract, please?"
D = "the old contract and a clinic"
REPLY = {"score": pytest.approx(1, abs=1e-3), "start": 15, "end": 23, "answer": "contract"}
OTHER = REPLY | {"start": 8, "end": 16}


@pytest.fixture(scope="module")
def qa() -> QuestionAnsweringPipeline:
    return pipeline("question-answering", model=lookup({"contract": 9.0}))


def squad_example(question: str, context: str):
    """As transformers 4 made them."""
    return SimpleNamespace(question_text=question, context_text=context, qas_id=None)


class Rows(torch.utils.data.Dataset):
    """A map-style dataset without iteration, such as KeyDataset."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"question": Q, "context": (C, D)[index]}


def columns():
    from datasets import Dataset

    return Dataset.from_dict({"question": [Q, Q], "context": [C, D]})


ONE = {
    "numpy scalars": lambda qa: qa(question=np.str_(Q), context=np.array(C)),
    "keywords": lambda qa: qa(question=Q, context=C),
    "two texts": lambda qa: qa(Q, C),
    "a dict": lambda qa: qa({"question": Q, "context": C}),
    "a dict with more keys": lambda qa: qa({"id": "7", "question": Q, "context": C, "answers": {"text": []}}),
    "a SquadExample": lambda qa: qa(squad_example(Q, C)),
    "create_sample": lambda qa: qa(qa.create_sample(question=Q, context=C)),
    "predict": lambda qa: qa.predict({"question": Q, "context": C}),
}
MANY = {
    "lists": lambda qa: qa(question=[Q, Q], context=[C, D]),
    "tuples": lambda qa: qa(question=(Q, Q), context=(C, D)),
    "one question for many contexts": lambda qa: qa(question=Q, context=[C, D]),
    "a dict of lists": lambda qa: qa({"question": [Q, Q], "context": [C, D]}),
    "a list of dicts": lambda qa: qa([{"question": Q, "context": C}, {"question": Q, "context": D}]),
    "dicts one after the other": lambda qa: qa({"question": Q, "context": C}, {"question": Q, "context": D}),
    "SquadExamples": lambda qa: qa([squad_example(Q, C), squad_example(Q, D)]),
    "create_sample of lists": lambda qa: qa(qa.create_sample(question=[Q, Q], context=[C, D])),
    "two lists": lambda qa: qa([Q, Q], [C, D]),
    "numpy arrays": lambda qa: qa(question=np.array([Q, Q]), context=np.array([C, D], dtype=object)),
    "an array and a scalar": lambda qa: qa(question=np.array(Q), context=np.array([C, D])),
    "Series": lambda qa: qa(question=pd.Series([Q, Q], index=[7, 3]), context=pd.Series([C, D], index=[1, 2])),
    "a frame": lambda qa: qa(pd.DataFrame({"question": [Q, Q], "context": [C, D]})),
    "columns": lambda qa: qa(question=columns()["question"], context=columns()["context"]),
    "a dict of columns": lambda qa: qa({"question": Q, "context": columns()["context"]}),
    "lists in a dict in a list": lambda qa: qa([{"question": [Q, Q], "context": [C, D]}]),
    "lists in dicts in a list": lambda qa: qa([{"question": Q, "context": [C]}, {"question": [Q], "context": D}]),
    "samples in a list": lambda qa: qa([qa.create_sample(question=[Q, Q], context=[C, D])]),
    "transform": lambda qa: qa.transform([{"question": Q, "context": C}, {"question": Q, "context": D}]),
}
LAZY = {
    "a generator": lambda qa: qa({"question": Q, "context": c} for c in (C, D)),
    "an iterator": lambda qa: qa(iter([squad_example(Q, C), squad_example(Q, D)])),
    "a torch dataset": lambda qa: qa(Rows()),
}


@pytest.mark.parametrize("call", ONE.values(), ids=ONE)
def test_one_question_gives_one_dict(call, qa):
    assert call(qa) == REPLY


@pytest.mark.parametrize("call", MANY.values(), ids=MANY)
def test_many_questions_give_a_list_of_dicts(call, qa):
    assert call(qa) == [REPLY, OTHER]


@pytest.mark.parametrize("call", LAZY.values(), ids=LAZY)
def test_a_stream_gives_an_iterator(call, qa):
    replies = call(qa)
    assert next(replies) == REPLY
    assert list(replies) == [OTHER]


def test_many_questions_may_be_asked_about_one_context(qa):
    assert qa(question=[Q, "what else?"], context=C) == [REPLY, REPLY]


def test_a_dataset_of_the_datasets_library_gives_a_list(qa):
    from datasets import Dataset

    rows = Dataset.from_list([{"id": "1", "question": Q, "context": C}, {"id": "2", "question": Q, "context": D}])
    assert qa(rows) == [REPLY, OTHER]
    assert list(qa(rows.to_iterable_dataset())) == [REPLY, OTHER]


@pytest.mark.parametrize("name", ["data", "X"])
def test_the_old_names_of_the_input_work_with_a_warning(name, qa):
    with pytest.warns(FutureWarning, match=f"{name}= is the old way"):
        assert qa(**{name: [{"question": Q, "context": C}]}) == [REPLY]


def test_a_list_of_one_is_a_list(qa):
    assert qa([{"question": Q, "context": C}]) == [REPLY]
    assert qa(question=[Q], context=C) == [REPLY]
    assert qa([]) == []


@pytest.mark.parametrize("context", [C, "a", "clinic"])
@pytest.mark.parametrize("top_k", [2, 3, 50])
def test_top_k_gives_a_list_of_at_most_so_many_whatever_was_found(context, top_k, qa):
    found = qa(question=Q, context=context, top_k=top_k)
    assert isinstance(found, list)
    assert 1 <= len(found) <= top_k
    assert [reply["score"] for reply in found] == sorted((r["score"] for r in found), reverse=True)
    assert len({(reply["start"], reply["end"]) for reply in found}) == len(found)
    for reply in found:
        assert list(reply) == ["score", "start", "end", "answer"]
        assert context[reply["start"] : reply["end"]] == reply["answer"]
    assert sum(reply["score"] for reply in found) <= 1 + 1e-6


def test_topk_is_the_old_name_of_top_k(qa):
    with pytest.warns(UserWarning, match="old name of top_k"):
        found = qa(question=Q, context=C, topk=2)
    assert found == qa(question=Q, context=C, top_k=2)


def test_answers_are_whole_words_unless_that_is_not_wanted(tiny_predictor):
    qa = QuestionAnsweringPipeline(tiny_predictor("bert"))
    context = "Blåbærstad-Müller 1895 insurance"
    words = {"Blåbærstad", "-", "Müller", "1895", "insurance"}
    cut, whole = (qa(question=Q, context=context, top_k=30, align_to_words=align) for align in (False, True))
    begins = {context.index(word) for word in words}
    ends = {context.index(word) + len(word) for word in words}
    assert {reply["start"] for reply in whole} <= begins
    assert {reply["end"] for reply in whole} <= ends
    assert not {reply["start"] for reply in cut} <= begins
    assert all(context[reply["start"] : reply["end"]] == reply["answer"] for reply in cut + whole)


def test_spans_that_become_the_same_words_are_one_answer_with_the_score_of_the_best(tiny_predictor):
    qa = QuestionAnsweringPipeline(tiny_predictor("bert"))
    context = "insurance"
    cut = qa(question=Q, context=context, top_k=1000, align_to_words=False, n_best_size=1000)
    assert len(cut) > 1
    (whole,) = qa(question=Q, context=context, top_k=2, n_best_size=1000)
    assert (whole["start"], whole["end"]) == (0, len(context))
    assert whole["score"] == pytest.approx(cut[0]["score"], abs=1e-6)
    # The first answer is the span that QAPredictor gives, widened; whatever its neighbours add up to.
    for context in (C, "Some civil disobedients protest. Other civil disobedients do not."):
        span = answer_to(qa.predictor, Q, context, max_answer_length=15).nbest[0]
        reply = qa(question=Q, context=context)
        assert reply["start"] <= span.start and span.end <= reply["end"]


def test_an_impossible_answer_is_empty_and_only_given_where_that_is_wanted(qa):
    nothing = "please bring your card"
    assert qa(question=Q, context=nothing)["answer"]
    reply = qa(question=Q, context=nothing, handle_impossible_answer=True)
    assert reply == {"score": pytest.approx(1, abs=1e-3), "start": 0, "end": 0, "answer": ""}
    assert qa(question=Q, context=C, handle_impossible_answer=True) == REPLY
    several = qa(question=Q, context=nothing, handle_impossible_answer=True, top_k=3)
    assert several[0] == reply
    assert [r["answer"] for r in qa(question=Q, context=C, handle_impossible_answer=True, top_k=50)].count("") == 1


def test_the_threshold_decides_what_comes_first():
    qa = pipeline(model=lookup({"contract": 9.0}), handle_impossible_answer=True)
    assert qa(question=Q, context=C, null_score_diff_threshold=-100.0)["answer"] == ""
    assert qa(question=Q, context="please bring it", null_score_diff_threshold=100.0)["answer"] != ""


@pytest.mark.parametrize("threshold", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("context", [C, "please bring it"])
def test_a_list_is_sorted_by_score_and_has_no_empty_answer_unless_that_is_wanted(context, threshold):
    qa = pipeline(model=lookup({"contract": 2.0}, version_2_with_negative=True, null_score_diff_threshold=threshold))
    for wanted in (False, True):
        found = qa(question=Q, context=context, handle_impossible_answer=wanted, top_k=50)
        assert [reply["score"] for reply in found] == sorted((r["score"] for r in found), reverse=True)
        assert [reply["answer"] for reply in found].count("") == wanted


def test_a_model_that_learnt_to_say_no_answer_always_answers_as_before_with_a_score_that_shows_it():
    qa = pipeline(model=lookup({"contract": 9.0}, version_2_with_negative=True))
    nothing = "please bring your card"
    reply = qa(question=Q, context=nothing)
    assert reply["answer"] and nothing[reply["start"] : reply["end"]] == reply["answer"]
    assert reply["score"] < 1e-3
    assert qa(question=Q, context=C) == REPLY
    assert answer_to(qa.predictor, Q, nothing).text == ""
    assert qa(question=Q, context=nothing, handle_impossible_answer=True)["answer"] == ""
    assert pipeline(model=qa.predictor, handle_impossible_answer=True)(question=Q, context=nothing)["answer"] == ""


def test_defaults_are_those_of_the_removed_pipeline():
    qa = pipeline(model=lookup({"contract": 9.0}))
    assert (qa.options.top_k, qa.options.align_to_words) == (1, True)
    assert qa.options.limits["version_2_with_negative"] is False
    elsewhere = StoredSettings()
    lengths = (elsewhere.max_seq_length, elsewhere.doc_stride, elsewhere.max_question_length)
    assert lengths == (384, 128, 64)


def test_all_answers_are_distinct_places_above_a_confidence(qa):
    context = "a contract here and the contract there"
    found = qa(question=Q, context=context, all_answers=True, min_confidence=0.2)
    assert sorted((r["start"], r["answer"]) for r in found) == [(2, "contract"), (24, "contract")]
    assert qa(question=Q, context=context, all_answers=True, min_confidence=0.9) == []
    nested = qa(question=[Q], context=context, all_answers=True, min_confidence=0.2)
    assert nested == [found]


def test_defaults_given_when_it_is_made_hold_until_a_call_says_otherwise():
    qa = pipeline(model=lookup({"contract": 9.0}), top_k=2, batch_size=4, num_workers=2, padding=True)
    assert len(qa(question=Q, context=C)) == 2
    assert qa(question=Q, context=C, top_k=1) == REPLY


def test_batch_size_counts_windows(qa):
    qa.predictor.model.batches.clear()
    qa([{"question": Q, "context": C}] * 9, batch_size=4)
    assert sorted(count for count, _ in qa.predictor.model.batches) == [1, 4, 4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda qa: qa(), "nothing to ask: .* found nothing"),
        (lambda qa: qa(question=Q), "nothing to ask: .*'question'"),
        (lambda qa: qa(Q), "found str"),
        (lambda qa: qa(None), "found NoneType"),
        (lambda qa: qa(question=Q, context=""), "row 0: context is empty"),
        (lambda qa: qa(question=None, context=C), "question must be a string, found NoneType"),
        (lambda qa: qa({"question": Q}), 'row 0: has no "context"'),
        (lambda qa: qa([[Q, C]]), "row 0: expected a mapping .* found list"),
        (lambda qa: qa(question=[Q, Q], context=[C]), "2 questions and 1 contexts"),
        (lambda qa: qa(question=Q, context=[C, 5]), "row 1: context must be a string, found int"),
        (lambda qa: qa(question=Q, context=C, top_k=0), "top_k must be .* 1 or more .got 0"),
        (lambda qa: qa(question=Q, context=C, max_answer_len=0), "max_answer_len must be"),
        (lambda qa: qa(question=Q, context=C, min_confidence=2), "min_confidence must be between 0 and 1"),
        (
            lambda qa: qa([{"question": Q, "context": [C, D]}, {"question": [Q], "context": [C, D]}]),
            "1 questions and 2",
        ),
        (lambda qa: qa(question=Q, context=C, top_k=True), "top_k must be a whole number"),
        (lambda qa: qa(question=Q, context=C, top_k=10**9), "top_k must be at most 10,000"),
        (lambda qa: qa(question=Q, context=C, align_to_words="no"), "align_to_words must be True or False"),
        (lambda qa: qa(question=Q, context=C, topp_k=2), "unknown keyword 'topp_k'; did you mean top_k"),
        (lambda qa: qa(question=Q, contexts=[C]), "unknown keyword 'contexts'; did you mean context"),
    ],
)
def test_what_cannot_be_asked_is_a_data_error_that_old_code_also_catches(call, message, qa):
    with pytest.raises(QuestionError, match=message) as error:
        call(qa)
    assert isinstance(error.value, DataError)
    assert isinstance(error.value, ValueError)
    assert isinstance(error.value, TypeError) == ("unknown keyword" in message)


# Making one


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("model")
    arguments = ModelArguments(model_name_or_path=save_tiny("bert", root / "base"))
    return save(trained(arguments, FULL), arguments, root / "full")


LONG = "the clinic opens at eight in the morning please bring your insurance card and arrive early " * 8


def test_a_model_trained_elsewhere_has_the_limits_of_the_old_pipeline(folder, tmp_path):
    import shutil

    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    (elsewhere / "qa_config.json").unlink()
    qa = pipeline("question-answering", model=str(elsewhere), device=-1)
    assert qa.options.limits == {"max_answer_length": 15, "version_2_with_negative": False}
    assert (qa.predictor.settings.max_seq_length, qa.predictor.settings.doc_stride) == (160, 80)
    longest = max(len(qa.tokenizer.tokenize(r["answer"])) for r in qa(Q, LONG, top_k=40, align_to_words=False))
    assert longest <= 15
    longest = max(len(qa.tokenizer.tokenize(r["answer"])) for r in qa(Q, LONG, top_k=200, max_answer_len=40))
    assert longest > 15


def test_a_model_trained_here_has_its_stored_limits_and_threshold(folder):
    stored = read_settings(folder)
    stored.version_2_with_negative, stored.null_score_diff_threshold, stored.max_answer_length = True, -1e6, 3
    write_settings(stored, folder)
    qa = pipeline(model=folder, device="cpu")
    assert qa(Q, C)["answer"] != ""
    assert qa(Q, C, handle_impossible_answer=True)["answer"] == ""
    assert len(qa.tokenizer.tokenize(qa(Q, LONG, align_to_words=False)["answer"])) <= 3


def test_a_model_in_memory_is_taken_with_its_tokenizer(folder):
    model, tokenizer = load_trained(folder), load_tokenizer(ModelArguments(model_name_or_path=str(folder)))
    limits = {"handle_impossible_answer": False, "top_k": 3}
    given = pipeline("question-answering", model=model.train(), tokenizer=tokenizer)
    loaded = pipeline(
        "question-answering", model=str(folder), tokenizer=tokenizer, torch_dtype=torch.float32, device=-1
    )
    assert given.model is model
    for a, b in zip(given(Q, C, **limits), loaded(Q, C, **limits), strict=True):
        assert a == b | {"score": pytest.approx(b["score"], abs=1e-5)}


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"task": "summarization"}, "task 'summarization': this package does 'question-answering' only"),
        ({"framework": "tf"}, "only PyTorch"),
        ({"model": 5}, "expected a name, a folder or a model of transformers, found int"),
        ({"pipeline_class": object}, "subclass QuestionAnsweringPipeline"),
    ],
)
def test_what_cannot_be_made_is_a_model_error(keywords, message):
    with pytest.raises(ModelError, match=message):
        pipeline(**keywords)


def test_an_unknown_keyword_is_found_when_it_is_made():
    with pytest.raises(TypeError, match="unknown keyword 'batchsize'; did you mean batch_size"):
        pipeline(model=lookup({"contract": 9.0}), batchsize=2)


def test_limits_that_only_work_with_shorter_questions_work_as_before(folder):
    qa = pipeline(model=QAPredictor.from_pretrained(folder, device="cpu"), handle_impossible_answer=False)
    assert qa(Q, LONG, max_seq_len=40)["answer"]
    assert qa(Q, LONG, max_seq_len=100, doc_stride=80)["answer"]


def test_a_list_says_which_rows_are_bad_before_any_is_answered(qa):
    qa.predictor.model.batches.clear()
    rows = [{"question": Q, "context": C}] * 40 + [{"question": "", "context": C}, {"question": Q}, {"question": Q}]
    with pytest.raises(QuestionError, match='row 40: question is empty.*; row 41: has no "context".*; row 42'):
        qa(rows)
    assert qa.predictor.model.batches == []
    replies = qa(iter(rows))  # what is read as it comes is answered up to there
    assert [next(replies) for _ in range(40)] == [REPLY] * 40
    with pytest.raises(QuestionError, match="row 40: question is empty"):
        next(replies)


def test_numbers_of_numpy_and_torch_are_numbers(qa):
    found = qa(question=Q, context=C, top_k=np.int64(2), max_answer_len=torch.tensor(3), batch_size=np.array(4))
    assert found == qa(question=Q, context=C, top_k=2, max_answer_len=3)
    assert qa(question=Q, context=C, align_to_words=np.bool_(True), temperature=np.float32(1)) == REPLY


@pytest.mark.parametrize("given", [{"n_best_size": 10**9}, {"temperature": 1e-40}, {"doc_stride": "8"}])
def test_limits_that_cannot_be_are_refused_with_their_name(given, qa):
    with pytest.raises(ConfigError, match=f"{next(iter(given))} must be .*, found"):
        qa(question=Q, context=C, **given)


def test_the_class_is_made_of_a_model_and_a_tokenizer_and_saved(folder, tmp_path):
    model, tokenizer = load_trained(folder), load_tokenizer(ModelArguments(model_name_or_path=str(folder)))
    made = qa_pipeline.QuestionAnsweringPipeline(model=model, tokenizer=tokenizer, top_k=2)
    expected = made(Q, C)
    assert len(expected) == 2
    assert QuestionAnsweringPipeline(model, tokenizer, device=-1, top_k=2)(Q, C) == expected
    assert QuestionAnsweringPipeline(predictor=made.predictor, top_k=2)(Q, C) == expected
    assert QuestionAnsweringPipeline(model=str(folder), device="cpu", dtype="float32")(Q, C)
    made.save_pretrained(tmp_path / "saved")
    again = pipeline(model=str(tmp_path / "saved"), device="cpu", dtype="float32", top_k=2)
    assert [reply["answer"] for reply in again(Q, C)] == [reply["answer"] for reply in expected]
    assert again.predictor.settings.max_answer_length == made.predictor.settings.max_answer_length


def test_model_kwargs_say_how_the_model_is_loaded(folder, tmp_path):
    given = {
        "torch_dtype": torch.bfloat16,
        "attn_implementation": "eager",
        "low_cpu_mem_usage": True,
        "cache_dir": None,
    }
    qa = pipeline(model=folder, device="cpu", model_kwargs=given)
    assert qa.model.config._attn_implementation == "eager"
    assert next(qa.model.parameters()).dtype == torch.bfloat16
    with pytest.raises(TypeError, match="unknown keyword 'torch_dtyp' in model_kwargs; did you mean torch_dtype"):
        pipeline(model=folder, model_kwargs={"torch_dtyp": "float32"})
    with pytest.raises(ModelError, match="attn_implementation 'fast'"):
        pipeline(model=folder, device="cpu", model_kwargs={"attn_implementation": "fast"})
