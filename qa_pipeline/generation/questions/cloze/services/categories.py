"""Which kind of data, purpose, receiver or situation an answer names, in the words that people ask for it with.

Whoever wonders whether a site follows him about asks for his location, and the text answers "GPS coordinates". The
kinds are those of OPP-115, a corpus in which lawyers marked what privacy policies state (Wilson et al. 2016, "The
Creation and Analysis of a Website Privacy Policy Corpus", ACL, https://aclanthology.org/P16-1126).
"""

# ruff: noqa: E501 - a table of words reads better unbroken
from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from qa_pipeline.generation.questions.cloze.voice import one_of


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of thing that texts name in many ways.

    Attributes:
        named: finds what belongs to it.
        asked: how questions call it; "{my}", "{me}" and "{i}" are filled as in `wordings`.
        by_noun: a noun tells it by itself; "requests" and "services" are in every statement and tell nothing.
    """

    named: re.Pattern[str]
    asked: tuple[str, ...]
    by_noun: bool = True


def _category(named: str, *asked: str, by_noun: bool = True) -> Category:
    return Category(re.compile(rf"\b(?:{named})", re.I), asked, by_noun)


CATEGORIES: dict[str, tuple[Category, ...]] = {
    "information": (
        _category(r"credit cards?|bank|payments?|billing|financial|purchas\w+|transactions?|orders?\b", "{my} financial information", "{my} payment information", "{my} credit card information", "{my} purchase history"),
        _category(r"medical|health|insurance|prescri\w+|diagnos\w+|illness|treatment", "{my} health information", "{my} medical information", "{my} health data", "{my} health condition"),
        _category(r"e-?mail|telephone|phone|(?:mailing |postal |home |street )?address(?:es)?\b|contact", "{my} contact information", "{my} contact data"),
        _category(r"locat\w+|gps|geo\w*|zip|postal codes?|country|city\b|region", "{my} location", "{my} location information", "{my} geo-location", "{my} location data"),
        _category(r"age\b|gender|birth\w*|demographic\w*|income|education\w*|occupation|interests|marital|ethnic\w*", "demographic information", "{my} demographic data", "{my} age or gender"),
        _category(r"names?\b|social security|driver'?s? licen[cs]e|passport|user ?names?|account numbers?|ident\w+", "{my} identity", "{my} identifiable information", "data that reveals {my} identity"),
        _category(r"pages?\b|visit\w*|brows\w+ (?:history|habits?|activit\w+|behaviou?r)|click\w*|usage|activit\w+|search(?:es|ing)?\b|patterns|links?\b", "{my} online activity", "{my} browsing behavior", "{my} usage data", "data on the pages {i} visit"),
        _category(r"ip\b|internet protocol|device\w*|identifiers?|mac address", "{my} IP address or device ID", "{my} device information", "{my} IP address"),
        _category(r"cookies?|beacons?|pixels?|gifs?\b|tags?\b|local storage|flash", "information from cookies", "data from tracking technologies", "data from cookies or tracking elements"),
        _category(r"browser|operating system|computers?|hardware|software|domain|screen|internet service|referr\w+", "{my} computer information", "technical information", "{my} browser information"),
        _category(r"social (?:media|network)\w*|facebook|twitter|google\+|linkedin|friends?\b", "{my} social media information", "{my} social media data", "information from social media"),
        _category(r"survey\w*|answers|responses|feedback|comments|questionnaire|opinions?", "survey data", "{my} feedback", "information from surveys"),
        _category(r"profiles?\b|accounts?\b|preferences|settings|passwords?", "{my} user profile", "{my} profile data", "{my} account information"),
        _category(r"aggregate\w*|anonym\w+|non-?person\w+|de-?identif\w+|statistic\w*", "aggregated information", "anonymous data", "anonymized information", "non-identifiable data"),
    ),
    "purpose": (
        _category(r"advertis\w+|ads?\b|sponsor\w*", "for advertising", "for advertisements", "to show ads"),
        _category(r"market\w+|promot\w+|newsletters?|offers?\b|deals|catalogs?|sweepstakes|contests?|discounts?", "for marketing", "for promotions", "for promotional purposes"),
        _category(r"analy\w+|research\w*|statistic\w*|measur\w+|trends?|surveys?|studies|understand\w*", "for analytics", "for research", "for analytics or research"),
        _category(r"personali[sz]\w+|customi[sz]\w+|tailor\w*|preferences|recogni[sz]\w+|remember\w*", "to personalize {my} experience", "for customization", "for personalized services"),
        _category(r"secur\w+|fraud\w*|protect(?!ive)\w*|prevent\w*|safety|abuse|diagnos\w+|administ\w+|maintain\w*|operat\w+|troubleshoot\w*", "for security", "for service operation and security", "to keep the site running"),
        _category(r"laws?\b|legal\w*|court|subpoena|regulat\w+|comply|compliance|enforce\w*|investigat\w+|government\w*", "for legal reasons", "if the law requires it", "to comply with the law"),
        _category(r"merge\w*|acqui\w+|sale\b|sold|bankrupt\w*|transfer of|reorgani\w+", "if the company is sold", "in a merger", "for a merger or acquisition"),
        _category(r"improv\w+|enhanc\w+|develop\w*|new (?:features|services|products)", "to improve the service", "for additional services", "for new features", by_noun=False),
        _category(r"provid\w+|fulfil\w*|process\w*|deliver\w*|respond\w*|order\w*|transaction\w*|purchas\w+|request\w*|ship\w*|register\w*|registration|complet\w+", "for basic services", "to provide the service", "for providing services", by_noun=False),
    ),
    "recipient": (
        _category(r"advertis(?:ers?|ing (?:compan\w+|networks?|partners?))|ad (?:networks?|servers?)|doubleclick|marketers?", "advertisers", "advertising companies"),
        _category(r"service providers?|vendors?|contractors?|suppliers?|agents?\b", "service providers", "other companies"),
        _category(r"affiliat\w+|subsidiar\w+|parent compan\w+|corporate family", "affiliates", "affiliates or subsidiaries", "related companies"),
        _category(r"law enforcement|government\w*|court\w*|authorit\w+|police|agenc\w+", "the government", "the authorities", "law enforcement"),
        _category(r"other (?:users|members|visitors|people)|public\b|anyone|everyone|visitors", "other users", "the public", "others"),
        _category(r"third[- ]part\w+|other companies|partners?|businesses|companies|organi[sz]ations|sponsors?", "third parties", "third party companies", "partners", "others"),
    ),
    "condition": (
        _category(r"(?:visit|brows|view|access|use|click|search)\w*", "on the website", "when {i} visit the site"),
        _category(r"(?:regist|sign|log|account|member|subscri)\w*", "when {i} register", "when {i} have an account", "from registered users"),
        _category(r"(?:provid|submit|enter|give|send|fill|complet|tell|contact)\w*", "from {me}", "directly from {me}", "that {i} provide"),
        _category(r"(?:order|buy|purchas|pay|transaction)\w*", "when {i} buy something", "when {i} make an order"),
        _category(r"(?:mobile|app\b|apps\b|application|device)\w*", "when {i} use the app", "on {my} device"),
        _category(r"(?:facebook|social|third[- ]part|partner|affiliat|other (?:sites|compan|sources))\w*", "from other sources", "from third parties", "from social media"),
    ),
}  # fmt: skip
"""Part of a statement -> its categories; a part that is not here has none."""


def category_name(kind: str, text: str, rng: np.random.Generator) -> str | None:
    """How a question may call what an answer names.

    Args:
        kind: type of the answer, a key of CATEGORIES or another.
        text: the answer.
        rng: chooses.

    Returns:
        A name, to be filled as `Category.asked` says, that the answer does not hold itself; or None.
    """
    lower = text.lower()
    names = [
        name
        for category in CATEGORIES.get(kind, ())
        if category.named.search(text)
        for name in category.asked
        if name.removeprefix("{my} ").lower() not in lower
    ]
    return one_of(names, rng) if names else None


def category_of_noun(kind: str, text: str) -> int | None:
    """The number of the first category of this kind that a noun phrase tells by itself, or None."""
    found = (i for i, one in enumerate(CATEGORIES.get(kind, ())) if one.by_noun and one.named.search(text))
    return next(found, None)
