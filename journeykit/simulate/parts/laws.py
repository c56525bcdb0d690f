"""How touches that still work act together on the rate of orders.

``A`` is the sum of what single touches add by themselves. A law turns it into what they add in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from journeykit.simulate.draws import Floats

Law = Literal["additive", "multiplicative", "saturating"]
#: Largest factor by which touches together raise the baseline in the multiplicative law.
CEILING = 50.0


def together(
    law: Law, added: Floats, baseline: Floats, /, *, logs: Floats, saturation: float
) -> Floats:
    """Return what touches add to the rate in all.

    Parameters
    ----------
    law : {"additive", "multiplicative", "saturating"}
        ``A``; ``baseline * (min(exp(L), 50) - 1)`` with ``L`` the sum of the touches' own log
        factors; or ``S * (1 - exp(-A / S))`` with ``S = saturation * baseline``.
    added : array, shape (n,)
        ``A``.
    baseline : array, shape (n,)
    logs : array, shape (n,)
        ``L``.
    saturation : float
    """
    if law == "multiplicative":
        raised: Floats = baseline * (np.minimum(np.exp(logs), CEILING) - 1)
        return raised
    if law == "saturating":
        most = saturation * baseline
        filled = np.divide(
            added, most, out=np.zeros(np.broadcast(added, most).shape), where=most > 0
        )
        return -most * np.expm1(-filled)
    return added
