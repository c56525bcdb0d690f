"""Attribution by removal: what a Markov chain of touches loses without a channel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse

from journeykit.attribution.chain import CONVENTIONS, Convention
from journeykit.attribution.credit import SHARED, Credits, frame_of, need_value, population, share
from journeykit.attribution.effects import (
    REMOVALS,
    Effects,
    Removal,
    effects_of,
    no_entry,
    nothing_to_share_by,
)
from journeykit.attribution.held_out import (
    HELD_OUT,
    REPEATS,
    Repeats,
    chosen_order,
    without_repeats,
)
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.spreading import (
    NORMALISATIONS,
    Normalisation,
    jackknife_error,
    logit_interval,
    share_slope,
    spread,
)
from journeykit.attribution.touch_ages import with_single_values
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_choice, check_whole
from journeykit.errors import ArgumentError
from journeykit.results import Provenance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.credit import Shared
    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys
    from journeykit.stats.intervals import Interval


def markov(
    data: Journeys | PathCounts,
    /,
    *,
    order: int | Literal["held_out"] = 1,
    removal: Removal = "to_null",
    normalisation: Normalisation = "global",
    convention: Convention = "padded",
    repeats: Repeats = "keep",
    share_of: Shared = "conversions",
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Credits:
    """Credit conversions by what a Markov chain of touches loses without a channel.

    The chain runs from entry through touches to conversion or to null, journeys without a
    conversion included, with transition probabilities estimated by maximum likelihood. Its states
    are the last `order` touches. With transient matrix Q, N = (I - Q)^-1, h the chance to convert
    from each state, s the entry and A the states that hold a channel, sending A to null loses
    exactly

        N[s, A] N[A, A]^-1 h[A] / h[s]

    of the conversions: the model's probability that a converting journey meets the channel. It is
    solved by sparse LU, not simulated. These effects overlap and sum to the expected number of
    distinct channels of a converting journey. At the full order, that of the longest journey, they
    are the observed share of conversions that met the channel: the higher the order, the less a
    model is left. Repeats (a to a) change nothing at order 1; at a higher order a history of
    repeats is one of its own, unless `repeats` merges them.

    Conversions before which no touch was seen make up the row ``(no touch)`` and are not in the
    chain. Open journeys are left out, and counted. Journeys that may have begun before the window
    (`edge`) count in every transition whose history was seen: not in the entry, and in the others
    from their touch number `order` on. Their conversions are among those distributed.

    One sparse factorisation a channel; above 4,096 states a series, added up to rounding.

    Parameters
    ----------
    data : Journeys or PathCounts
        From `Journeys.outcomes`, touchpoints grouped into channels beforehand with `relabel`, and
        activity that is no marketing touch taken out with `only` (it would keep journeys open); or
        path counts, where edges are not known and every journey is taken as a customer.
    order : int or "held_out"
        Touches that the next one depends on, at least 1; ``"held_out"`` takes the order up to 6 of
        the highest held-out likelihood, see `markov_orders`, which warns where touches say
        next to nothing about conversions.
    removal : {"to_null", "participation", "reconnect"}
        ``to_null``: journeys that reach the channel are lost, as above. ``participation``: the
        share of conversions that met the channel, of those whose whole journey was seen, without a
        model. ``reconnect``: the touches before and after the channel are joined, so that of the
        chain's conversions only those are lost that met no other channel: the least, as
        ``to_null`` is the most.
    normalisation : {"global", "raw", "path"}
        ``global``: each channel is credited its part of the sum of effects, of the conversions with
        a touch and of their value alike; both totals are conserved. ``path``: every conversion and
        its value is split among the channels that it met, in proportion to their effects, alike
        where all are 0; the total of every path is conserved. ``raw``: each channel is credited its
        whole effect. That distributes nothing: a conversion is counted once for each channel, so
        to null and by participation the sum is conversions with a touch times channels a
        conversion, and `share`, of all conversions, sums to more than 1.
    convention : {"padded", "k_gram"}
        How histories shorter than `order` are written: touch by touch from the entry, or as one
        state, the first `order` touches or the whole of a shorter journey. Both give the
        probability of every path, hence every effect, alike; ``k_gram`` has fewer states.
    repeats : {"keep", "merge"}
        Whether a channel directly after itself is one more touch or the same.
    share_of : {"conversions", "value"}
        What `removal_effect`, `share` and its interval are of. Of value, h is the value to expect
        from each state, conversions from a state being worth the mean of those seen from it: an
        effect is the part of the value to expect that is lost, at the full order the part of all
        value whose conversions met the channel. Credited conversions stay those by the effects on
        conversions; value is credited by those on value. Needs journeys.
    replicates : int
        Bootstrap samples, at least 2; used at order 1 to null, of conversions, unless by path.
    seed : int
        Of the bootstrap, and of the customers held out.
    confidence : float in (0, 1)

    Returns
    -------
    Credits
        One row a channel, with `removal_effect`. Intervals are over customers. At order 1 to null,
        of conversions, unless by path, they are percentiles over samples of customers, each
        weighing Poisson(1); samples in which no entry leads to a conversion tell nothing and are
        left out. Elsewhere they are those of the infinitesimal jackknife on the logit scale,
        missing where a share lies outside 0 and 1. They are conditional on the order, and too
        narrow for channels that few converting customers met, as those of `rules` are. An interval
        on a share is not an interval on an effect.

    Raises
    ------
    ArgumentError
        When `data` is not made of outcomes, or an option is unknown.
    DataError
        When no finished journey converts, no entry that was seen leads to a conversion, all
        effects are 0 and credits should be in proportion to them, or shares of value are wanted and
        conversions are worth nothing together.
    NotObservedError
        When shares of value are wanted of path counts.

    References
    ----------
    Anderl, Becker, von Wangenheim, Schumann (2016), Mapping the customer journey, IJRM 33.
    Kemeny, Snell (1976), Finite Markov Chains, chapter 3.
    Efron (1982), The jackknife, the bootstrap and other resampling plans, chapter 6.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [2, 1], "none": [3, 9]})
    >>> credits = markov(path_counts_from_frame(table, conversions="buys", nulls="none"))
    >>> credits.frame[["channel", "removal_effect", "conversions"]].round(3)
      channel  removal_effect  conversions
    0    mail           0.667          1.2
    1     web           1.000          1.8
    """
    _check_options(order, removal, normalisation, convention, repeats)
    check_choice("share_of", share_of, SHARED)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    if share_of == "value":
        need_value(paths)
        paths = with_single_values(data, paths)
    if repeats == "merge":
        paths = without_repeats(paths)
    used = chosen_order(paths, seed=seed) if isinstance(order, str) else order
    if used == 1 and removal == "to_null" and normalisation != "path" and share_of != "value":
        effect, interval = _bootstrapped(
            paths, normalisation, replicates=replicates, seed=seed, confidence=confidence
        )
    else:
        effects = partial(effects_of, paths, order=used, removal=removal, convention=convention)
        effect, interval = _jackknifed(
            paths, effects(share_of=share_of), normalisation, share_of, confidence
        )
    parameters = {
        "order": used,
        "removal": removal,
        "normalisation": normalisation,
        "convention": convention,
        "repeats": repeats,
        "share_of": share_of,
        "replicates": replicates,
        "confidence": confidence,
    }
    credited = spread(paths, effect, normalisation, share_of)
    conversions = credited.conversions
    if share_of == "value":
        conversions = spread(paths, effects().effect, normalisation).conversions
    frame = frame_of(
        paths,
        _model(used, removal, normalisation, repeats),
        conversions=conversions,
        value=credited.value,
        interval=interval,
        removal_effect=np.append(effect, np.nan),
    )
    frame["share"] = credited.share[: len(frame)]
    return Credits(
        frame=frame,
        provenance=Provenance(f"{paths.fingerprint:032x}", parameters, seed),
        population=population(paths),
    )


def _check_options(order: int | str, *options: str) -> None:
    """Check the order, then removal, normalisation, convention and repeats."""
    if isinstance(order, str):
        if order != HELD_OUT:
            raise ArgumentError(
                f"`order` must be a whole number of at least 1, or {HELD_OUT!r}; got {order!r}."
            )
    else:
        check_whole("order", order, least=1)
    allowed: dict[str, tuple[str, ...]] = {
        "removal": REMOVALS,
        "normalisation": NORMALISATIONS,
        "convention": CONVENTIONS,
        "repeats": REPEATS,
    }
    for (name, choices), value in zip(allowed.items(), options, strict=True):
        check_choice(name, value, choices)


def _model(order: int, removal: Removal, normalisation: Normalisation, repeats: Repeats) -> str:
    """Name a model by what is not the default, so that several stand side by side."""
    name = "markov"
    if order > 1 and removal != "participation":
        name += f" order {order}"
    if removal != "to_null":
        name += f" {removal}"
    if normalisation != "global":
        name += f" {normalisation}"
    return name if repeats == "keep" else f"{name} merged"


def _jackknifed(
    paths: TouchPaths,
    effects: Effects,
    normalisation: Normalisation,
    share_of: Shared,
    confidence: float,
) -> tuple[NDArray[np.float64], Interval]:
    """Return the effects, and the interval of the shares from their slopes."""
    if normalisation == "global" and not effects.effect.sum() > 0:
        raise nothing_to_share_by()
    shares = spread(paths, effects.effect, normalisation, share_of).share
    error = jackknife_error(paths, share_slope(paths, effects, normalisation, share_of))
    return effects.effect, logit_interval(shares, error, confidence=confidence)


def _bootstrapped(
    paths: TouchPaths,
    normalisation: Normalisation,
    *,
    replicates: int,
    seed: int,
    confidence: float,
) -> tuple[NDArray[np.float64], Interval]:
    """Return the effects to null at order 1, and the bootstrapped interval of the shares."""
    m, steps = len(paths.channels), _steps(paths)
    effect = removal_effects((paths.n @ steps).reshape(m + 1, m + 2))
    if not np.isfinite(effect).any():
        raise no_entry(paths)

    def shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        tables = sums.reshape(len(sums), m + 1, m + 2)
        credited = _credited(tables, normalisation)
        if normalisation == "global":
            return share(credited)
        total = tables[..., -2].sum(axis=-1, keepdims=True)
        parts = np.full(credited.shape, np.nan)
        np.divide(credited, total, out=parts, where=total > 0)
        return parts

    draws = replicated(paths, steps, shares, replicates=replicates, seed=seed)
    return effect, percentile_interval(draws, confidence=confidence)


def removal_effects(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of conversions a chain loses when each channel leads to null.

    Parameters
    ----------
    table : array, shape (..., m + 1, m + 2)
        Steps between m channels; the last row leaves the entry, the last two columns reach the
        conversion and null. Conversions straight from the entry are not looked at.

    Returns
    -------
    array of float64, shape (..., m)
        NaN where no conversion can be reached from the entry.
    """
    m = table.shape[-1] - 2
    total = table.sum(axis=-1, keepdims=True)
    p = np.divide(table, total, out=np.zeros(table.shape), where=total > 0)
    entry, converts = p[..., m, :m], p[..., :m, m]
    visits = np.linalg.inv(np.eye(m) - p[..., :m, :m])
    wins = np.einsum("...ab,...b->...a", visits, converts)
    reached = np.einsum("...a,...ab->...b", entry, visits)
    reached /= np.diagonal(visits, axis1=-2, axis2=-1)
    rate = (entry * wins).sum(axis=-1, keepdims=True)
    effects: NDArray[np.float64] = np.full(wins.shape, np.nan)
    np.divide(reached * wins, rate, out=effects, where=rate > 0)
    return effects


def _credited(
    table: NDArray[np.float64], normalisation: Normalisation = "global"
) -> NDArray[np.float64]:
    """Distribute the conversions in a table of steps, shape (..., m + 1), without a touch last."""
    conversions = table[..., -2]
    touched = conversions[..., :-1].sum(axis=-1, keepdims=True)
    effect = removal_effects(table)
    weight = effect if normalisation == "raw" else share(effect)
    return np.concatenate([weight * touched, conversions[..., -1:]], axis=-1)


def _steps(paths: TouchPaths) -> sparse.csr_array:
    """Count what one journey of each row adds to every step, shape (n_rows, (m + 1) (m + 2)).

    A step from the entry to the conversion stands for a conversion without a touch; journeys with
    neither add nothing. The entry of journeys at the edge was not seen and is not counted.
    """
    m, rows = len(paths.channels), np.arange(len(paths.n))
    touched = paths.length > 0
    entered, untouched = touched & ~paths.edge, paths.converted & ~touched
    target = np.append(paths.touch[1:], 0)
    target[paths.start[1:][touched] - 1] = np.where(paths.converted[touched], m, m + 1)
    entry = m * (m + 2)
    cell = np.concatenate(
        [
            paths.touch * (m + 2) + target,
            entry + paths.touch[paths.start[:-1][entered]],
            np.full(untouched.sum(), entry + m),
        ]
    )
    row = np.concatenate([np.repeat(rows, paths.length), rows[entered], rows[untouched]])
    return sparse.csr_array((np.ones(len(row)), (row, cell)), shape=(len(rows), (m + 1) * (m + 2)))
