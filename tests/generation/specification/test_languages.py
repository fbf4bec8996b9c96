"""The language of a prompt is the one that it names for its texts, or its own; other uses of a name say nothing."""

from __future__ import annotations

import pytest

from qa_pipeline.discovery.catalogue import MULTILINGUAL, known_datasets, known_models
from qa_pipeline.generation.specification.languages import find_language, language_code
from qa_pipeline.generation.specification.rules import find_domain
from qa_pipeline.text.languages import LANGUAGES

NAMED = sorted({code for known in (*known_datasets(), *known_models()) for code in known.languages} - {MULTILINGUAL})


@pytest.mark.parametrize("code", NAMED)
def test_every_language_of_the_catalogues_is_known_by_its_name(code):
    code = {"nb": "no", "nn": "no"}.get(code, code)  # the two ways to write Norwegian
    name = LANGUAGES[code]
    for prompt in (
        f"Answer questions about leases in {name}",
        f"Questions in {name}, half of them unanswerable",
        f"{name} question answering on news",
        f"{name} SQuAD-style model",
        f"{name} legal texts",
        f"A guide to France. The documents are {name}.",
        f"Tax law, language: {name}",
    ):
        assert find_language(prompt) == code, prompt
    assert language_code(name) == language_code(name.upper()) == code


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("Persian (Farsi) SQuAD-style model that knows when there is no answer", "fa"),
        ("Questions about law in Farsi", "fa"),
        ("Questions about law in فارسی", "fa"),
        ("به زبان فارسی", "fa"),
        ("Jawab pertanyaan tentang hukum dalam Bahasa Indonesia", "id"),
        ("Trả lời câu hỏi bằng tiếng Việt", "vi"),
        ("Questions on taxes in Norwegian Bokmål", "no"),
        ("answers in Brazilian Portuguese", "pt"),
        ("Fragen zu Gesetzen auf Deutsch beantworten", "de"),
        ("un modelo en español para noticias", "es"),
        ("Türkçe metinler için soru cevaplama", "tr"),
        ("texts in simple English", "en"),
        ("questions in polish", "pl"),
        ("Swahili and Bengali questions", "sw"),
    ],
)
def test_languages_have_other_names_and_names_of_their_own(prompt, code):
    assert find_language(prompt) == code


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("法律についての質問", "ja"),
        ("回答关于医学的问题", "zh"),
        ("법률 질문", "ko"),
        ("Ответы на вопросы о законах", "ru"),
        ("Питання про історію", "uk"),
        ("Въпроси за право", "bg"),
        ("Питања о историји", "sr"),
        ("أسئلة عن القانون", "ar"),
        ("پاسخ به پرسش‌های حقوقی", "fa"),
        ("قانون کے بارے میں سوالات", "ur"),
        ("שאלות על חוק", "he"),
        ("ερωτήσεις για νόμους", "el"),
        ("कानून के बारे में प्रश्न", "hi"),
        ("कायदा आणि इतिहास", "mr"),
        ("আইন সম্পর্কে প্রশ্ন", "bn"),
        ("ইতিহাসৰ প্ৰশ্ন", "as"),
        ("சட்டம் பற்றிய கேள்விகள்", "ta"),
        ("คำถามเกี่ยวกับกฎหมาย", "th"),
        (
            "Je veux un modèle qui répond à des questions sur les contrats et qui est assez petit, avec une réponse "
            "pour toutes les pages que nous avons",
            "fr",
        ),
        ("A question about 日本 and its laws", None),
        ("Beantworte Fragen zum Urlaub", None),  # too short to be sure
    ],
)
def test_without_a_name_a_prompt_is_in_the_language_that_is_wanted(prompt, code):
    assert find_language(prompt) == code


@pytest.mark.parametrize(
    "prompt",
    [
        "How to polish brass, answers from a shop's guide",
        "polish texts before you answer",
        "scratches in polish",
        "Turkish airlines questions",
        "A French restaurant guide",
        "Questions about wine in French restaurants",
        "Gods in Greek mythology",
        "Dishes in French, Italian and Greek cuisine",
        "Rents in German-speaking countries",
        "Norsk Hydro's annual report",
        "Danish pastry and Thai massage",
        "Questions about the German data protection act",
        "Persian cats",
    ],
)
def test_a_name_that_says_nothing_of_texts_is_no_language(prompt):
    assert find_language(prompt) is None


def test_a_subject_and_the_language_of_its_texts_are_apart():
    prompt = "Answer questions about a French restaurant guide in Persian (Farsi)."
    assert (find_language(prompt), find_domain(prompt)) == ("fa", "a French restaurant guide")
    assert find_domain("Answer questions about wine in French restaurants") == "wine in French restaurants"
    assert find_language("Questions about Turkish airlines; the texts are in Danish") == "da"
