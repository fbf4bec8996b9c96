"""What a bootstrap draws: which unit, and that whole clusters are drawn with all their questions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.metrics import bootstrap_interval, paired_bootstrap, resampling_of
from qa_pipeline.metrics.intervals import FEWEST, clustered_means


def rows(documents: int, contexts: int, questions: int, *, titles: bool = True) -> list[dict[str, str]]:
    """Questions on contexts, contexts on documents, dealt out in turns."""
    made = []
    for number in range(questions):
        context = number % contexts
        title = {"title": f"document {context % documents}"} if titles else {}
        made.append({"context": f"context {context}", **title})
    return made


@pytest.mark.parametrize(
    ("given", "unit", "units"),
    [
        (rows(FEWEST, 100, 400), "document", FEWEST),
        (rows(FEWEST - 1, 100, 400), "context", 100),  # too few documents: they count as given
        (rows(4, FEWEST - 1, 400), "question", None),  # too few contexts as well
        (rows(100, 100, 400), "context", 100),  # one context a document
        (rows(100, 100, 100), "question", None),  # one question a context
        (rows(1, 60, 400, titles=False), "context", 60),  # without titles a context is a document
        (rows(3, 3, 9), "question", None),
    ],
)
def test_the_widest_unit_is_drawn_of_which_there_are_enough(given, unit, units):
    found = resampling_of(given)
    assert found.unit == unit
    assert (None if found.clusters is None else len(set(found.clusters.tolist()))) == units


def test_a_unit_can_be_asked_for_and_documents_are_counted():
    given = rows(4, 12, 60)
    assert resampling_of(given, "document").clusters.tolist()[:6] == [0, 1, 2, 3, 0, 1]
    assert resampling_of(given, "context").num_documents == 4
    with pytest.raises(ConfigError, match="expected .auto., .*found .paragraph."):
        resampling_of(given, "paragraph")


def test_means_approach_those_of_all_draws_of_whole_clusters():
    values, clusters = np.array([1.0, 0, 0, 1, 1, 0.5]), np.array([0, 0, 1, 1, 1, 2])
    groups = [values[clusters == number] for number in range(3)]
    exact = [np.concatenate(drawn).mean() for drawn in itertools.product(groups, repeat=3)]
    found = clustered_means(values, clusters, np.random.default_rng(0), 100_000)
    assert set(np.round(found, 9)) == set(np.round(exact, 9))
    assert found.mean() == pytest.approx(np.mean(exact), abs=0.005)
    assert found.std() == pytest.approx(np.std(exact), abs=0.005)


def test_copies_of_a_question_do_not_make_an_interval_narrower():
    """The same 60 scores, each eight times over: nothing was learnt, and only single questions claim otherwise."""
    values = np.random.default_rng(3).random(60)
    copies, clusters = np.repeat(values, 8), np.repeat(np.arange(60), 8)
    draw = lambda *given, **kw: bootstrap_interval(*given, np.random.default_rng(1), 4000, **kw)  # noqa: E731
    assert draw(copies, clusters=clusters) == pytest.approx(draw(values))
    low, high = draw(copies)
    assert high - low < 0.5 * np.diff(draw(values))[0]


def test_a_false_alarm_of_clustered_scores_is_as_rare_as_the_p_value_says_only_with_clusters():
    draw = np.random.default_rng(11)
    clusters = np.repeat(np.arange(60), 6)
    alarms = {"clusters": 0, "questions": 0}
    for _ in range(200):
        # Two systems that are equally good, and differ by text rather than by question.
        difference = np.repeat(draw.normal(0, 1, 60), 6) + draw.normal(0, 0.3, 360)
        for name, given in (("clusters", clusters), ("questions", None)):
            found = paired_bootstrap(np.zeros(360), difference, draw, samples=300, clusters=given)
            alarms[name] += found.p_value < 0.05
    assert alarms["clusters"] <= 24  # 5% of 200 and its chance
    assert alarms["questions"] >= 60


def test_every_score_needs_its_cluster():
    with pytest.raises(DataError, match="found 3 and 2"):
        paired_bootstrap(np.zeros(3), np.ones(3), np.random.default_rng(0), clusters=np.zeros(2, dtype=int))
    with pytest.raises(DataError, match="cluster of each of 3 scores, found 2"):
        bootstrap_interval(np.zeros(3), np.random.default_rng(0), clusters=np.zeros(2, dtype=int))
