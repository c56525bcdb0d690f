"""A line as small as a word: a figure over several runs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT, _EDGE = 120, 32, 4


def sparkline(values: Sequence[float], /, *, low: float | None, high: float | None) -> Markup:
    """Return the line of at least two finite values as SVG, the newest last and dotted.

    The band from `low` to `high` is the interval of the newest value. The height spans values and
    band, so that changes within the noise look like it. Screen readers pass over the picture:
    whoever shows it says first, last and number in words.
    """
    seen = [*values, *(bound for bound in (low, high) if bound is not None)]
    # Halves, since the difference of two large numbers can be too large.
    bottom, top = min(seen) / 2, max(seen) / 2

    def x(at: int) -> float:
        return _EDGE + at * (_WIDTH - 2 * _EDGE) / (len(values) - 1)

    def y(value: float) -> float:
        share = (value / 2 - bottom) / (top - bottom) if top > bottom else 0.5
        return _HEIGHT - _EDGE - share * (_HEIGHT - 2 * _EDGE)

    points = " ".join(f"{x(at):.3g},{y(value):.3g}" for at, value in enumerate(values))
    band = ""
    if low is not None and high is not None and low < high:
        band = f'<rect x="0" y="{y(high):.3g}" width="{_WIDTH}" height="{y(low) - y(high):.3g}"/>'
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'aria-hidden="true" focusable="false">{band}<polyline points="{points}"/>'
        f'<circle cx="{x(len(values) - 1):.3g}" cy="{y(values[-1]):.3g}" r="3"/></svg>'
    )
