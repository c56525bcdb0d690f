"""How touchpoints are written in a path."""

from __future__ import annotations

from collections.abc import Sequence

SEPARATOR = " > "


def path_names(names: Sequence[str], /) -> list[str]:
    """Write names so that a path of them has one reading.

    A name that contains the separator stands in backticks, as in the search language.

    >>> path_names(["cart", "Home > Garden"])
    ['cart', '`Home > Garden`']
    """
    return [f"`{name.replace('`', '``')}`" if SEPARATOR in name else name for name in names]
