"""The page to try a model.

In reading order: `asking` (a question to findings), `answers` (findings to HTML), `examples` (questions of the model's
own test data), `demo` (the page), `server` (its address, from start to Ctrl-C).

Importing it imports neither gradio nor torch.
"""

from qa_pipeline.serve.demo import build_demo
from qa_pipeline.serve.server import serve_demo, uploads_of_this_run

__all__ = ["build_demo", "serve_demo", "uploads_of_this_run"]
