"""Serves docs/browser to a headless Chromium, with exported models beside it.

Needs what `npm ci` puts into docs/browser/node_modules, the playwright package and a Chromium; skips without.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.exporting import export_onnx

PAGE = Path(__file__).resolve().parents[2] / "docs" / "browser"
LIBRARY = PAGE / "node_modules" / "@huggingface" / "transformers"
WARM = "package:qa_pipeline/warm_starts/all_minilm_l6_v2"


class _Handler(SimpleHTTPRequestHandler):
    """The files of docs/browser; below /models those of another folder; /empty has the import map and nothing else."""

    models: Path

    def translate_path(self, path):
        place = urlsplit(path).path
        if place.startswith("/models/"):
            return str(self.models / place.removeprefix("/models/"))
        return super().translate_path(path)

    def do_GET(self):
        if urlsplit(self.path).path != "/empty":
            return super().do_GET()
        html = (PAGE / "index.html").read_text(encoding="utf-8")
        page = re.search(r'<link rel="icon".*?<script type="importmap">.*?</script>', html, re.DOTALL)[0].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """The folder that is served as /models."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def site(models):
    """The address of the page."""
    if not LIBRARY.is_dir():
        pytest.skip("docs/browser has no node_modules; run npm ci there")
    handler = type("Handler", (_Handler,), {"models": models})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(PAGE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def visit(site, browser):
    """Opens an address of the site; what its page requests must be of the site, and no script of it may fail."""
    contexts = []

    def _visit(address, *, faults=()):
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.requests, page.faults = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
        contexts.append((context, page, faults))
        page.goto(site + address)
        return page

    yield _visit
    for context, page, faults in contexts:
        context.close()
        assert [url for url in page.requests if not url.startswith((site, "data:", "blob:"))] == []
        assert [fault for fault in page.faults if not any(known in fault for known in faults)] == []


@pytest.fixture(scope="session")
def warm(models):
    """The package's own trained weights: (predictor in float32, address of its export)."""
    from qa_pipeline import QAPredictor

    predictor = QAPredictor.from_pretrained(WARM, device="cpu", dtype="float32")
    export_onnx(predictor, models / "warm")
    return predictor, "models/warm/"
