"""Wandering, memory, prediction and what-if: estimates beside the truth of visits' chains."""

from __future__ import annotations

import numpy as np
import pandas as pd

from journeykit.paths import labyrinth, next_touchpoint, what_if
from journeykit.simulate import World

SOURCE, TARGET, GOAL, TO_SHARE = "view_product", "site_search", "help_center_visit", 0.3
SUCCESS = "newsletter_signup"


def _chain(world: World) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Pages, P(first page), and P(next page or exit | page), personas together."""
    truth = world.truth["browsing"]
    pages = list(truth.first)
    rows = [[truth.transitions[page].get(to, 0.0) for to in [*pages, "(exit)"]] for page in pages]
    return pages, np.array(list(truth.first.values())), np.array(rows)


def _bits(weights: np.ndarray) -> float:
    """Entropy of the column given the row, of a table of expected steps."""
    total = np.broadcast_to(weights.sum(axis=1, keepdims=True), weights.shape)
    some = weights > 0
    return float(-(weights[some] * np.log2(weights[some] / total[some])).sum() / weights.sum())


def entropy(world: World) -> pd.DataFrame:
    """Entropies of the next step, and the labyrinth index, of visits."""
    pages, first, rows = _chain(world)
    m = len(pages)
    views = np.linalg.solve(np.eye(m) - rows[:, :m].T, first)
    steps = np.vstack([views[:, None] * rows, np.append(first, 0.0)])
    moves = steps[:m, :m] * ~np.eye(m, dtype=bool)
    truth = {
        "entropy": _bits(steps.sum(axis=0, keepdims=True)),
        "entropy_given_last": _bits(steps),
        "labyrinth_index": 1 - 2.0 ** -_bits(moves),
    }
    frame = labyrinth(world.journeys().sessions("30min"), max_order=1).frame
    found = frame.set_index("measure").loc[list(truth)].reset_index(names="name")
    return found.assign(truth=list(truth.values()))


def memory(world: World) -> pd.DataFrame:
    """Whether the order chosen is that of the chain: flagged where it is."""
    found = labyrinth(world.journeys().sessions("30min"))
    order = world.truth["browsing"].order
    right = [found.order_by_bic == order, found.order_by_held_out == order]
    return pd.DataFrame({"name": ["BIC", "held-out likelihood"], "flagged": right})


def change(world: World) -> pd.DataFrame:
    """How many more journeys reach the goal if one step is taken more often."""
    pages, first, rows = _chain(world)
    source, target, goal = (pages.index(page) for page in (SOURCE, TARGET, GOAL))
    changed = rows.copy()
    changed[source] *= (1 - TO_SHARE) / (1 - rows[source, target])
    changed[source, target] = TO_SHARE
    truth = _reaches(changed, first, goal) - _reaches(rows, first, goal)
    found = what_if(
        world.journeys().sessions("30min"),
        source=SOURCE,
        target=TARGET,
        goal=[GOAL],
        to_share=TO_SHARE,
    )
    return pd.DataFrame(
        {
            "name": ["difference", "baseline"],
            "estimate": found.frame.loc[0, ["difference", "baseline"]].astype(float).to_numpy(),
            "conf_low": found.frame.loc[0, ["conf_low", "baseline_low"]].astype(float).to_numpy(),
            "conf_high": found.frame.loc[0, ["conf_high", "baseline_high"]]
            .astype(float)
            .to_numpy(),
            "truth": [truth, _reaches(rows, first, goal)],
        }
    )


def _reaches(rows: np.ndarray, first: np.ndarray, goal: int) -> float:
    """Probability that a walk meets the goal."""
    others = np.arange(len(first)) != goal
    inside = rows[:, :-1][np.ix_(others, others)]
    wins = np.linalg.solve(np.eye(others.sum()) - inside, rows[others, goal])
    return float(first[goal] + first[others] @ wins)


def gains(world: World) -> pd.DataFrame:
    """Whether a longer memory is said to help: flagged where it is."""
    found = next_touchpoint(world.journeys().sessions("30min"))
    return pd.DataFrame({"name": ["gain"], "flagged": [found.verdict == "gain"]})


def detours_matter(world: World) -> pd.DataFrame:
    """Whether what becomes of those who make a detour is said to differ: flagged where it is."""
    found = labyrinth(world.journeys().sessions("30min"), outcome=[SUCCESS], max_order=1).detours
    return pd.DataFrame({"name": ["any detour"], "flagged": [(found["q_value"] < 0.05).any()]})
