"""The one runner: count block by block, in threads, and add."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from journeykit.checks import check_whole
from journeykit.journeys.shape import customer_range

if TYPE_CHECKING:
    from journeykit.journeys import Journeys

#: Customers a block: small enough to stay in the caches, which is where threads gain.
BLOCK = 20_000


class Counts(Protocol):
    """Anything that adds up over customers."""

    def __add__(self, other: Self, /) -> Self:
        """Add the counts of other customers."""
        ...


C = TypeVar("C", bound=Counts)


def run(
    function: Callable[[Journeys], C],
    journeys: Journeys,
    /,
    *,
    threads: int | None = None,
    block: int = BLOCK,
    progress: bool = False,
) -> C:
    """Apply a counting function to blocks of customers and add the results.

    Parameters
    ----------
    function : callable
        From Journeys to additive counts, such as `transition_counts`, or a `functools.partial`
        of one with its arguments.
    journeys : Journeys
    threads : int, optional
        By default one a processor.
    block : int
        Customers a block.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    counts
        Equal to ``function(journeys)``.
    """
    check_whole("block", block, least=1)
    if threads is not None:
        check_whole("threads", threads, least=1)
    edges = [*range(0, journeys.n_customers, block), journeys.n_customers]
    if len(edges) <= 2:
        return function(journeys)
    whole = journeys.fingerprint_number

    def count(number: int) -> C:
        part = customer_range(journeys, edges[number], edges[number + 1])
        # Fingerprints add up to the whole's, which is known: no need to hash every block again.
        return function(part.with_fingerprint(0 if number else whole))

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        parts: Iterable[C] = pool.map(count, range(len(edges) - 1))
        return _added(_shown(parts, len(edges) - 1) if progress else parts)


def _added(parts: Iterable[C]) -> C:
    """Add like a binary counter, so that no operand is added to one much smaller than itself."""
    piles: list[tuple[int, C]] = []
    for part in parts:
        size, pile = 1, part
        while piles and piles[-1][0] == size:
            pile = piles.pop()[1] + pile
            size *= 2
        piles.append((size, pile))
    total = piles.pop()[1]
    while piles:
        total = piles.pop()[1] + total
    return total


def _shown(parts: Iterable[C], n: int) -> Iterable[C]:
    from rich.console import Console
    from rich.progress import track

    return track(parts, "Counting", total=n, console=Console(stderr=True))
