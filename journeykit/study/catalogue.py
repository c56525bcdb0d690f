"""The touchpoint catalogue: what each touchpoint is, whose it is, and who starts it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from journeykit.checks import did_you_mean
from journeykit.errors import MappingError, StudyError


class Touchpoint(NamedTuple):
    """One row of the catalogue; empty text where the catalogue says nothing.

    `owner` is the kind of party whose touchpoint it is, `accountable` the person or department who
    answers for it; `stage` is the rung of the ladder that it is meant for.
    """

    touchpoint: str
    channel: str = ""
    phase: str = ""
    owner: str = ""
    medium: str = ""
    observability: str = ""
    initiator: str = ""
    stage: str = ""
    accountable: str = ""

    @property
    def leaves_events(self) -> bool | None:
        """Whether it leaves events of single customers; None where the catalogue does not say.

        A log, a CRM, a till, a telephone system, or a part of one of them, says who was there and
        when. What only others hold (`external`), what is asked of customers afterwards (`survey`),
        the same for all (`site_attribute`) or inferred from other events (`derived`) does not.
        """
        return self.observability in _RECORDED if self.observability else None


#: Where events of single customers come from: observability that says they can exist.
_RECORDED = ("log", "crm", "pos", "telephony", "partial")
#: The words a column may hold; other columns are free text.
_WORDS = {
    "phase": ("before", "during", "after"),
    "owner": ("brand", "partner", "customer", "social"),
    "medium": ("virtual", "physical"),
    "observability": (*_RECORDED, "external", "survey", "site_attribute", "derived"),
    "initiator": ("customer", "firm", "both"),
}
#: The 59 touchpoints that a firm has to think of, from before the purchase to after it.
STANDARD = Path(__file__).with_name("touchpoints.csv")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The touchpoints a study knows, by name."""

    touchpoints: Mapping[str, Touchpoint] = field(default_factory=lambda: MappingProxyType({}))

    def __contains__(self, name: object) -> bool:
        """Tell whether the touchpoint is described."""
        return name in self.touchpoints

    def __len__(self) -> int:
        """Return the number of touchpoints described."""
        return len(self.touchpoints)

    def channel_of(self, name: str, /) -> str:
        """Return the channel of a touchpoint, or the touchpoint itself where none is given.

        Raises
        ------
        MappingError
            When the catalogue has rows, but none for this touchpoint.
        """
        if self.touchpoints and name not in self.touchpoints:
            raise MappingError(
                f"The catalogue has no touchpoint {name!r}.{did_you_mean(name, self.touchpoints)}"
            )
        return self.touchpoints[name].channel or name if self.touchpoints else name

    def firm_touchpoints(self) -> tuple[str, ...]:
        """Return the touchpoints that the firm starts: no sign of life of a customer."""
        rows = self.touchpoints.values()
        return tuple(row.touchpoint for row in rows if row.initiator == "firm")


def standard_catalogue() -> Catalogue:
    """Return the 59 standard touchpoints, which a study may take its own from.

    They cover 11 combinations of phase and channel: 32 lie before the purchase, 15 in it and 12
    after it; 35 are virtual and 24 physical. The file also has a `title` and an `id` of each.
    """
    return read_catalogue(STANDARD)


def read_catalogue(path: Path, /) -> Catalogue:
    """Read a catalogue from a CSV file with a header; only the column `touchpoint` is required.

    Raises
    ------
    StudyError
        Unreadable file, misspelt column, a row without a touchpoint, a touchpoint given twice, or a
        word outside the vocabulary; the message names the row.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: must be saved as UTF-8; byte {error.start} is not.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    _check_header(path, tuple(reader.fieldnames or ()))
    rows: dict[str, Touchpoint] = {}
    for record in reader:
        row = _row(path, reader.line_num, record)
        if row.touchpoint in rows:
            raise StudyError(
                f"{path}, row {reader.line_num}: `{row.touchpoint}` is already in the catalogue."
            )
        rows[row.touchpoint] = row
    return Catalogue(MappingProxyType(rows))


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    if "touchpoint" not in header:
        raise StudyError(f"{path}: must have a column `touchpoint`; it has {', '.join(header)}.")
    for name in header:
        # Columns of one's own are welcome; a misspelt one would silently say nothing.
        near = did_you_mean(name, set(Touchpoint._fields) - set(header))
        if name not in Touchpoint._fields and near:
            raise StudyError(f"{path}: column `{name}` is not known.{near}")


def _row(path: Path, line: int, record: dict[str, str]) -> Touchpoint:
    where = f"{path}, row {line}"
    # csv files what has no heading under None, and fills what a short row lacks with None.
    if None in record or None in record.values():
        raise StudyError(f"{where}: must have as many fields as the heading.")
    row = Touchpoint(**{name: record.get(name, "").strip() for name in Touchpoint._fields})
    if not row.touchpoint:
        raise StudyError(f"{where}: has no touchpoint.")
    for column, words in _WORDS.items():
        word = getattr(row, column)
        if word and word not in words:
            raise StudyError(
                f"{where}: `{column}` must be one of {', '.join(words)}; got {word!r}."
                f"{did_you_mean(word, words)}"
            )
    return row
