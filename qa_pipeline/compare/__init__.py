"""Base against tuned (or any models) on the same questions: measured, put into words, a table and a report.

models -> compare -> Comparison (pure data) -> comparison_table, report_html, comparison_to_json
"""

from qa_pipeline.compare.comparison import compare
from qa_pipeline.compare.folder import compare_on_documents
from qa_pipeline.compare.measuring import ModelUnderTest
from qa_pipeline.compare.report import report_html
from qa_pipeline.compare.results import Comparison
from qa_pipeline.compare.stored import comparison_from_json, comparison_to_json
from qa_pipeline.compare.table import comparison_table
from qa_pipeline.compare.verdict import Verdict, verdict

__all__ = [
    "Comparison",
    "ModelUnderTest",
    "Verdict",
    "compare",
    "compare_on_documents",
    "comparison_from_json",
    "comparison_table",
    "comparison_to_json",
    "report_html",
    "verdict",
]
