"""The built-in domains, by name. One file each; add a domain by writing one and naming it here."""

from __future__ import annotations

from qa_pipeline.mock.domain import Domain
from qa_pipeline.mock.domains.astronomy import ASTRONOMY
from qa_pipeline.mock.domains.clinic import CLINIC
from qa_pipeline.mock.domains.contracts import CONTRACTS
from qa_pipeline.mock.domains.hr_policy import HR_POLICY
from qa_pipeline.mock.domains.product_manuals import PRODUCT_MANUALS
from qa_pipeline.mock.domains.transport import TRANSPORT

DOMAINS: dict[str, Domain] = {
    domain.name: domain for domain in (CLINIC, CONTRACTS, PRODUCT_MANUALS, HR_POLICY, ASTRONOMY, TRANSPORT)
}
