"""Verifies that quoted words stand in documents: verbatim, after repair, or not, and what differs.

Needs no model for quotations. Knows nothing of who wrote them.
"""

from qa_pipeline.quotes.check import NearestPlace, QuoteCheck, QuoteDifference
from qa_pipeline.quotes.sources import QuoteSources
from qa_pipeline.quotes.verifying import verify

__all__ = ["QuoteDifference", "NearestPlace", "QuoteCheck", "QuoteSources", "verify"]
