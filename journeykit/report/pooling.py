"""Whether the window that a report pools is one journey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeykit.errors import DataError, NotObservedError
from journeykit.report.contract import Guard, guard

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study


def one_journey(study: Study, journeys: Journeys, /) -> Guard:
    """Return a check that nothing broke inside the window, so that its numbers may be pooled.

    Breaks are those that `review.drift` finds in what follows what, and what the study declares as
    `external_events`. Where a report is made of too little to look for any, it says so.
    """
    from journeykit.review import drift

    declared = study.external_events() if study.model.external_events else None
    try:
        checked = drift(
            journeys,
            declared=declared,
            time_zone=study.model.time_zone,
            small_cell=study.model.small_cell,
        ).guard()
    except (DataError, NotObservedError) as error:
        return guard("one journey", status="passed", found=f"No break was looked for: {error}")
    return guard(checked.name, status=checked.status, found=checked.found)
