"""What a report is tried on: which worlds, how many of them, from which seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from journeykit.errors import ParameterError

#: Worlds of each kind where nobody says how many.
REPLICATES = 20


@dataclass(frozen=True, slots=True)
class Trial:
    """The worlds on which the reports of a run are tried.

    Attributes
    ----------
    null : str
        What is made to tell nothing; empty for no null worlds.
    recovery : bool
        Whether there are worlds whose true values are known.
    replicates : int
        Worlds of each kind.
    seed : int
    """

    null: str = ""
    recovery: bool = False
    replicates: int = REPLICATES
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what another process needs to make the same."""
        return asdict(self)


def trial_from(given: Mapping[str, Any] | None, /) -> Trial | None:
    """Return the trial that `Trial.to_json` described, or None where there is none."""
    return Trial(**given) if given else None


def trial_of(
    *, null: str | None, recovery: bool, replicates: int | None, seed: int | None
) -> Trial | None:
    """Return the trial that the options of the command ask for, or None where they ask for none.

    Raises
    ------
    ParameterError
        How many or from which seed is said, but not of what.
    """
    if null is None and not recovery:
        for name, value in (("--replicates", replicates), ("--seed", seed)):
            if value is not None:
                raise ParameterError(
                    f"`{name}` needs `--null WHAT` or `--recovery`, which say what is tried; "
                    f"got only `{name} {value}`."
                )
        return None
    if null == "":
        raise ParameterError("`--null` must say what is to tell nothing; got empty text.")
    return Trial(null or "", recovery, REPLICATES if replicates is None else replicates, seed or 0)


def seed_of(trial: Trial, number: int, what: str, /) -> int:
    """Return the seed of one world; no two of a run share theirs."""
    import numpy as np

    entropy = [trial.seed, number, *what.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
