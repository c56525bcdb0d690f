"""Customers' goals against the firm's objectives: who serves what, and how well it is known."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.errors import DataError
from journeykit.results import Checked, Provenance, Result
from journeykit.review.strategy import EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

    from journeykit.review.strategy import Strategy, Tactic


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GoalsServed(Result):
    """Goals of customers and objectives of the firm.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a goal and objective: `goal`, `objective`, `serves`; `evidence` that customers have
        the goal, where it is served; `n_tactics` that serve the objective and `n_researched` of
        them with more behind them than an assumption.
    goals : pandas.DataFrame
        One row a goal: `goal`, `text`, `stages`, `evidence`, `n_objectives` that serve it.
    objectives : pandas.DataFrame
        One row an objective: `objective`, `text`, `metric`, `baseline`, `target`, `due`, `segment`,
        `accountable`; `n_goals` it serves, `evidence`, the best of these, `n_tactics`, and
        `missing`, what is not said of `metric`, `target`, `due` and `accountable`.
    tactics : pandas.DataFrame
        One row a tactic: `tactic`, `text`, `evidence`, `n_objectives`, `n_goals` that these serve,
        and `without`: what is not behind it ("research", "objective", "goal"), or the empty text.
    """

    goals: pd.DataFrame
    objectives: pd.DataFrame
    tactics: pd.DataFrame
    rows: ClassVar[str] = "pairs of goal and objective"

    @property
    def orphans(self) -> tuple[str, ...]:
        """Objectives that serve no goal of customers."""
        return tuple(self.objectives.loc[self.objectives["n_goals"] == 0, "objective"])

    @property
    def unserved(self) -> tuple[str, ...]:
        """Goals of customers that no objective serves."""
        return tuple(self.goals.loc[self.goals["n_objectives"] == 0, "goal"])

    @property
    def assumed(self) -> tuple[str, ...]:
        """Goals of customers that nobody has looked into."""
        return tuple(self.goals.loc[self.goals["evidence"] == "assumed", "goal"])

    @property
    def without_research(self) -> tuple[str, ...]:
        """Tactics for which nothing but an assumption speaks."""
        return tuple(self.tactics.loc[self.tactics["evidence"] == "assumed", "tactic"])

    def summary(self) -> str:
        """Say which objectives serve nobody, which goals nobody serves, what is only assumed."""
        told = [
            f"{len(self.goals):,} goals of customers, {len(self.objectives):,} objectives",
            _told("objectives that serve no goal", self.orphans),
            _told("goals that no objective serves", self.unserved),
            _told("goals only assumed", self.assumed),
        ]
        if len(self.tactics):
            told.append(_told("tactics without research", self.without_research))
        return "; ".join(told)

    def check(self) -> Checked:
        """Check that objectives serve goals, that goals are served, and tactics researched."""
        fine = not (self.orphans or self.unserved or self.without_research)
        return Checked("goals and objectives", "passed" if fine else "warned", f"{self.summary()}.")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw goals against objectives: filled where served, the darker the better it is known.

        A row or a column that is empty says so beside its name.
        """
        from journeykit.draw import INK, QUIET, axes

        goals, objectives = self.goals["goal"].tolist(), self.objectives["objective"].tolist()
        ax = axes(ax, height=0.62 * len(goals) + 1.7, width=max(4.9, 0.9 * len(objectives) + 1.9))
        for row in self.frame[self.frame["serves"]].itertuples():
            grade = EVIDENCE.index(row.evidence)
            x, y = objectives.index(row.objective), goals.index(row.goal)
            ax.add_patch(_square(x, y, _SHADES[grade]))
            ink = "white" if grade >= EVIDENCE.index("log") else INK
            ax.text(x, y, row.evidence, ha="center", va="center", fontsize=8, color=ink)
        across = [_label(name, "serves no goal" * (name in self.orphans)) for name in objectives]
        down = [_label(name, "not served" * (name in self.unserved), 22) for name in goals]
        ax.set_xticks(range(len(objectives)), across, fontsize=8.5)
        ax.set_yticks(range(len(goals)), down, fontsize=9)
        if len(objectives) > _UPRIGHT:
            for label in ax.get_xticklabels():
                label.set(rotation=40, ha="right")
        for labels, names, alone in (
            (ax.get_xticklabels(), objectives, self.orphans),
            (ax.get_yticklabels(), goals, self.unserved),
        ):
            for label, name in zip(labels, names, strict=True):
                label.set_color(_ALONE if name in alone else INK)
        ax.set_xticks(np.arange(len(objectives) + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(goals) + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="#e4e7eb", linewidth=0.8)
        ax.tick_params(which="both", length=0)
        ax.set_xlim(-0.5, max(len(objectives), 1) - 0.5)
        ax.set_ylim(max(len(goals), 1) - 0.5, -0.5)
        for side in ax.spines.values():
            side.set_color(QUIET)
        ax.set_xlabel("filled: the objective serves the goal,\nwhich is known by", fontsize=9)
        return ax


#: More objectives than this are written aslant.
_UPRIGHT = 5
_ALONE = "#b3470a"
_LINES = 4
#: By the grade of the evidence, from assumed to experiment.
_SHADES = ("#eef2f6", "#c9dcee", "#5b9bc8", "#2a6fa8", "#0b3d6e")


def goals_served(strategy: Strategy, /) -> GoalsServed:
    """Set customers' goals against the firm's objectives, with the evidence for each goal.

    An objective serves the goals that it names. An objective that serves none is an orphan, and a
    goal that none serves is unserved. A tactic serves the objectives that it names, and through
    them their goals. What is graded "assumed" has no research behind it; every other grade has,
    from conversations ("qualitative") over questions ("survey") and events ("log") to a comparison
    by chance ("experiment").

    Parameters
    ----------
    strategy : Strategy
        Of `read_strategy`.

    Raises
    ------
    DataError
        When the strategy has neither goals nor objectives.

    Examples
    --------
    >>> from journeykit.review import Strategy
    >>> plan = Strategy.model_validate({
    ...     "goals": {"feel safe": {"evidence": "survey"}, "pay less": {}},
    ...     "objectives": {"more alarms": {"serves": "feel safe"}, "more clicks": {}},
    ... })
    >>> found = goals_served(plan)
    >>> found.orphans, found.unserved
    (('more clicks',), ('pay less',))
    """
    if not strategy.goals and not strategy.objectives:
        raise DataError(
            "The strategy has neither `goals` nor `objectives`: there is nothing to compare."
        )
    tactics = strategy.tactics
    behind = {
        name: [tactic for tactic in tactics.values() if name in tactic.serves]
        for name in strategy.objectives
    }
    return GoalsServed(
        frame=_pairs(strategy, behind),
        provenance=Provenance(parameters={}),
        goals=_goals(strategy),
        objectives=_objectives(strategy, behind),
        tactics=_tactics(strategy),
    )


def _pairs(strategy: Strategy, behind: dict[str, list[Tactic]]) -> pd.DataFrame:
    rows = [
        {
            "goal": goal,
            "objective": name,
            "serves": goal in objective.serves,
            "evidence": known.evidence if goal in objective.serves else "",
            "n_tactics": len(behind[name]),
            "n_researched": _researched(behind[name]),
        }
        for goal, known in strategy.goals.items()
        for name, objective in strategy.objectives.items()
    ]
    names = ["goal", "objective", "serves", "evidence", "n_tactics", "n_researched"]
    return pd.DataFrame(rows, columns=names).astype({"serves": bool})


def _researched(tactics: Iterable[Tactic]) -> int:
    return sum(tactic.evidence != "assumed" for tactic in tactics)


def _goals(strategy: Strategy) -> pd.DataFrame:
    served = [name for objective in strategy.objectives.values() for name in set(objective.serves)]
    rows = [
        (name, goal.text, ", ".join(goal.stages), goal.evidence, served.count(name))
        for name, goal in strategy.goals.items()
    ]
    return pd.DataFrame(rows, columns=["goal", "text", "stages", "evidence", "n_objectives"])


def _objectives(strategy: Strategy, behind: dict[str, list[Tactic]]) -> pd.DataFrame:
    said = ("text", "metric", "baseline", "target", "due", "segment", "accountable")
    wanted = ("metric", "target", "due", "accountable")
    rows = []
    for name, objective in strategy.objectives.items():
        goals = set(objective.serves)
        grades = [EVIDENCE.index(strategy.goals[goal].evidence) for goal in goals]
        lacking = [key for key in wanted if getattr(objective, key) in ("", None)]
        rows.append(
            (
                name,
                *(getattr(objective, key) for key in said),
                len(goals),
                EVIDENCE[max(grades)] if grades else "",
                len(behind[name]),
                ", ".join(lacking),
            )
        )
    names = ["objective", *said, "n_goals", "evidence", "n_tactics", "missing"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.astype({"baseline": float, "target": float})


def _tactics(strategy: Strategy) -> pd.DataFrame:
    rows = []
    for name, tactic in strategy.tactics.items():
        objectives = set(tactic.serves)
        goals = {goal for key in objectives for goal in strategy.objectives[key].serves}
        without = [
            word
            for word, lacks in (
                ("research", tactic.evidence == "assumed"),
                ("objective", not objectives),
                ("goal", not goals),
            )
            if lacks
        ]
        rows.append(
            (name, tactic.text, tactic.evidence, len(objectives), len(goals), ", ".join(without))
        )
    names = ["tactic", "text", "evidence", "n_objectives", "n_goals", "without"]
    return pd.DataFrame(rows, columns=names)


def _told(what: str, names: tuple[str, ...]) -> str:
    return f"{what}: {', '.join(names) or 'none'}"


def _label(name: str, note: str, width: int = 13) -> str:
    """Break a name over lines; dollar signs are text here, never formulas."""
    lines = textwrap.wrap(name, width) or [""]
    kept = lines[:_LINES] if len(lines) <= _LINES else [*lines[: _LINES - 1], "\u2026"]
    return "\n".join([*kept, f"({note})"] if note else kept).replace("$", r"\$")


def _square(x: int, y: int, color: str) -> Patch:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=1.5)
