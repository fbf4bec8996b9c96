"""Six made-up subjects that want different prompts: what is said there, and what people ask. Only data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KINDS = ("when", "who", "amount", "why", "condition")
SPANS = ("shortest", "phrase", "clause")
TOWN_PARTS = (
    ["Ar", "Bel", "Cor", "Dun", "El", "Far", "Gar", "Hol", "Is", "Jor", "Kel", "Lor", "Mar", "Nor", "Os"],
    ["a", "e", "i", "o", "u"],
)
TOWN_ENDS = ["ven", "brook", "ton", "mere", "wick", "stead", "ford", "holm", "dale", "by", "gate", "rath"]
FIRST_NAMES = [
    "Ada",
    "Bruno",
    "Clara",
    "Dario",
    "Edda",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kaya",
    "Linus",
    "Mona",
    "Nils",
    "Olga",
    "Pavel",
    "Rosa",
    "Stefan",
]
LAST_NAMES = [
    "Abel",
    "Brandt",
    "Castell",
    "Dorn",
    "Ekman",
    "Fodor",
    "Gall",
    "Hirsch",
    "Ibsen",
    "Jansen",
    "Kraus",
    "Lund",
    "Moser",
    "Novak",
    "Oster",
    "Pohl",
]


@dataclass(frozen=True)
class Domain:
    """One subject.

    Attributes:
        things: what its sentences are about -> another word for it.
        verb: what was done to it.
        unit: what it takes an amount of.
        reasons, conditions: clauses without "because" and "if".
        span: how long the answers are that people mark here.
        kinds: how often people ask for each of KINDS, in shares.
    """

    name: str
    things: Mapping[str, str]
    verb: str
    unit: str
    reasons: Sequence[str]
    conditions: Sequence[str]
    span: str
    kinds: Mapping[str, float]


def _shares(*values: float) -> dict[str, float]:
    return dict(zip(KINDS, values, strict=True))


DOMAINS = (
    Domain(
        "towns",
        {"bridge": "crossing", "library": "reading house", "market": "trading place", "tower": "lookout"},
        "finished",
        "crowns",
        (
            "the ferry had sunk twice",
            "merchants paid for stone",
            "the old one burned down",
            "a flood came every spring",
        ),
        ("a visitor arrives late", "the river runs high", "guests come by cart", "nobody booked ahead"),
        "shortest",
        _shares(0.35, 0.35, 0.2, 0.05, 0.05),
    ),
    Domain(
        "contracts",
        {"licence": "permit", "lease": "tenancy", "warranty": "guarantee", "deposit": "security"},
        "revised",
        "days",
        (
            "the court struck a clause",
            "a supplier went bankrupt",
            "both sides wanted clarity",
            "fees rose without notice",
        ),
        ("either party objects in writing", "payment stays overdue", "the goods arrive broken", "no heir signs"),
        "clause",
        _shares(0.05, 0.05, 0.2, 0.3, 0.4),
    ),
    Domain(
        "clinics",
        {"ward": "station", "laboratory": "testing rooms", "pharmacy": "dispensary", "ambulance": "rescue car"},
        "reopened",
        "minutes",
        ("patients waited too long", "an infection had spread", "two nurses were hired", "the roof leaked badly"),
        ("a child has fever", "blood must be drawn", "the doctor is away", "an allergy is known"),
        "phrase",
        _shares(0.1, 0.15, 0.25, 0.25, 0.25),
    ),
    Domain(
        "machines",
        {"pump": "water lifter", "boiler": "heater", "turbine": "wheel", "filter": "strainer"},
        "replaced",
        "litres",
        ("a seal had cracked", "steam escaped at night", "parts were sold out", "the bearing ran hot"),
        ("the valve is closed", "pressure falls below five", "dust blocks the inlet", "oil has not been changed"),
        "phrase",
        _shares(0.05, 0.05, 0.4, 0.2, 0.3),
    ),
    Domain(
        "festivals",
        {"parade": "procession", "concert": "musical evening", "fair": "show of goods", "regatta": "boat race"},
        "founded",
        "coins",
        ("a king had recovered", "the harvest was rich", "peace was signed", "fishermen wished for luck"),
        ("rain is expected", "a guest brings a drum", "the band is foreign", "seats are covered"),
        "shortest",
        _shares(0.4, 0.25, 0.1, 0.2, 0.05),
    ),
    Domain(
        "schools",
        {"gym": "sports hall", "canteen": "dining room", "archive": "record room", "workshop": "craft room"},
        "enlarged",
        "hours",
        ("pupils had nowhere to eat", "parents raised money", "an inspector complained", "classes had doubled"),
        ("a pupil loses the key", "a teacher is ill", "two groups share it", "exams take place"),
        "clause",
        _shares(0.1, 0.1, 0.15, 0.45, 0.2),
    ),
)
"""Six subjects; no two want the same of a prompt."""
