"""The page at /docs: what the API takes and gives, with an example of each request that can be sent from the page.

Made from the OpenAPI description, and of files of this package alone: nothing is fetched from elsewhere.
"""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {"api.css": "text/css", "api.js": "text/javascript"}


def add_page(app: FastAPI) -> None:
    """Adds /docs and its files to an app."""
    from fastapi import Response

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Any:
        return Response(page_html(app.openapi()), media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    @app.get("/docs/{name}", include_in_schema=False)
    async def file(name: str) -> Any:
        if name not in _TYPES:
            return Response(status_code=404)
        return Response(_asset(name), media_type=_TYPES[name])


def page_html(schema: dict[str, Any]) -> str:
    """The page of an OpenAPI description."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(schema['info']['title'])} API</title><link rel='stylesheet' href='docs/api.css'>",
        "<link rel='icon' href='data:,'><script src='docs/api.js' defer></script></head><body><header>",
        f"<h1>{escape(schema['info']['title'])} <small>{escape(schema['info']['version'])}</small></h1>",
        f"<p>{_words(schema['info'].get('description', ''))} ",
        "As <a href='openapi.json'>OpenAPI</a>, for client generators.</p>",
    ]
    if "securitySchemes" in schema["components"]:
        parts.append("<p><label>Key <input id='key' type='password' autocomplete='off'></label></p>")
    parts.append("</header><main>")
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            parts.append(_operation(path, method.upper(), operation, schema))
    parts.append("</main></body></html>")
    return "".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    name = escape(operation["operationId"])
    parts = [
        f"<section id='{name}'><h2><code>{method} {escape(path)}</code> {escape(operation.get('summary', ''))}</h2>",
        f"<p>{_words(operation.get('description', ''))}</p>",
    ]
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [(one["name"], one["schema"], one.get("required", False)) for one in parameters]
        described = {one["name"]: one.get("description", "") for one in parameters}
        parts.append(_table("Parameters", rows, described, schema))
    bodies = operation.get("requestBody", {}).get("content", {})
    for kind, content in bodies.items():
        parts.append(_fields(f"Request ({kind})", _resolved(content["schema"], schema), schema))
    if "application/json" in bodies or (method == "GET" and "{" not in path):
        shape = _resolved(bodies["application/json"]["schema"], schema) if bodies else None
        parts.append(_form(path, method, shape, schema))
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            for content in response.get("content", {}).values():
                for shape in _objects(content.get("schema", {}), schema):
                    parts.append(_fields(f"Response {status}: {shape.get('title', '')}", shape, schema))
    errors = "; ".join(
        f"{status} {escape(response.get('description', ''))}"
        for status, response in operation["responses"].items()
        if not status.startswith("2")
    )
    return "".join([*parts, f"<p class='errors'>{errors}</p></section>"])


def _form(path: str, method: str, shape: dict[str, Any] | None, schema: dict[str, Any]) -> str:
    """A request that can be sent as it is."""
    area = ""
    if shape is not None:
        example = {
            name: _example(field, schema)
            for name, field in shape["properties"].items()
            if name in shape.get("required", []) or "examples" in field
        }
        text = escape(json.dumps(example, indent=2, ensure_ascii=False))
        area = f"<textarea rows='{text.count(chr(10)) + 2}' spellcheck='false' aria-label='Request'>{text}</textarea>"
    return (
        f"<form data-path='{escape(path.lstrip('/'))}' data-method='{method}'>{area}"
        "<button>Send</button><output></output></form>"
    )


def _example(field: dict[str, Any], schema: dict[str, Any]) -> Any:
    if field.get("examples"):
        return field["examples"][0]
    return field.get("default", "")


def _fields(title: str, shape: dict[str, Any], schema: dict[str, Any]) -> str:
    if "properties" not in shape:
        return ""
    required = shape.get("required", [])
    rows = [(name, field, name in required) for name, field in shape["properties"].items()]
    described = {name: field.get("description", "") for name, field in shape["properties"].items()}
    return _table(title, rows, described, schema)


def _table(
    title: str, rows: list[tuple[str, dict[str, Any], bool]], described: dict[str, str], schema: dict[str, Any]
) -> str:
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_type(field, schema))}</td>"
        f"<td>{_words(described[name])}{_default(field, required)}</td></tr>"
        for name, field, required in rows
    )
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"


def _default(field: dict[str, Any], required: bool) -> str:
    if required or field.get("default") is None:
        return ""
    return f" <em>Default {escape(json.dumps(field['default']))}.</em>"


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rsplit("/", 1)[1])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(one, schema) for one in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'], schema)}"
    return "null" if field.get("type") == "null" else str(field.get("format") or field.get("type", "any"))


def _objects(field: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that a schema is made of, each once."""
    found: dict[str, dict[str, Any]] = {}
    left = [field]
    while left:
        one = left.pop(0)
        if "$ref" in one:
            name = one["$ref"].rsplit("/", 1)[1]
            if name in found:
                continue
            found[name] = _resolved(one, schema)
            left += found[name].get("properties", {}).values()
        left += one.get("anyOf", []) + ([one["items"]] if "items" in one else [])
    return list(found.values())


def _resolved(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in field:
        return field
    shape: dict[str, Any] = schema["components"]["schemas"][field["$ref"].rsplit("/", 1)[1]]
    return shape


def _words(text: str) -> str:
    """Text of the description as HTML, with what stands in backticks as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{one}</code>" if number % 2 else one for number, one in enumerate(pieces))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
