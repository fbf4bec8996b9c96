from __future__ import annotations

import pytest

from qa_pipeline.documents.passage import Passage, passage_id

TOWER = (
    "The Eiffel Tower was designed by Gustave Eiffel and opened on 31 March 1889 in Paris. "
    "It is 330 metres tall and receives about 6 million visitors each year. "
    "The tower was built to celebrate the centenary of the French Revolution."
)
EIFFEL = (
    "Gustave Eiffel was a French engineer who was born in Dijon in 1832. "
    "His company also built the framework of the Statue of Liberty, which was opened in New York in 1886. "
    "He designed the Eiffel Tower for the world fair in Paris."
)
BRIDGE = (
    "The Garabit viaduct in France was completed in 1884 by the company of Gustave Eiffel. "
    "It carries the railway across the river Truyère at a height of 124 metres, more than any bridge before it. "
    "The first train crossed the viaduct in 1885."
)
POLICY = (
    "We may share your email address with third parties in order to send you special offers. "
    "We collect your name and postal address when you register for an account. "
    "To unsubscribe from our newsletter, click the link at the bottom of each message. "
    "All passwords are encrypted so that unauthorized persons cannot read them. "
    "We keep your personal data as long as your account is open."
)
MANUAL = (
    "If you press the red button for three seconds, the device deletes all stored programs. "
    "You can update the firmware by connecting the device to your computer. "
    "We recommend that you clean the filter once a month."
)


def passage(text: str, document: str) -> Passage:
    return Passage(passage_id(document, text), document, text)


@pytest.fixture
def passages() -> list[Passage]:
    return [
        passage(text, document)
        for text, document in [
            (TOWER, "tower"),
            (EIFFEL, "eiffel"),
            (BRIDGE, "bridge"),
            (POLICY, "policy"),
            (MANUAL, "manual"),
        ]
    ]
