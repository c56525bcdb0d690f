"""The pages of the website, and how the personas go from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.draws import Floats

Page = Literal[
    "view_home", "view_product", "view_testimonial", "site_search", "newsletter_signup",
    "help_center_visit",
]  # fmt: skip
Next = Literal[Page, "(exit)"]
Persona = Literal["researcher", "bargain hunter", "decided"]

PAGES: tuple[Page, ...] = get_args(Page)
#: In the order of `Population.personas`.
PERSONAS: tuple[Persona, ...] = get_args(Persona)
_NEXT: tuple[Next, ...] = (*PAGES, "(exit)")


def _chain(**rows: str) -> dict[Page, dict[Next, float]]:
    """Read percentages, in the order of the pages and leaving."""
    return {
        page: dict(zip(_NEXT, (int(word) / 100 for word in rows[page].split()), strict=True))
        for page in PAGES
    }


#: How each persona browses.
CHAINS: dict[Persona, dict[Page, dict[Next, float]]] = {
    "researcher": _chain(
        view_home="0 34 12 26 3 5 20",
        view_product="6 18 26 16 1 7 26",
        view_testimonial="5 42 12 10 2 4 25",
        site_search="4 55 8 12 1 6 14",
        newsletter_signup="20 20 5 5 0 0 50",
        help_center_visit="10 30 0 15 0 10 35",
    ),
    "bargain hunter": _chain(
        view_home="0 30 3 30 10 2 25",
        view_product="8 30 5 27 3 2 25",
        view_testimonial="10 35 0 20 0 0 35",
        site_search="3 60 0 20 3 0 14",
        newsletter_signup="15 20 0 15 0 0 50",
        help_center_visit="10 25 0 20 0 0 45",
    ),
    "decided": _chain(
        view_home="0 55 3 10 0 2 30",
        view_product="4 8 12 6 0 6 64",
        view_testimonial="5 45 0 5 0 0 45",
        site_search="0 70 0 5 0 5 20",
        newsletter_signup="0 20 0 0 0 0 80",
        help_center_visit="10 30 0 0 0 0 60",
    ),
}


def probabilities(chain: Mapping[Page, Mapping[Next, float]], /) -> Floats:
    """Return the weights as rows that sum to 1, shape (pages, pages + 1); the last is leaving.

    Without any weight a row is leaving for certain.
    """
    rows = np.array([[chain.get(page, {}).get(name, 0.0) for name in _NEXT] for page in PAGES])
    rows[rows.sum(axis=1) == 0, -1] = 1.0
    chances: Floats = rows / rows.sum(axis=1, keepdims=True)
    return chances


def told(steps: Floats, /) -> dict[str, dict[str, float]]:
    """Return the share of each next page; pages that never come have none."""
    return {
        page: {
            name: round(share, 12)
            for name, share in zip(_NEXT, (row / total).tolist(), strict=True)
        }
        for page, row, total in zip(PAGES, steps, steps.sum(axis=1), strict=True)
        if total
    }
