"""Says whether the right document was found: among the documents of the answers, or among those that a search gave.

Pure functions of names; no file, no index.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np

PLACES = (1, 3)
"""Right document@1 and @3: the first document, and one of the first three."""


def place_of_right(found: Iterable[Hashable], right: Collection[Hashable]) -> int | None:
    """The place, from 1, of the first right document among the distinct ones that were found; None where none is right.

    >>> place_of_right(["a.pdf", "a.pdf", "b.pdf"], {"b.pdf"}), place_of_right(["a.pdf"], {"b.pdf"})
    (2, None)

    Args:
        found: documents in order, each as often as it was found. Silence, as None, takes a place as a document does.
        right: any of them is right.
    """
    distinct = list(dict.fromkeys(found))
    return next((place for place, document in enumerate(distinct, 1) if document in right), None)


def within(places: Sequence[int | None], most: int) -> np.ndarray:
    """(num_questions,) 1.0 where the right document is among the first `most`, else 0.0: right document@most.

    >>> within([1, 3, None], 1).tolist(), within([1, 3, None], 3).tolist()
    ([1.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    """
    return np.array([float(place is not None and place <= most) for place in places])
