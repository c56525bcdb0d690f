"""A funnel matcher that tries everything: slow, short, and written from the definition alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from journeykit.paths.funnels.kernels import DROPPED, LEFT, OPEN
from journeykit.paths.funnels.rules import Rules


@dataclass
class Found:
    """What became of an attempt; -1 where a step was not reached, in places of the journey."""

    reached: list[int]
    came: list[int]
    status: list[int]
    ended: list[int]


class Journey:
    def __init__(self, code, time, until, running, rules: Rules) -> None:
        self.code, self.time = [int(c) for c in code], [int(t) for t in time]
        self.until = int(until) if running else self.time[-1]
        self.running, self.rules = running, rules
        self.k = len(rules.steps)

    def matches(self, j: int, event: int) -> bool:
        return bool(self.rules.step[j, self.code[event]])

    def begins(self, event: int) -> bool:
        return bool(self.rules.begins[self.code[event]])

    # --------------------------------------------------------------- ordered

    def chains(self, starts: list[tuple[int, int]], stop: int) -> Iterator[tuple[int, list[int]]]:
        """Yield (first step, events) of all chains from (event, step) over events below `stop`."""
        stack = [(entry, [event]) for event, entry in starts]
        while stack:
            entry, chain = stack.pop()
            yield entry, chain
            j = entry + len(chain)
            if j == self.k:
                continue
            first = chain[-1] + (0 if self.rules.shared_events else 1)
            stack += [
                (entry, [*chain, q])
                for q in range(first, stop)
                if self.matches(j, q) and self.follows(entry, chain, q)
            ]

    def follows(self, entry: int, chain: list[int], q: int) -> bool:
        p, j = chain[-1], entry + len(chain) - 1
        gap, since = self.time[q] - self.time[p], self.time[q] - self.time[chain[0]]
        between = range(p + 1, q)
        return (
            self.rules.lo[j] <= gap <= self.rules.hi[j]
            and since <= self.rules.within
            and (j + 2 < self.k or since >= self.rules.at_least)
            and not any(self.kills(j, x) for x in between)
        )

    def kills(self, j: int, event: int) -> bool:
        code = self.code[event]
        return bool(self.rules.exclude[j, code] or self.rules.leaving[code])

    def hope(self, entry: int, chain: list[int], stop: int) -> tuple[int, int] | None:
        """Until when the chain may take its next step, and how that hope ended."""
        j = entry + len(chain) - 1
        if j + 1 >= self.k:
            return None
        p, root = self.time[chain[-1]], self.time[chain[0]]
        upper = min(p + int(self.rules.hi[j]), root + self.rules.within)
        lower = p + int(self.rules.lo[j])
        if j + 2 == self.k:
            lower = max(lower, root + self.rules.at_least)
        if lower > upper:
            return None
        for x in range(chain[-1] + 1, stop):
            if self.time[x] > upper:
                return upper, DROPPED
            if self.kills(j, x):
                return self.time[x], LEFT if self.rules.leaving[self.code[x]] else DROPPED
        if upper >= self.until:
            return self.until, OPEN if self.running else DROPPED
        return upper, DROPPED

    def alive(self, starts, upto: int, now: int) -> bool:
        """Whether, with the events below `upto` seen, any chain may still go on at `now`."""
        for entry, chain in self.chains(starts, upto):
            hope = self.hope(entry, chain, upto)
            if hope is None:
                continue
            j = entry + len(chain) - 1
            if any(self.kills(j, x) for x in range(chain[-1] + 1, upto)):
                continue
            upper = min(
                self.time[chain[-1]] + int(self.rules.hi[j]),
                self.time[chain[0]] + self.rules.within,
            )
            if upper >= now:
                return True
        return False

    def found(self, starts, stop: int) -> Found:
        reached, came = [-1] * self.k, [-1] * self.k
        hopes: list[list[tuple[int, int, int]]] = [[] for _ in range(self.k)]
        hopeless: list[list[tuple[int, int, int]]] = [[] for _ in range(self.k)]
        for entry, chain in self.chains(starts, stop):
            j, event = entry + len(chain) - 1, chain[-1]
            if reached[j] < 0 or event < reached[j]:
                reached[j] = event
            if len(chain) > 1 and (came[j] < 0 or event < came[j]):
                came[j] = event
            hope = self.hope(entry, chain, stop)
            if hope is not None:
                hopes[j].append((*hope, event))
            elif j + 1 < self.k:
                # No window is open from there on: over the moment it was reached.
                hopeless[j].append((self.time[event], DROPPED, event))
        status, ended, all_hopes = [], [], []
        for j in range(self.k):
            # Of chains to one step whose hope ends at one time the last tells what became of it.
            mine = sorted(hopes[j] or hopeless[j], key=lambda h: (h[1] == OPEN, h[0], h[2]))
            all_hopes += mine[-1:]
            best = max(all_hopes, key=lambda h: (h[1] == OPEN, h[0], -h[1]), default=(-1, DROPPED))
            ended.append(best[0])
            status.append(best[1])
        return Found(reached, came, status, ended)

    def ordered(self) -> list[Found]:
        n, rules = len(self.code), self.rules
        opened = rules.entry == "open"
        starts = [e for e in range(n) if self.begins(e)]
        if not starts:
            return []
        if rules.start == "any" and not rules.reentry:
            steps = range(self.k) if opened else [0]
            every = [(e, j) for e in range(n) for j in steps if self.matches(j, e)]
            return [self.found(every, n)]
        if not rules.reentry:
            event = starts[-1] if rules.start == "last" else starts[0]
            return [self.found([(event, self.entry(event))], n)]
        rows, begin = [], 0
        while True:
            begin = next((e for e in starts if e >= begin), n)
            if begin == n:
                return rows
            stop, onward = self.span(begin)
            rows.append(self.found(self.attempt(begin, stop), stop))
            begin = onward

    def entry(self, event: int) -> int:
        if self.rules.entry == "closed":
            return 0
        return next(j for j in range(self.k) if self.matches(j, event))

    def attempt(self, begin: int, stop: int) -> list[tuple[int, int]]:
        if self.rules.start == "any":
            return [(e, 0) for e in range(begin, stop) if self.matches(0, e)]
        return [(begin, self.entry(begin))]

    def span(self, begin: int) -> tuple[int, int]:
        """Return (events of the attempt end before, where the next may begin)."""
        n = len(self.code)
        for event in range(begin, n):
            if event > begin and not self.alive(
                self.attempt(begin, event), event, self.time[event]
            ):
                return event, event
            starts = self.attempt(begin, event + 1)
            done = [c for e, c in self.chains(starts, event + 1) if e + len(c) == self.k and len(c)]
            if any(len(c) > 1 for c in done):
                return event + 1, event + 1
            if not self.alive(starts, event + 1, self.time[event]):
                used = any(c[-1] == event for _, c in self.chains(starts, event + 1))
                gone = self.rules.leaving[self.code[event]]
                return event + 1, event + 1 if used or gone else event
        return n, n

    # --------------------------------------------------------------- without order

    def rank(self, events: list[int], taken: frozenset[int] = frozenset()) -> int:
        """How many steps different events can serve, by trying."""
        if self.rules.shared_events:
            return sum(any(self.matches(j, e) for e in events) for j in range(self.k))
        if not events:
            return 0
        first, rest = events[0], events[1:]
        best = self.rank(rest, taken)
        for j in range(self.k):
            if j not in taken and self.matches(j, first):
                best = max(best, 1 + self.rank(rest, taken | {j}))
        return best

    def from_start(self, s: int) -> tuple[Found, int]:
        upper = self.time[s] + self.rules.within
        n = len(self.code)
        reached = [-1] * self.k
        end, how, onward, before = upper, DROPPED, n, 0
        for event in range(s, n):
            if self.time[event] > upper:
                onward = event
                break
            now = self.rank(list(range(s, event + 1)))
            for size in range(before, now):
                reached[size] = event
            used, before = now > before, now
            if now == self.k:
                onward = event + 1
                break
            code = self.code[event]
            if self.rules.leaving[code] or (self.rules.exclude[0, code] and not used):
                gone = bool(self.rules.leaving[code])
                end, how = self.time[event], LEFT if gone else DROPPED
                onward = event + 1 if gone else event
                break
        else:
            if upper >= self.until:
                end, how = self.until, OPEN if self.running else DROPPED
        return Found(reached, [-1, *reached[1:]], [how] * self.k, [end] * self.k), onward

    def unordered(self) -> list[Found]:
        n = len(self.code)
        starts = [e for e in range(n) if self.begins(e)]
        if not starts:
            return []
        if self.rules.start == "any":
            return [merged([self.from_start(s)[0] for s in starts])]
        rows, begin = [], 0
        while True:
            begin = next((e for e in starts if e >= begin), n)
            if begin == n:
                return rows
            row, begin = self.from_start(begin)
            rows.append(row)
            if not self.rules.reentry:
                return rows


def merged(rows: list[Found]) -> Found:
    """What any of several starts allowed."""

    def least(values):
        return min((v for v in values if v >= 0), default=-1)

    k = len(rows[0].reached)
    best = [
        max(
            ((r.status[j], r.ended[j]) for r in rows),
            key=lambda h: (h[0] == OPEN and h[1] >= 0, h[1], -h[0]),
        )
        for j in range(k)
    ]
    return Found(
        [least([r.reached[j] for r in rows]) for j in range(k)],
        [least([r.came[j] for r in rows]) for j in range(k)],
        [b[0] for b in best],
        [b[1] for b in best],
    )


def brute(journeys, rules: Rules) -> list[tuple[int, Found]]:
    """Return (customer, what became) with places in the event arrays, as `follow` does."""
    from journeykit.journeys.ending import is_open

    running = is_open(journeys)
    rows: list[tuple[int, Found]] = []
    for i in range(len(journeys)):
        a, b = journeys.start[i], journeys.start[i + 1]
        if a == b:
            continue
        time = np.arange(a, b) if journeys.time is None else journeys.time[a:b]
        until = -1 if journeys.observed_to is None else journeys.observed_to[i]
        one = Journey(journeys.touchpoint[a:b], time, until, running[i], rules)
        for row in one.unordered() if rules.order == "unordered" else one.ordered():
            row.reached = [int(e + a) if e >= 0 else -1 for e in row.reached]
            row.came = [int(e + a) if e >= 0 else -1 for e in row.came]
            rows.append((int(journeys.customer_index[i]), row))
    if rules.reentry:
        return rows
    by_customer: dict[int, list[Found]] = {}
    for who, row in rows:
        by_customer.setdefault(who, []).append(row)
    pick = {"first": lambda r: r[0], "last": lambda r: r[-1], "any": merged}[rules.start]
    return [(who, pick(found)) for who, found in by_customer.items()]
