"""What part of a conversion each rule gives to each touch before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from journeykit.checks import check_choice, check_known, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths

Rule = Literal[
    "first",
    "last",
    "last_non_direct",
    "linear",
    "linear_unique",
    "position_u",
    "position_w",
    "position_j",
    "position_inverse_j",
    "position",
    "time_decay",
    "touch_decay",
]

#: Parts of the first touch, of the one in the middle, of the last, and of all others together.
_SHAPES = {
    "position_u": (0.4, 0.0, 0.4, 0.2),
    "position_w": (0.3, 0.3, 0.3, 0.1),
    "position_j": (0.2, 0.0, 0.6, 0.2),
    "position_inverse_j": (0.6, 0.0, 0.2, 0.2),
}
#: Rules that have to know which touch was the first.
NEED_FIRST = ("first", "position", *_SHAPES)
#: What a rule needs to be told.
_NEEDS = {
    "direct": "last_non_direct",
    "weights": "position",
    "half_life_days": "time_decay",
    "half_life_touches": "touch_decay",
}


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What the rules of one call were told; see `rules`."""

    direct: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    half_life_days: float | None = None
    half_life_touches: float | None = None


def check_rules(models: Sequence[str], options: RuleOptions) -> None:
    """Require known rules, each once, that are told what they need and nothing else."""
    if isinstance(models, str) or not models:
        raise ArgumentError(
            f"`models` must be a list of at least one rule, such as ['last']; got {models!r}."
        )
    for model in models:
        check_choice("models", model, get_args(Rule))
    if len(set(models)) < len(models):
        raise ArgumentError(f"Each model may stand once; got {', '.join(models)}.")
    for name, model in _NEEDS.items():
        value = getattr(options, name)
        given = not (value is None or (isinstance(value, tuple) and not value))
        if given != (model in models):
            raise ArgumentError(
                f"`{name}` belongs to the rule '{model}': "
                + ("that is not in `models`." if given else "it has to be declared for it.")
            )
    for name in ("half_life_days", "half_life_touches"):
        if (value := getattr(options, name)) is not None:
            check_positive(name, value)
    if options.weights:
        _check_weights(options.weights)


def touch_weights(
    paths: TouchPaths, model: str, options: RuleOptions, age: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return what each touch gets of one conversion after its path, shape (n_steps,).

    Weights of a path sum to 1. `age` is the time from each touch to the conversion in
    microseconds.
    """
    length = paths.length
    row = np.repeat(np.arange(len(length)), length)
    at = np.arange(len(row)) - paths.start[row]
    after = length[row] - 1 - at
    weight: NDArray[np.float64]
    if model in ("first", "last"):
        weight = ((at if model == "first" else after) == 0).astype(np.float64)
    elif model == "linear":
        weight = 1.0 / length[row]
    elif model == "linear_unique":
        weight = _unique(paths, row)
    elif model == "last_non_direct":
        weight = _last_non_direct(paths, row, at, options.direct)
    elif model == "touch_decay":
        weight = _normed(np.exp2(-after / np.float64(options.half_life_touches)), row)
    elif model == "time_decay":
        assert age is not None
        # Weights are relative: measured from the youngest touch of a path they cannot underflow.
        youngest = age[paths.start[row + 1] - 1]
        half_life = np.float64(options.half_life_days) * DAY
        weight = _normed(np.exp2((youngest - age) / half_life), row)
    else:
        first, between, last = options.weights or (0.0, 0.0, 0.0)
        custom = (first, 0.0, last, between)
        weight = _positioned(row, at, after, _SHAPES.get(model, custom))
    return weight


def _check_weights(weights: tuple[float, ...]) -> None:
    numbers = np.array(weights, dtype=np.float64)
    good = len(numbers) == 3 and np.isfinite(numbers).all() and (numbers >= 0).all()
    if not good or abs(numbers.sum() - 1) > 1e-9:
        raise ArgumentError(
            "`weights` must be three numbers of at least 0 that sum to 1, for the first touch, all "
            f"between together, and the last; got {weights!r}."
        )


def _normed(raw: NDArray[np.float64], row: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide by the sum of each path."""
    total = np.bincount(row, weights=raw)
    normed: NDArray[np.float64] = raw / total[row]
    return normed


def _unique(paths: TouchPaths, row: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give equal parts to the channels of a path, and within a channel to its touches."""
    m = len(paths.channels)
    met, inverse, times = np.unique(row * m + paths.touch, return_inverse=True, return_counts=True)
    distinct = np.bincount(met // m, minlength=len(paths.n))
    part: NDArray[np.float64] = 1.0 / (distinct[row] * times[inverse])
    return part


def _last_non_direct(
    paths: TouchPaths, row: NDArray[np.int64], at: NDArray[np.int64], direct: tuple[str, ...]
) -> NDArray[np.float64]:
    """Give all to the last touch that is not direct; to the last one where all are."""
    check_known("direct", direct, paths.channels, what="channels")
    is_direct = np.isin(np.array(paths.channels, dtype=object), direct)[paths.touch]
    last = np.full(len(paths.n), -1, dtype=np.int64)
    np.maximum.at(last, row, np.where(is_direct, -1, at))
    last = np.where(last < 0, paths.length - 1, last)
    part: NDArray[np.float64] = (at == last[row]).astype(np.float64)
    return part


def _positioned(
    row: NDArray[np.int64],
    at: NDArray[np.int64],
    after: NDArray[np.int64],
    shape: tuple[float, float, float, float],
) -> NDArray[np.float64]:
    """Weigh by position; the parts that a short path has no touch for go to the others."""
    first, middle, last, rest = shape
    inner = (at > 0) & (after > 0)
    # A path of an even number of touches has two in the middle.
    central = inner & (np.abs(at - after) <= 1) & (middle > 0)
    raw = first * (at == 0) + last * (after == 0)
    for part, mask in ((middle, central), (rest, inner & ~central)):
        count = np.bincount(row, weights=mask)[row] if len(row) else np.zeros(0)
        raw = raw + np.divide(part, count, out=np.zeros(len(row)), where=mask)
    total = np.bincount(row, weights=raw)[row] if len(row) else np.zeros(0)
    return _normed(np.where(total > 0, raw, 1.0), row)
