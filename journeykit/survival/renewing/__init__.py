"""Will customers with a contract renew it, and what is that worth."""

from journeykit.survival.renewing.counting import RenewalCounts, renewal_counts
from journeykit.survival.renewing.projecting import ContractValue, Retention
from journeykit.survival.renewing.renewal import ContractRenewal, contract_renewal

__all__ = [
    "ContractRenewal",
    "ContractValue",
    "RenewalCounts",
    "Retention",
    "contract_renewal",
    "renewal_counts",
]
