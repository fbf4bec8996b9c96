"""Base against tuned (or any models) on the same questions: measured, put into words, a table and a report.

models -> compare -> Comparison (pure data) -> comparison_table, report_html, Comparison.to_json
"""

from qa_pipeline.compare.comparison import ModelUnderTest, compare
from qa_pipeline.compare.report import report_html
from qa_pipeline.compare.results import Comparison
from qa_pipeline.compare.table import comparison_table
from qa_pipeline.compare.verdict import Verdict, verdict

__all__ = ["Comparison", "ModelUnderTest", "Verdict", "compare", "comparison_table", "report_html", "verdict"]
