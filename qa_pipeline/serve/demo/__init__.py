"""The page to try a model.

In reading order: `page`, `answers` (findings to HTML), `examples` (questions of the model's own test data), `server`
(its address, from start to Ctrl-C). Importing it imports neither gradio nor torch.
"""

from qa_pipeline.serve.demo.page import build_demo
from qa_pipeline.serve.demo.server import serve_demo, uploads_of_this_run

__all__ = ["build_demo", "serve_demo", "uploads_of_this_run"]
