"""What a generation was made from, what was refused and why, and what the data is like: `dataset_report.json`.

`MEANINGS` says what the words mean under which drafts are refused and rows are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from qa_pipeline.generation.backends.endpoint import redact
from qa_pipeline.generation.backends.protocol import UsageTotals
from qa_pipeline.generation.dataset import SPLITS, Dataset
from qa_pipeline.generation.filters import mean_overlap
from qa_pipeline.generation.shards import Shard
from qa_pipeline.generation.types import Row
from qa_pipeline.text.words import count_words, normalised
from qa_pipeline.wording import counted

FORMAT = 1
FEW_QUESTIONS = 200
"""Training questions below which a model learns little from them alone."""
MANY_REPEATS = 0.25
"""Rows left out for repeating another split, per row that is left, from which on there is a warning."""
_VERBS = frozenset(re.findall(r"\w+", "is are was were do does did can could will would has have had may must should"))
_WH = ("what", "who", "whom", "whose", "which", "when", "where", "why", "how")


def make_report(dataset: Dataset, whole: Shard, stopped: str | None = None) -> dict[str, Any]:
    """The report as JSON holds it.

    Args:
        dataset: rows by split and what was left out after acceptance.
        whole: what it was chosen from, with settings and facts (documents, passages, what the backend used).
        stopped: why the run ended early, if it did.
    """
    settings, facts, rejected = whole.settings, whole.facts, whole.rejected
    accepted, language = len(whole.rows), settings["language"]
    rows = dataset.rows
    round_trip = rejected.get("round_trip", 0)
    report: dict[str, Any] = {
        "format": FORMAT,
        "settings": redact(settings),
        "facts": {name: value for name, value in facts.items() if name != "account"},
        "drafts": accepted + sum(rejected.values()),
        "rejected": _by_size(rejected),
        "accepted": accepted,
        "left_out": _by_size(dataset.left_out),
        "rows": len(rows),
        "split_by": dataset.split_by,
        "splits": {name: describe(dataset.splits[name], language) for name in SPLITS},
        "meanings": {reason: meaning(reason) for reason in sorted({*rejected, *dataset.left_out})},
    }
    if settings.get("round_trip_model"):
        asked = accepted + round_trip
        report["round_trip"] = {"asked": asked, "refused": round_trip, "share_refused": _share(round_trip, asked)}
    as_first_asked = Counter(
        str(row.details.get("not_rephrased", "unknown")) for row in rows if row.details.get("rephrased") is False
    )
    if as_first_asked:
        report["not_rephrased"] = _by_size(as_first_asked)
        report["meanings"] |= {reason: meaning(reason) for reason in as_first_asked}
    report["warnings"] = warnings_about(dataset, settings, as_first_asked, stopped is not None)
    if stopped:
        report["stopped_early"] = stopped
    if whole.notes:
        report["notes"] = list(whole.notes)
    return report


def warnings_about(
    dataset: Dataset, settings: Mapping[str, Any], not_rephrased: Mapping[str, int], stopped: bool
) -> list[str]:
    """What is wrong with a data set for its use, and what to do: too few questions, a split that is empty.

    Args:
        dataset, settings: as `make_report` has them.
        not_rephrased: rows that were to be rephrased and are as first asked, by reason.
        stopped: whether the run ended early; then the same command goes on, and more documents are no advice.
    """
    alone = not settings.get("documents") and not settings.get("contexts_from")
    documents = "documents of your own" if alone else "more documents"
    failed = {reason: count for reason, count in not_rephrased.items() if reason != "same_words"}
    return [
        *_warnings_of_size(dataset, settings, documents, stopped),
        *_warnings_of_splits(dataset, settings, documents, stopped),
        *([_warning_of_wording(failed)] if failed else []),
    ]


def _warnings_of_size(dataset: Dataset, settings: Mapping[str, Any], documents: str, stopped: bool) -> Iterator[str]:
    """Too few questions to train on, or fewer than were wanted."""
    train, wanted, is_cloze = len(dataset.splits["train"]), settings.get("num_examples"), _is_cloze(settings)
    more = f"{documents}, a higher --questions_per_context (now {settings.get('questions_per_context')})"
    if settings.get("answer_types") and is_cloze:
        more += f", more kinds of answers (--answer_types, now {', '.join(settings['answer_types'])})"
    if train < FEW_QUESTIONS and stopped:
        yield (
            f"{counted(train, 'training question')}, since the run stopped early; below {FEW_QUESTIONS} a model learns "
            "little"
        )
    elif train < FEW_QUESTIONS:
        model = ", a language model (--backend openai, vllm or transformers)" if is_cloze else ""
        enough = wanted and len(dataset.rows) >= wanted
        yield (
            f"{counted(train, 'training question')}; below {FEW_QUESTIONS} a model learns little. Give "
            f"{f'a higher --num_examples (now {wanted:,})' if enough else more}"
            f"{model}, or start from a trained question-answering model (--model_name_or_path of the training)"
        )
    if wanted and len(dataset.rows) < wanted and not stopped:
        yield (
            f"{counted(len(dataset.rows), 'row')}, where num_examples asks for {wanted:,}. Give {more} or fewer filters"
        )


def _warnings_of_splits(dataset: Dataset, settings: Mapping[str, Any], documents: str, stopped: bool) -> Iterator[str]:
    """Rows that repeat those of another split, splits that are empty, and splits of one document."""
    wanted = settings.get("num_examples")
    repeats = dataset.left_out.get("repeats_another_split", 0)
    if repeats > len(dataset.rows) * MANY_REPEATS:
        yield (
            f"{counted(repeats, 'row')} left out for repeating a row of another split: the documents say the same "
            "things (forms, templates, versions of one text). Leave copies out, or hold less back "
            "(--validation_fraction, --test_fraction)"
        )
    for name in ("validation", "test"):
        share = settings.get(f"{name}_fraction")
        if share and not dataset.splits[name]:
            why = f"there are too few {dataset.split_by}s to hold one back; give {documents}"
            if stopped:
                why = "the run stopped early"
            elif wanted and not round(share * wanted):
                why = f"{share:g} of num_examples={wanted} is less than a row; give a higher --num_examples"
            yield f"no {name} questions, so no {name}.json: {why}"
    if dataset.split_by == "passage":
        yield (
            "all questions come from one document, so its passages were split: scores on them say nothing about other "
            "documents"
        )


def _warning_of_wording(failed: Mapping[str, int]) -> str:
    """Questions that were to be rephrased and are not, by reason."""
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in _by_size(failed).items())
    return (
        f"{counted(sum(failed.values()), 'question')} not rephrased but as first asked, since nothing usable "
        f"came back ({reasons})"
    )


def _is_cloze(settings: Mapping[str, Any]) -> bool:
    return settings.get("backend") == "cloze"


def describe(rows: Sequence[Row], language: str = "en") -> dict[str, Any]:
    """What rows are like: counts, kinds and lengths."""
    answers = [row.answer for row in rows if row.answer is not None]
    overlap = mean_overlap(rows, language)
    return {
        "rows": len(rows),
        "unanswerable": len(rows) - len(answers),
        "unanswerable_fraction": _share(len(rows) - len(answers), len(rows)),
        "documents": len({row.passage.document for row in rows}),
        "contexts": len({row.passage.id for row in rows}),
        "answer_types": _by_size(Counter(str(row.details.get("answer_type", "unknown")) for row in rows if row.answer)),
        "question_words": _by_size(Counter(question_word(row.question) for row in rows)),
        "question_length_words": _quantiles([count_words(row.question) for row in rows]),
        "answer_length_words": _quantiles([count_words(answer) for answer in answers]),
        "context_length_words": _quantiles([count_words(text) for text in sorted({row.passage.text for row in rows})]),
        "mean_overlap_with_answer_sentence": None if overlap is None else round(overlap, 4),
    }


def question_word(question: str) -> str:
    """The first question word, "yes/no" for a question that begins with a verb, else "other"."""
    found = normalised(question).split()
    for word in found:
        if word in _WH:
            return "who" if word in ("whom", "whose") else word
    return "yes/no" if found and found[0] in _VERBS else "other"


def usage_facts(usage: UsageTotals | None) -> dict[str, float]:
    """What a backend used, as facts that shards can add up; nothing without a backend, no cost without prices."""
    return {name: value for name, value in asdict(usage).items() if value is not None} if usage is not None else {}


def usage_text(facts: Mapping[str, float]) -> str:
    """What was used, in words, and apart from it what may have been."""
    tokens = facts.get("prompt_tokens", 0) + facts.get("completion_tokens", 0)
    text = f"{facts.get('requests', 0):,.0f} requests, {tokens:,.0f} tokens used"
    if "cost" in facts:
        text += f", cost {facts['cost']:,.4g}"
    if facts.get("reserved_tokens"):
        text += f"; up to {facts['reserved_tokens']:,.0f} tokens"
        text += f", cost {facts['reserved_cost']:,.4g}," if "reserved_cost" in facts else ""
        text += " more are reserved for requests whose outcome is not known"
    return text


def table(report: Mapping[str, Any]) -> str:
    """A short table of the report for the terminal."""
    facts = report["facts"]
    undone = facts.get("passages_unanswered", 0)
    lines = [
        f"{'documents':<24}{facts.get('documents', 0):>10,.0f}",
        f"{'passages asked about':<24}{facts.get('passages_asked', 0):>10,.0f}",
        *([f"{'passages not done':<24}{undone:>10,.0f}"] if undone else []),
        f"{'drafts':<24}{report['drafts']:>10,}",
        f"{'  accepted':<24}{report['accepted']:>10,}",
    ]
    lines += [f"{'  ' + reason:<24}{count:>10,}" for reason, count in report["rejected"].items()]
    lines += [f"{'left out, ' + reason:<24}{count:>10,}" for reason, count in report["left_out"].items()]
    if report.get("not_rephrased"):
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report["not_rephrased"].items())
        lines.append(f"{'not rephrased':<24}{sum(report['not_rephrased'].values()):>10,}   {reasons}")
    for name, split in report["splits"].items():
        lines.append(
            f"{name:<24}{split['rows']:>10,}   {counted(split['documents'], 'document')}, "
            f"{counted(split['contexts'], 'context')}, {split['unanswerable']:,} unanswerable"
        )
    if facts.get("requests"):
        requests, _, rest = usage_text(facts).partition(" requests, ")
        lines.append(f"{'requests':<24}{requests:>10}   {rest}")
    lines += [f"warning: {text}" for text in report.get("warnings", ())]
    if report.get("stopped_early"):
        lines.append(f"stopped early: {report['stopped_early']}")
    return "\n".join(lines)


def _by_size(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _quantiles(values: list[int]) -> dict[str, float] | None:
    """Mean and nearest-rank quantiles; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    places = {name: ordered[min(len(ordered) - 1, int(q * len(ordered)))] for name, q in (("p50", 0.5), ("p95", 0.95))}
    return {"mean": round(sum(ordered) / len(ordered), 2), "min": ordered[0], **places, "max": ordered[-1]}


def refusals_text(rejected: Counter[str]) -> str:
    """The commonest reasons why drafts were refused, in a line."""
    return "refused: " + (", ".join(f"{count:,} {reason}" for reason, count in rejected.most_common(5)) or "none")


def meaning(reason: str) -> str:
    """What a reason means, in a few words."""
    return MEANINGS.get(reason, "see the code")


MEANINGS = {
    # The request
    "timeout": "the server gave no answer in time",
    "unreachable": "no connection to the server, or it broke off",
    "rate_limited": "the server had no room for further requests",
    "server_error": "the server said that it failed",
    "bad_response": "what the server sent is no answer of a chat completions API",
    "empty_choices": "the server's answer holds no completion",
    "refused": "the server or the model would not answer this request",
    "too_long": "the passage with its instructions is longer than the model can read",
    "length": "the completion was cut off at its longest allowed length",
    "denied": "the server does not accept the key",
    "not_found": "the server does not know the address or the model",
    "redirected": "the server sends to another address, which is not followed",
    "no_quota": "the account of the key has no credit left",
    # What the model wrote
    "not_json": "no JSON could be read from the completion, asked for twice",
    "wrong_schema": "a record of the completion lacks a field or has it in another form",
    "no_question": "the model gave no question for an answer or number that it was shown",
    "same_words": "asked for other words, the model gave the same",
    "unknown": "it was not noted why",
    "passage_too_short": "the model wrote too little for a passage",
    # The quotes
    "empty_question": "the question is empty",
    "empty_answer": "the answer is empty",
    "evidence_not_verbatim": "the evidence does not stand in the passage",
    "evidence_ambiguous": "the evidence stands in the passage more than once",
    "answer_not_verbatim": "the answer does not stand in the passage, or not in its evidence",
    "answer_ambiguous": "the answer stands there more than once, and nobody knows which place is meant",
    "answer_misplaced": "the answer is not at the place that was named for it",
    "answer_cuts_word": "the answer begins or ends within a word",
    # The rules of the cloze engine
    "no_wording": "no pattern makes a question of this sentence",
    "answer_empty": "the answer has no letters or digits",
    "no_verb": "the question has no verb",
    "fragment": "the question is no whole sentence",
    "same_question": "nearly the same question was made for this passage before",
    "no_near_miss": "no question could be made that is close to the passage and has no answer in it",
    # The filters
    "question_too_short": "the question has too few words (min_question_words)",
    "question_too_long": "the question has too many words (max_question_words)",
    "answer_too_long": "the answer has too many words (max_answer_words)",
    "answer_without_words": "the answer has no letters or digits",
    "answer_in_question": "the question gives its answer away",
    "mentions_the_text": "the question speaks of the text, which nobody sees who asks it",
    "bare_pronoun": "the question speaks of somebody or something that it does not name",
    "overlap": "too many words of the question stand in the sentence of the answer (max_overlap)",
    "round_trip": "the trained reader answers something else (round_trip_model)",
    # All rows together
    "exact_duplicate": "the same question about the same text is there already",
    "near_duplicate": "nearly the same question is there already (near_duplicate_threshold)",
    "contradiction": "the same question about the same text is there with an answer",
    "repeats_another_split": "the row repeats one of a held-out split, which must not be seen in training",
    "not_needed": "over the wanted number of rows, of rows of one passage or of rows without an answer",
}
