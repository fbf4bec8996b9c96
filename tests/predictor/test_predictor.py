from __future__ import annotations

import itertools
import shutil

import pytest
import torch

from qa_pipeline import Answer, QAPredictor
from qa_pipeline.arguments import ModelArguments, QASettings
from qa_pipeline.errors import ConfigError, ModelError
from qa_pipeline.modeling import load_tokenizer, merge_adapter, read_settings, write_settings
from qa_pipeline.predictor import QuestionError, questions
from qa_pipeline.predictor.questions import MOST_QUESTIONS
from qa_pipeline.preprocess import Preprocess
from tests.modeling.made import FULL, LORA, save, trained
from tests.predictor.made import answer_to, findable_word, lookup
from tests.tiny_models import MODELS, save_tiny

FILLER = "please bring your insurance card and arrive early at the old clinic. "


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm_roberta", "deberta_v2"])
def test_an_answer_points_at_the_characters_of_the_callers_own_context(family):
    context = "  Who signed\r\nthe contract in 1895?\t" + FILLER
    word = findable_word(family, context)
    predictor = lookup({word: 9.0}, family)
    answer = answer_to(predictor, "what was signed?", context)
    assert isinstance(answer, Answer)
    assert (answer.text, context[answer.start : answer.end]) == (word, word)
    assert answer.question == "what was signed?"
    assert answer.confidence == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("before", [0, 1, 7, 40])
def test_the_answer_is_found_in_any_window_of_a_long_context(before):
    predictor = lookup({"contract": 9.0})
    context = FILLER * before + "the contract was lost. " + FILLER * (40 - before)
    answer = answer_to(predictor, "what was lost?", context)
    assert (answer.text, answer.start) == ("contract", context.index("contract"))
    assert answer.num_windows > 20


def test_a_very_long_context_is_read_in_stretches_and_gives_the_same_answer(monkeypatch):
    predictor = lookup({"contract": 9.0, "1895": 7.0})
    # Nothing but space for longer than a stretch, in the middle.
    context = FILLER * 30 + "in 1895 the contract " + " " * 7000 + FILLER * 30 + "1895"
    whole = answer_to(predictor, "when?", context)
    monkeypatch.setattr(questions, "STRETCH", 3000)
    monkeypatch.setattr("qa_pipeline.predictor.predictor.STRETCH", 3000)
    monkeypatch.setattr(questions.stretches, "__defaults__", (3000,))
    monkeypatch.setattr(questions.rounds, "__defaults__", (5000,))
    parted = answer_to(predictor, "when?", context)
    assert whole.text == "contract"
    assert (parted.text, parted.start, parted.end) == (whole.text, whole.start, whole.end)
    top = {(s.start, s.end): s.score for s in whole.nbest[:4]}
    assert {(s.start, s.end): s.score for s in parted.nbest[:4]} == pytest.approx(top)
    assert parted.num_windows >= whole.num_windows


def test_answers_come_in_the_order_asked_with_their_ids_over_many_chunks():
    predictor = lookup({"contract": 9.0, "clinic": 9.0})
    rows = [
        {"id": f"q{i}", "question": "what?", "context": FILLER * (i % 5) + ("the contract", "in 1895")[i % 2]}
        for i in range(70)
    ]
    answers = list(predictor.predict(rows))
    assert [answer.id for answer in answers] == [row["id"] for row in rows]
    for answer, row in zip(answers, rows, strict=True):
        assert row["context"][answer.start : answer.end] == answer.text


def test_rows_are_read_lazily_and_answers_come_while_they_are_still_being_read():
    def endless():
        for i in itertools.count():
            yield {"question": "what?", "context": f"contract {i}"}

    answers = list(itertools.islice(lookup({"contract": 9.0}).predict(endless()), MOST_QUESTIONS // 8))
    assert {answer.text for answer in answers} == {"contract"}


def test_no_answer_is_given_above_the_stored_threshold_and_its_confidence_is_always_there():
    asked = ("what?", "nothing of that kind stands here. " * 3)
    silent = answer_to(lookup({"contract": 9.0}, version_2_with_negative=True), *asked)
    assert (silent.text, silent.start, silent.end, silent.score) == ("", None, None, 0.0)
    assert silent.confidence == silent.no_answer_confidence > 0.99
    assert silent.null_odds > 10
    assert silent.above(0.0) == []
    stubborn = answer_to(
        lookup({"contract": 9.0}, version_2_with_negative=True, null_score_diff_threshold=40.0), *asked
    )
    assert stubborn.text
    assert stubborn.no_answer_confidence > 0.99
    always = answer_to(lookup({"contract": 9.0}), *asked)
    assert always.text
    assert always.no_answer_confidence == 0.0


def test_the_stored_temperature_is_used_and_a_call_may_change_it():
    context = "a contract in the clinic"
    words = {"contract": 2.0, "clinic": 1.5}
    plain, warm = lookup(words), lookup(words, temperature=4.0)
    cold = answer_to(warm, "what?", context, temperature=1.0)
    assert cold == answer_to(plain, "what?", context)
    assert answer_to(warm, "what?", context).confidence < cold.confidence
    assert answer_to(warm, "what?", context).text == cold.text


def test_above_gives_every_distinct_answer_and_none_that_overlaps_a_better_one():
    words = {"contract": 9.0, "clinic": 9.0}
    context = FILLER + "the contract. " + FILLER * 3 + "a contract"
    answer = answer_to(lookup(words, n_best_size=60), "what?", context)
    found = answer.above(0.03)
    assert [context[s.start : s.end] for s in found] == [s.text for s in found]
    assert sorted(s.start for s in found if s.text == "contract") == [
        i for i in range(len(context)) if context.startswith("contract", i)
    ]
    assert [s.confidence for s in found] == sorted((s.confidence for s in found), reverse=True)
    for a, b in itertools.combinations(found, 2):
        assert a.end <= b.start or b.end <= a.start
    assert answer.above(0.99) == []


def test_batches_keep_to_their_bounds():
    predictor = lookup({"contract": 9.0})
    rows = [{"question": "what?", "context": FILLER * (i + 1)} for i in range(12)]
    list(predictor.predict(rows, batch_tokens=200))
    assert max(count * length for count, length in predictor.model.batches) <= 200
    predictor.model.batches.clear()
    list(predictor.predict(rows, batch_size=3))
    assert max(count for count, _ in predictor.model.batches) == 3


def test_batches_join_windows_of_different_questions():
    predictor = lookup({"contract": 9.0})
    list(predictor.predict({"question": f"who {i}?", "context": f"contract {i}"} for i in range(16)))
    assert [count for count, _ in predictor.model.batches] == [16]


@pytest.mark.parametrize(
    "given",
    [{"max_answer_len": 3}, {"n_best_size": 0}, {"temperature": -1.0}, {"batch_tokens": 0}, {"batch_size": "8"}],
)
def test_an_override_that_cannot_be_is_refused_before_anything_is_read(given):
    def never():
        raise AssertionError("was read")
        yield

    with pytest.raises(ConfigError, match=next(iter(given))):
        lookup({"contract": 9.0}).predict(never(), **given)


def test_a_bad_row_is_named_after_the_answers_before_it():
    answers = lookup({"contract": 9.0}).predict([{"question": "q", "context": "contract"}, {"question": "q"}])
    assert next(answers).text == "contract"
    with pytest.raises(QuestionError, match='row 1: has no "context"'):
        next(answers)


def test_logits_that_are_no_numbers_name_the_question():
    predictor = lookup({"contract": float("nan")})
    rows = [{"id": "fine", "question": "q", "context": "clinic"}, {"id": "odd", "question": "q", "context": "contract"}]
    with pytest.raises(ModelError, match=r'NaN.*question "odd"'):
        list(predictor.predict(rows))


def test_a_context_that_the_tokenizer_drops_has_no_answer_and_takes_no_others_along():
    predictor = lookup({"contract": 9.0})
    texts = [a.text for a in predictor.predict([{"question": "q", "context": c} for c in ("\u200b\u0301", "contract")])]
    assert texts == ["", "contract"]
    assert answer_to(predictor, "q", "\u200b\u0301").nbest == []


def test_a_bar_is_shown_only_after_some_seconds(capsys, monkeypatch):
    rows = [{"question": "q", "context": "contract"}] * 3
    list(lookup({"contract": 9.0}).predict(rows, progress=True))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("qa_pipeline.predictor.batches.PATIENCE", 0.0)
    list(lookup({"contract": 9.0}).predict(iter(rows), progress=True))
    assert "questions" in capsys.readouterr().err
    list(lookup({"contract": 9.0}).predict(rows))  # stderr is no terminal here
    assert capsys.readouterr().err == ""


# Loading


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """An adapter, the same merged, and a fully trained model, each with settings of their own."""
    root = tmp_path_factory.mktemp("trained")
    arguments = ModelArguments(model_name_or_path=save_tiny("bert", root / "base"))
    save(trained(arguments, LORA), arguments, root / "adapter")
    save(trained(arguments, FULL), arguments, root / "full")
    stored = read_settings(root / "full")
    stored.max_seq_length, stored.doc_stride, stored.max_question_length = 96, 24, 20
    stored.version_2_with_negative, stored.null_score_diff_threshold = True, 2.5
    stored.temperature, stored.max_answer_length = 1.75, 9
    for name in ("adapter", "full"):
        write_settings(stored, root / name)
    merge_adapter(root / "adapter", root / "merged")
    return root


ROWS = [{"question": "who signed?", "context": FILLER * 4}, {"question": "when?", "context": "in 1895, early"}]


def test_an_adapter_its_merged_model_and_the_unmerged_one_give_the_same_answers(folders):
    loaded = [
        QAPredictor.from_pretrained(folders / "adapter", device="cpu", dtype="float32"),
        QAPredictor.from_pretrained(folders / "merged", device="cpu", dtype="float32"),
        QAPredictor.from_pretrained(folders / "adapter", device="cpu", dtype="float32", merge=False),
    ]
    assert not hasattr(loaded[0].model, "peft_config")
    answers = [list(p.predict(ROWS, null_score_diff_threshold=100.0)) for p in loaded]
    for others in answers[1:]:
        for answer, other in zip(answers[0], others, strict=True):
            assert other.text == answer.text
            assert other.confidence == pytest.approx(answer.confidence, abs=1e-5)
    assert loaded[0].num_parameters == loaded[1].num_parameters


def test_stored_settings_are_used_unless_others_are_given(folders):
    stored = read_settings(folders / "full")
    assert QAPredictor.from_pretrained(folders / "full", device="cpu").settings == stored
    other = QAPredictor.from_pretrained(str(folders / "full"), device="cpu", max_answer_length=4, temperature=1.0)
    assert (other.settings.max_answer_length, other.settings.temperature) == (4, 1.0)
    assert other.settings.null_score_diff_threshold == 2.5


def test_size_and_parameters_are_those_in_memory(folders):
    full = QAPredictor.from_pretrained(folders / "full", device="cpu", dtype="float32")
    half = QAPredictor.from_pretrained(folders / "full", device="cpu", dtype="bfloat16")
    assert full.num_parameters == half.num_parameters == sum(p.numel() for p in full.model.parameters())
    assert half.size_mb < 0.6 * full.size_mb
    assert full.size_mb == pytest.approx(4 * full.num_parameters / 1e6, rel=0.05)
    assert full.name == str(folders / "full")
    assert full.device == torch.device("cpu")
    assert not full.model.training


def test_an_adapter_whose_base_is_gone_says_how_to_name_it(folders, tmp_path):
    shutil.copytree(folders / "adapter", tmp_path / "adapter")
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(config.read_text().replace(str(folders / "base"), str(tmp_path / "gone")))
    with pytest.raises(ModelError, match="base model of the adapter .*gone does not exist.*give base_model"):
        QAPredictor.from_pretrained(tmp_path / "adapter", device="cpu")
    moved = QAPredictor.from_pretrained(tmp_path / "adapter", device="cpu", base_model=str(folders / "base"))
    there = QAPredictor.from_pretrained(folders / "adapter", device="cpu")
    assert list(moved.predict(ROWS)) == list(there.predict(ROWS))


def test_an_encoder_without_a_trained_head_is_refused_unless_that_is_wanted(folders):
    with pytest.raises(ModelError, match="has no trained question-answering head .*train it first"):
        QAPredictor.from_pretrained(folders / "base", device="cpu")
    first, second = (QAPredictor.from_pretrained(folders / "base", device="cpu", allow_new_head=True) for _ in "ab")
    assert answer_to(first, *ROWS[0].values()) == answer_to(second, *ROWS[0].values())


def test_a_model_whose_head_was_never_trained_says_so_once(folders, caplog):
    with caplog.at_level("WARNING", "qa_pipeline"):
        untrained = QAPredictor.from_pretrained(folders / "base", device="cpu", allow_new_head=True)
        list(untrained.predict(ROWS))
    assert untrained.head_untrained
    assert [r.getMessage() for r in caplog.records if "never trained" in r.getMessage()] == [
        f"{folders / 'base'}: the question-answering head was never trained, so that its answers are noise"
    ]
    assert not QAPredictor.from_pretrained(folders / "adapter", device="cpu", allow_new_head=True).head_untrained


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "does not exist"),
        ("package:no_such_package/model", "no Python package no_such_package is installed"),
        ("", "is empty"),
    ],
)
def test_a_model_that_is_not_there_is_a_model_error(name, message):
    with pytest.raises(ModelError, match=message):
        QAPredictor.from_pretrained(name, device="cpu")


def test_windows_that_are_longer_than_the_model_takes_are_refused_when_asked_for_and_shortened_when_not(folders):
    with pytest.raises(ModelError, match="max_seq_length 200 is more than the 160 positions"):
        QAPredictor.from_pretrained(folders / "base", device="cpu", allow_new_head=True, max_seq_length=200)
    fitted = QAPredictor.from_pretrained(folders / "base", device="cpu", allow_new_head=True)
    assert fitted.settings.max_seq_length == 160


def test_a_call_cannot_ask_for_windows_that_the_model_does_not_take(tiny_predictor):
    predictor = tiny_predictor("bert")
    with pytest.raises(ModelError, match="max_seq_length 161 is more than the 160 positions"):
        answer_to(predictor, "who?", FILLER, max_seq_length=161)
    assert answer_to(predictor, "who?", FILLER * 4, max_seq_length=160).num_windows == 1
    assert answer_to(predictor, "who?", FILLER * 4).num_windows > 1


def test_faults_of_limits_are_found_before_the_model_is_loaded():
    with pytest.raises(ConfigError, match="2 problems"):
        QAPredictor.from_pretrained("/no/such/folder", max_answer_length=0, temperature=0.0)


@pytest.mark.parametrize("family", sorted(MODELS))
def test_every_family_of_models_answers_with_exact_offsets(family, tiny_predictor):
    context = "  Dr. Ada Müller-Nowak (aged 42)\tpaid $3.50 🙂; 東京は日本の首都です。 " * 4
    for answer in tiny_predictor(family).predict([{"question": "who paid?", "context": context}] * 2):
        assert answer.text
        for span in answer.nbest:
            assert context[span.start : span.end] == span.text == span.text.strip()


def test_predictions_are_those_of_preprocess_and_postprocess_by_hand(tiny_predictor):
    """The path without batches, chunks and stretches."""
    from qa_pipeline.postprocess import Postprocess
    from qa_pipeline.preprocess import collate

    predictor = tiny_predictor("bert")
    rows = [{"id": str(i), "question": f"who {i}?", "context": FILLER * (1 + i % 4)} for i in range(9)]
    settings = predictor.settings
    preprocess = Preprocess(predictor.tokenizer, QASettings(max_seq_length=64, doc_stride=16, max_question_length=16))
    postprocess = Postprocess(
        QASettings(n_best_size=settings.n_best_size, max_answer_length=settings.max_answer_length)
    )
    windows = preprocess.windows(rows)
    batch = collate(range(len(windows)), windows, pad_token_id=predictor.tokenizer.pad_token_id)
    inputs = {k: batch[k] for k in ("input_ids", "attention_mask", "token_type_ids")}
    with torch.no_grad():
        outputs = predictor.model(**inputs)
    candidates = postprocess.reduce(outputs.start_logits, outputs.end_logits, batch)
    for expected, found in zip(
        postprocess.predictions(rows, windows, candidates), predictor.predict(rows, batch_size=2), strict=True
    ):
        assert (found.id, found.text, found.start, found.num_windows) == (
            expected.id,
            expected.text,
            expected.start,
            expected.num_windows,
        )
        assert found.confidence == pytest.approx(expected.confidence, abs=1e-5)


def test_a_tokenizer_of_another_model_is_refused(folders, tiny_predictor):
    predictor = tiny_predictor("roberta")
    tokenizer = load_tokenizer(ModelArguments(model_name_or_path=str(folders / "full")))
    with pytest.raises(ModelError, match="do not belong together"):
        QAPredictor(predictor.model, tokenizer, predictor.settings)


@pytest.mark.parametrize("skip", [0, 1, 15, 16, 17, 40, 47, 60, 61])
def test_answers_after_the_first_few_are_the_same_to_the_last_bit(skip, tiny_predictor):
    """Rows of a chunk share batches, and numbers hang on the batch: so the batches must be those of all rows."""
    rows = [{"question": f"who came {i} times?", "context": FILLER * (1 + i % 4) + f"Room {i}."} for i in range(60)]
    predictor = tiny_predictor()
    assert list(predictor.predict(rows, skip=skip)) == list(predictor.predict(rows))[skip:]


def test_a_fingerprint_is_that_of_weights_and_settings(tmp_path):
    folder = save_tiny("bert", tmp_path, seed=3)

    def loaded(**limits) -> QAPredictor:
        torch.manual_seed(0)  # of the head
        limits = {"max_seq_length": 64, "doc_stride": 16, "max_question_length": 16} | limits
        return QAPredictor.from_pretrained(folder, device="cpu", dtype="float32", allow_new_head=True, **limits)

    first = loaded()
    known = first.fingerprint()
    assert known == loaded().fingerprint()
    assert len({known, loaded(temperature=2.0).fingerprint(), loaded(batch_tokens=64).fingerprint()}) == 3
    answer_to(first, "who came?", FILLER)
    assert first.fingerprint() == known
    with torch.no_grad():
        next(first.model.parameters()).view(-1)[-1] += 1e-3
    assert first.fingerprint() != known
