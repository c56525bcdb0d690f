"""Candidates for attempts to buy, and what each touch that still works adds to their rate.

Attempts come from two sources: a Poisson process for the baseline, and one around each touch. Both
are drawn too dense and thinned, so that any law can be had from the same random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import ArgumentError
from journeykit.simulate.draws import poisson
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.parts.laws import CEILING, together
from journeykit.simulate.past import SECONDS, Touches, looking_back, sort_key, whole_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.parts.orders import Orders
    from journeykit.simulate.past import Past


#: Candidates a touch may have, and the least factor for which candidates are drawn: up to it, a
#: smaller one takes away only the highest.
_CHILDREN, _LEAST_TOP = 64, 8.0


@dataclass(frozen=True, slots=True)
class Working:
    """What the touches add to a customer's rate at some times.

    Attributes
    ----------
    added : array, shape (n_times, n_channels)
        Attempts a day by channel, each by itself.
    brought : array, shape (n_times, n_channels)
        Of all that is added, the part of touches that a channel's touches brought about.
    logs, logs_brought : arrays, shape (n_times, n_channels)
        The same as log factors of the multiplicative law.
    """

    added: Floats
    brought: Floats
    logs: Floats
    logs_brought: Floats


@dataclass(frozen=True, slots=True)
class Trials:
    """Candidates for attempts, sorted by customer and time.

    Attributes
    ----------
    who, time, number : arrays, shape (n,)
    height : array, shape (n,)
        A candidate is an attempt where this is less than the calendar's and the stage's factor, in
        units of the largest.
    density : array, shape (n,)
        Candidates a day at that time: a sum of ``g / density`` over candidates estimates the
        integral of g without bias.
    baseline, raised : arrays, shape (n,)
        The customer's own rate, and what touches add to it in all.
    working : Working
    """

    who: Indices
    time: Floats
    number: Indices
    height: Floats
    density: Floats
    baseline: Floats
    raised: Floats
    working: Working


@dataclass(frozen=True, slots=True)
class Causes:
    """The touches of a block, ready to be asked for what they add."""

    past: Past
    orders: Orders
    baseline: Floats
    top: float
    touches: dict[str, Touches]

    @property
    def channels(self) -> list[str]:
        """Channels of the world that orders may come from."""
        return list(self.touches)

    def trials(self) -> Trials:
        """Draw the candidates."""
        past, bound = self.past, self._bound()
        begin = np.maximum(past.trait("entry"), 0.0)
        own = past.draws.points("orders.baseline", self.baseline * self.top, begin, past.days)
        sources = [(own.who, own.time, own.number * 16, own.height)]
        for channel, (name, touches) in enumerate(self.touches.items()):
            sources.append(self._around(name, touches, bound, channel))
        whos, times, numbers, heights = (
            np.concatenate(column) for column in zip(*sources, strict=True)
        )
        times = whole_seconds(times)
        from_touch = np.arange(len(whos)) >= len(own.who)
        order = np.argsort(sort_key(whos, times), kind="stable")
        return self._weighed(
            whos[order],
            times[order],
            numbers[order],
            heights[order],
            from_touch[order],
            bound,
        )

    def _around(
        self, name: str, touches: Touches, bound: Floats, channel: int
    ) -> tuple[Indices, Floats, Indices, Floats]:
        """Draw candidates around the touches of a channel: when each works, they are denser."""
        draws, orders = self.past.draws, self.orders
        touch = touches.columns["number"]
        stream = f"orders.{name}"
        mean = orders.effect[name] * self.top * bound[touches.who]
        count = poisson(draws.uniform(stream, who=touches.who, number=touch), mean)
        if count.max(initial=0) >= _CHILDREN:
            raise ArgumentError(
                f"A touch may have fewer than {_CHILDREN} candidates for orders; "
                f"`orders.effect.{name}` makes it {count.max()}: lower it."
            )
        who = np.repeat(touches.who, count)
        nth = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count)
        number = np.repeat(touch, count) * _CHILDREN + nth
        # Exponential delays, those beyond the window left out: the law is cut there too.
        delay = orders.mean_days * draws.exponential(f"{stream}.delay", who=who, number=number)
        height = draws.uniform(f"{stream}.height", who=who, number=number)
        kept = delay < orders.window_days
        time = np.repeat(touches.time, count) + delay
        return who[kept], time[kept], (number * 16 + 1 + channel)[kept], height[kept]

    def _bound(self) -> Floats:
        """Return how far above the sum of single touches the law may lie, for each customer.

        Between touches all of them fade alike, so the ratio is largest just after one; or, where
        the ceiling is passed then, when the law comes down to it.
        """
        bound = np.ones(self.past.n)
        if self.orders.law != "multiplicative":
            return bound
        for touches in self.touches.values():
            # A second later is the first time at which it works; what fades until then is made up.
            just_after = touches.time + 1 / SECONDS
            working = self.working(touches.who, just_after)
            logs, alone = working.logs.sum(axis=1), working.added.sum(axis=1)
            faded = np.minimum(1.0, np.log(CEILING) / np.maximum(logs, 1e-9))
            raised = self.baseline[touches.who] * np.expm1(faded * logs)
            ratio = np.divide(raised, faded * alone, out=np.ones_like(alone), where=alone > 0)
            np.maximum.at(bound, touches.who, ratio * (1 + 1e-3))
        return bound

    def _raised(self, who: Indices, working: Working) -> Floats:
        return together(
            self.orders.law,
            working.added.sum(axis=1),
            self.baseline[who],
            logs=working.logs.sum(axis=1),
            saturation=self.orders.saturation,
        )

    def _weighed(
        self,
        who: Indices,
        time: Floats,
        number: Indices,
        height: Floats,
        from_touch: NDArray[np.bool_],
        bound: Floats,
    ) -> Trials:
        working = self.working(who, time)
        raised = self._raised(who, working)
        alone = working.added.sum(axis=1) * bound[who]
        own = self.baseline[who]
        share = np.divide(raised, alone, out=np.zeros_like(alone), where=alone > 0)
        # Of the touches' candidates, the law keeps this share; of the baseline's, all.
        thinned = np.divide(height, share, out=np.full_like(height, np.inf), where=share > 0)
        return Trials(
            who=who,
            time=time,
            number=number,
            height=np.where(from_touch, thinned, height),
            density=self.top * (own + alone),
            baseline=own,
            raised=raised,
            working=working,
        )

    def working(self, who: Indices, time: Floats, /) -> Working:
        """Return what the touches before each time add to the customer's rate then."""
        orders, names = self.orders, self.channels
        shape = (len(who), len(names))
        added, brought, logs, logs_brought = (np.zeros(shape) for _ in range(4))
        causes = list(self.past.part(Channels).touchpoints)
        for at, (name, touches) in enumerate(self.touches.items()):
            effect = orders.effect[name]
            if effect == 0:
                continue
            pairs = looking_back(touches, who, time, days=orders.window_days)
            fading = np.exp(-(time[pairs.query] - touches.time[pairs.touch]) / orders.mean_days)
            rate = effect * fading / orders.mean_days
            own = self.baseline[who[pairs.query]]
            # Without a baseline there is nothing to multiply.
            ratio = np.divide(effect, own * orders.mean_days, out=np.zeros_like(own), where=own > 0)
            log = np.log1p(ratio) * fading
            added[:, at] = np.bincount(pairs.query, rate, minlength=len(who))
            logs[:, at] = np.bincount(pairs.query, log, minlength=len(who))
            cause = touches.columns["cause"][pairs.touch]
            for number in np.unique(cause[cause >= 0]):
                if causes[number] not in names:
                    continue
                by = names.index(causes[number])
                some = cause == number
                query = pairs.query[some]
                brought[:, by] += np.bincount(query, rate[some], minlength=len(who))
                logs_brought[:, by] += np.bincount(query, log[some], minlength=len(who))
        return Working(added, brought, logs, logs_brought)

    def credit(self, trials: Trials, /) -> Floats:
        """Return the part of each candidate's rate that the baseline and each channel make up.

        What touches add in all is divided in proportion to what each adds by itself; in the
        multiplicative law, in proportion to its log factor.
        """
        working = trials.working
        weights = working.logs if self.orders.law == "multiplicative" else working.added
        total = weights.sum(axis=1, keepdims=True)
        parts = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        rates = np.column_stack([trials.baseline, parts * trials.raised[:, None]])
        whole = (trials.baseline + trials.raised)[:, None]
        credit: Floats = np.divide(rates, whole, out=np.zeros_like(rates), where=whole > 0)
        return credit

    def lost_without(self, trials: Trials, /) -> dict[str, Floats]:
        """Return by how much each candidate's rate falls without a channel.

        ``held`` is without its touches, ``responding`` also without those they brought about.
        """
        working = trials.working
        lost = {}
        for name, extra, extra_logs in (
            ("held", 0.0, 0.0),
            ("responding", working.brought, working.logs_brought),
        ):
            left = working.added.sum(axis=1)[:, None] - working.added - extra
            left_logs = working.logs.sum(axis=1)[:, None] - working.logs - extra_logs
            without = together(
                self.orders.law,
                np.maximum(left, 0.0),
                trials.baseline[:, None],
                logs=np.maximum(left_logs, 0.0),
                saturation=self.orders.saturation,
            )
            lost[name] = trials.raised[:, None] - without
        return lost


def causes_of(past: Past, orders: Orders, /, *, baseline: Floats, most: float) -> Causes:
    """Return the touches of all channels that have an effect on orders, also one of zero."""
    touches = {name: past.touches(name) for name in orders.effect}
    for name, found in touches.items():
        if not len(found.who):
            nothing = np.zeros(0, dtype=np.int64)
            touches[name] = Touches.of(
                name, nothing, np.zeros(0), {"number": nothing, "cause": nothing}
            )
    top = 2.0 ** np.ceil(np.log2(max(most, _LEAST_TOP)))
    return Causes(past, orders, baseline, float(top), touches)
