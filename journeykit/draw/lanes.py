"""A plan above, lived ways below: where they agree, and marks where they do not."""

from __future__ import annotations

from typing import NamedTuple


class Lane(NamedTuple):
    """A lived way: its share of all, its number, and its moves, each a sign and a name.

    Signs: empty as planned, ``+`` extra, ``~`` irregular, ``!`` failed, ``-`` missing.
    """

    share: float
    n: int
    moves: tuple[tuple[str, str], ...]
