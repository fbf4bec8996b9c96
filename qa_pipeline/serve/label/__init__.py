"""The page to label: a person reads a passage, looks at suggested questions and answers, and decides.

In reading order: `decision` (what a person decided, and what was suggested), `journal` (decisions on disk), `leases`
(who is at which passage), `rows` (decisions to SQuAD rows), `store` (all of these under one lock), `marking` (where a
mark may begin and end), `suggesting` (questions by rules, answers by a model, in the background), `project` (what the
page shows and does), `app` (the same over HTTP), `assets` (the page).

Importing it imports neither fastapi nor torch.
"""

from qa_pipeline.serve.label.project import LabelProject
from qa_pipeline.serve.label.store import LabelStore

__all__ = ["LabelProject", "LabelStore"]
