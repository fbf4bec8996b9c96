"""Mock SQuAD 2.0 data from domains, for quick starts and tests: six are built in, others are read from files."""

from qa_pipeline.mock.builtin import DOMAINS, find_domain
from qa_pipeline.mock.dataset import make_dataset
from qa_pipeline.mock.domain import Domain
from qa_pipeline.mock.domain_file import read_domain
from qa_pipeline.mock.names import SPLITS

__all__ = ["DOMAINS", "SPLITS", "Domain", "find_domain", "make_dataset", "read_domain"]
