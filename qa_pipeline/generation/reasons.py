"""What the words mean under which drafts are refused and rows are left out. Decides nothing."""

from __future__ import annotations

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


def meaning(reason: str) -> str:
    """What a reason means, in a few words."""
    return MEANINGS.get(reason, "see the code")
