"""A model for other programs and other people: an HTTP API, assistants, Label Studio, and pages to try it and to label.

What all share is here: `web` (address, start and stop), `access` (who may call), `refusals` (why not), `asking` (a
question to findings). `service` answers many at once and knows no HTTP; `api`, `mcp` and `label_studio` hand it on;
`demo` and `label` are pages.
"""
