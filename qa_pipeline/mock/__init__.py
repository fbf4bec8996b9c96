"""Mock SQuAD 2.0 data from built-in domains, for quick starts and tests. Needs nothing but the standard library."""

from qa_pipeline.mock.dataset import make_dataset
from qa_pipeline.mock.domain import Domain
from qa_pipeline.mock.domains import DOMAINS
from qa_pipeline.mock.names import SPLITS

__all__ = ["DOMAINS", "SPLITS", "Domain", "make_dataset"]
