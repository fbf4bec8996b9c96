"""`qa-pipeline text FILE ...`: prints what is read of documents, which is what answers point into."""

from __future__ import annotations

import argparse
import sys

from qa_pipeline.documents.reading import list_files, read_documents
from qa_pipeline.errors import ConfigError
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.wording import plain


def main(argv: list[str]) -> int:
    """Prints the texts, page by page where there are pages; warnings go to stderr.

    Raises:
        ConfigError: the encoding is not known.
        DataError: there is no such file, or it cannot be read.
    """
    parser = argparse.ArgumentParser(
        prog="qa-pipeline text", description="Prints what is read of documents, which is what answers point into."
    )
    parser.add_argument("documents", metavar="FILE", nargs="+", help="files (.txt .md .html .pdf .docx), or folders")
    parser.add_argument("--encoding", metavar="E", help="of text and HTML (gbk, cp1251 ...); found out when absent")
    arguments = parser.parse_args(argv)
    if arguments.encoding is not None and (fault := encoding_fault(arguments.encoding)):
        raise ConfigError("command line", f"--encoding: {fault}")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no emoji still shows the rest
    several = len(list_files(arguments.documents).files) > 1
    begin = ""
    for document in read_documents(arguments.documents, skip_bad=True, encoding=arguments.encoding):
        pages = [f"--- page {page.number} ---\n{document.text[page.start : page.end]}" for page in document.pages]
        whole = "\n\n".join(page.strip("\n") for page in pages) if pages else document.text.strip("\r\n")
        whole = plain(whole.replace("\r\n", "\n").replace("\r", "\n"))
        print(f"{begin}=== {plain(document.source)} ===\n{whole}" if several else whole)
        begin = "\n"
    return 0
