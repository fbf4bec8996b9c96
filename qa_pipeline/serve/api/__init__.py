"""The HTTP API of a service: `app` (the endpoints), `schema` (what they take and give), `metrics`, `page` (its docs).

Importing it imports FastAPI, and no model.
"""

from qa_pipeline.serve.api.app import build_app

__all__ = ["build_app"]
