"""What no reader of a report may see: whose ids, which secrets, which columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journeykit.errors import DataError, StudyError
from journeykit.report.privacy.cleaning import Identifiers, clean_notebook, scan
from journeykit.report.privacy.secrets import Secret, scrub, secret_values

if TYPE_CHECKING:
    from journeykit.report.jobs import Job
    from journeykit.study import Study


#: Name of the guard on the page.
GUARD = "Nobody can be recognised by an id"


@dataclass(frozen=True, slots=True)
class Protection:
    """Cleans what a report publishes.

    Attributes
    ----------
    identifiers : Identifiers
        Ids of the study's customers, as far as they can be told from words and counts.
    secrets : tuple of str
    columns : frozenset of str
        Names under which a table would hold ids.
    """

    identifiers: Identifiers
    secrets: tuple[str, ...]
    columns: frozenset[str]

    def notebook(self, notebook: Mapping[str, Any], /) -> Any:
        """Return an executed notebook without secrets, customer ids and e-mail addresses."""
        return clean_notebook(
            notebook,
            identifiers=self.identifiers,
            secrets=self.secrets,
            customer_columns=self.columns,
        )

    def text(self, text: str, /) -> str:
        """Return a text without secrets."""
        return scrub(text, self.secrets)

    def guard(self, published: str, /) -> dict[str, str]:
        """Say what was looked for in a published text, and whether any of it was left."""
        left = len(scan(published, self.identifiers))
        sought, n = self.identifiers.n_sought, self.identifiers.n
        looked = f"Looked for e-mail addresses and {sought:,} of {n:,} customer ids; "
        rest = (
            ""
            if sought == n
            else "The other ids look like plain words or numbers: of them columns are left out by "
            "name, and nothing more can be looked for."
        )
        found = f"{left:,} are left on the page. " if left else "none is on the page. "
        return {
            "name": GUARD,
            "status": "warned" if left or sought < n else "passed",
            "found": f"{looked}{found}{rest}".strip(),
        }


def protection_of(job: Job, /) -> Protection:
    """Return the protection of a job's study and parameters; opens the study's journeys."""
    import pyarrow as pa

    try:
        journeys = job.study.journeys()
        ids, names = journeys.customer_id, [*journeys.names, *journeys.attributes.column_names]
    except (DataError, StudyError):
        # Nothing could be read, so nothing of it can be published.
        ids, names = pa.array([], type=pa.string()), []
    given = [value for _, value in job.parameters if isinstance(value, Secret)]
    secrets = [secret.written for secret in given]
    if job.study.model.events.uri is not None:
        secrets.append(job.study.model.events.uri)
    return Protection(
        Identifiers(ids, names=names), secret_values(secrets), _customer_columns(job.study)
    )


def _customer_columns(study: Study) -> frozenset[str]:
    """Names under which a table would hold customer ids: ours, and those of the sources."""
    model = study.model
    links = model.identities
    return frozenset(
        {
            *("customer", "customer_id"),
            *model.events.customer,
            *(model.customers.customer if model.customers else ()),
            *((links.anonymous, links.known) if links else ()),
            *(model.experiments.customer if model.experiments else ()),
        }
    )
