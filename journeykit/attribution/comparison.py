"""Models side by side: where they agree, what experiments say, how far each usually is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from journeykit.attribution.credit import NO_CHANNELS, SHARE_WARNING
from journeykit.attribution.disagreement import (
    NO_CHANNEL,
    label_of,
    ordered,
    ranges_of,
)
from journeykit.attribution.scoreboard import nearest_size, scoreboard_of
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.attribution.credit import Credits

SHOWN = ["channel", "model", "n_conversions", "conversions", "share", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comparison(Result):
    """Models side by side, with experiments where there are any, and the models' scoreboard.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a channel and model: ``channel model n_conversions conversions share conf_low
        conf_high``. Channels by their mean share, the largest first, then ``(no touch)`` and
        ``(baseline)``; models in the order given. `n_conversions` are those that the model knows:
        a hazard model only the first of a customer. `share`, `conf_low` and `conf_high` are the
        model's own.
    ranges : pandas.DataFrame
        One row a channel in the same order; the last, ``(no channel)``, holds what each model
        leaves without a touch or to the baseline:

        - `channel`, `n_models`: models with a share of it
        - `lowest`, `lowest_model`, `highest`, `highest_model`: of the shares over models; of
          models that are equal the one given first
        - `width`: `highest` - `lowest`
        - `overlap`: whether all intervals have a share in common; missing where fewer than two
          models have an interval
        - `increment`, `std_error`: conversions lost without the channel by the experiment
        - `experiment_share`, `experiment_low`, `experiment_high`: the increment divided by
          the conversions of the model that knows most, with its normal interval
    scoreboard : pandas.DataFrame
        How far each model was from the truth in simulated worlds, one row a law of the worlds,
        their size and model; see `compare`. Models that were never scored have no row.
    confidence : float
        Of all intervals.
    warnings : tuple of str
        What models say of themselves, each led by its name.
    """

    ranges: pd.DataFrame
    scoreboard: pd.DataFrame
    confidence: float
    warnings: tuple[str, ...] = ()
    rows: ClassVar[str] = "credits"

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order given."""
        return tuple(self.frame["model"].unique())

    @property
    def scores(self) -> pd.DataFrame:
        """The rows of `scoreboard` from worlds whose conversions are nearest in number to these."""
        return nearest_size(self.scoreboard, int(self.frame["n_conversions"].max()))

    def summary(self) -> str:
        """Say where models agree and disagree, what experiments say, and how far off models are."""
        parts = [_populations(self.frame), _agreement(self.ranges, len(self.models))]
        parts += [_tested(self.ranges, self.frame), _scored(self.scores, self.models)]
        if self.warnings:
            parts.append(f"Warnings ({len(self.warnings)}) are in `.warnings`.")
        return " ".join([part for part in parts if part] + [SHARE_WARNING])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of all models, the range between them, and experiments as diamonds.

        Each model's interval is a line through its point, the range over models a band. Beyond 12
        channels the smallest are added up, without intervals.
        """
        from journeykit.attribution.side_by_side import side_by_side

        return side_by_side(self.frame, self.ranges, ax)

    def as_table(self) -> pd.DataFrame:
        """Return models side by side as texts: one row a channel, one column a model."""
        import pandas as pd

        table: dict[str, object] = {"channel": self.ranges["channel"]}
        named = self.frame.assign(channel=self.frame["channel"].map(label_of))
        for model, part in named.groupby("model", sort=False):
            told = part.groupby("channel").first().reindex(self.ranges["channel"])
            table[str(model)] = _texts(told, "share", "conf_low", "conf_high")
        table["from lowest to highest"] = [
            f"{_percent(low)} to {_percent(high)}"
            for low, high in zip(self.ranges["lowest"], self.ranges["highest"], strict=True)
        ]
        table["intervals meet"] = [
            "" if meet is pd.NA else "yes" if meet else "no" for meet in self.ranges["overlap"]
        ]
        if self.ranges["increment"].notna().any():
            table["experiment"] = _texts(
                self.ranges, "experiment_share", "experiment_low", "experiment_high"
            )
        return pd.DataFrame(table)

    def scores_as_table(self) -> pd.DataFrame:
        """Return `scores` as texts: how much of the credit went to wrong channels, law by law.

        One row a scored model; one column a law of the worlds, and what the two channels without
        any effect got, from the lowest to the highest mean over the laws.
        """
        import pandas as pd

        scores = self.scores
        rows = []
        for model, part in scores.groupby("model", sort=False):
            missed = zip(
                part["law"],
                _texts(part, "distance", "distance_low", "distance_high"),
                strict=True,
            )
            placebos = {
                f"{kind} placebo": f"{_percent(part[kind].min())} to {_percent(part[kind].max())}"
                for kind in ("clean", "confounded")
            }
            rows.append({"model": model, **dict(missed), **placebos})
        laws = scores["law"].unique()
        return pd.DataFrame(rows, columns=["model", *laws, "clean placebo", "confounded placebo"])


def compare(*results: Credits, experiments: pd.DataFrame | None = None) -> Comparison:
    """Put models side by side, with their disagreement, experiments, and the models' scoreboard.

    Models may be of different populations, such as `rules` of all conversions and `hazard` of
    the first conversion of each customer: shares stand beside each other, and every row tells how
    many conversions its model knows. For a channel the disagreement is the range of the shares over
    models. What separates the models is what they assume, so more customers do not narrow it, and
    agreement of models that share an assumption is no evidence for it.

    The scoreboard ships with the package. Worlds of a simulated company were credited by every
    model with the settings named below, and its shares among channels held against those of the
    conversions that are lost when each channel's touches are deleted. `distance` is half the sum of
    the absolute differences (total variation): the part of the credit that went to the wrong
    channels, 0 to 1, and more where shares are negative. `distance_all` is the same of all
    conversions, what a model gives to no channel standing for the baseline. `clean` and
    `confounded` are shares given to two channels without any effect, one met by chance, one
    sought by those about to buy. Each is a mean over worlds with its 95 % interval over
    worlds (`_low`, `_high`). `coverage` is how often a model's 95 % interval of a share held what
    the model itself says with many customers: right intervals, whatever they are intervals of.
    The laws are hazards: touches add to the buying rate, multiply it, or saturate; in the
    confounded worlds hidden intent, season and regional shocks move both touches and purchases.
    `conversions` is the mean number of a world. In the scoreboard ``time_decay`` has a half-life of
    7 days, and all else is by default.

    Parameters
    ----------
    *results : Credits
        From `rules`, `markov`, `shapley`, `hazard`; each may hold several models.
    experiments : pandas.DataFrame, optional
        One row a tested channel: ``channel increment std_error``, conversions that all customers
        credited would not have made without the channel in the same time, by a randomised
        holdout, and the standard error.

    Returns
    -------
    Comparison

    Raises
    ------
    ArgumentError
        When there is no result, a model would stand twice, a model's shares do not sum to 1 (those
        of raw effects do not), shares are of values and of conversions, or intervals are of
        several levels; when a model has a channel twice.
    DataError
        When `experiments` has a channel twice, or a number that is none.
    MappingError
        When `experiments` lacks a column or names a channel that no model credits.

    References
    ----------
    Dalessandro, Perlich, Stitelman, Provost (2012), Causally motivated attribution for online
    advertising, ADKDD.
    Gordon, Zettelmeyer, Bhargava, Chapsky (2019), A comparison of approaches to advertising
    measurement, Marketing Science 38.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.attribution import markov, rules
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [20, 10], "none": [30, 90]})
    >>> paths = path_counts_from_frame(table, conversions="buys", nulls="none")
    >>> tested = pd.DataFrame({"channel": ["mail"], "increment": [6.0], "std_error": [1.5]})
    >>> both = compare(rules(paths), markov(paths), experiments=tested)
    >>> both.ranges[["channel", "lowest", "lowest_model", "highest", "highest_model"]].round(3)
      channel  lowest lowest_model  highest highest_model
    0     web   0.333         last    1.000         first
    1    mail   0.000        first    0.667          last
    """
    import pandas as pd

    models = _checked_models(results)
    confidence = float(_the_one(results, "confidence", 0.95))
    if experiments is not None and (of := _the_one(results, "share_of", "conversions")) == "value":
        raise ArgumentError(
            f"`experiments` are in conversions; shares must be of conversions, too; got {of!r}."
        )
    tables = [
        result.frame.assign(n_conversions=result.population.n_conversions)[SHOWN]
        for result in results
    ]
    frame = ordered(pd.concat(tables, ignore_index=True), models)
    return Comparison(
        frame=frame,
        ranges=ranges_of(frame, experiments, confidence=confidence),
        scoreboard=scoreboard_of(models),
        confidence=confidence,
        warnings=tuple(text for result in results for text in _warnings(result)),
        provenance=Provenance(
            fingerprint=results[0].provenance.fingerprint,
            parameters={
                "models": models,
                "fingerprints": tuple(result.provenance.fingerprint for result in results),
                "tested": () if experiments is None else tuple(experiments["channel"]),
            },
            seed=results[0].provenance.seed,
        ),
    )


def _checked_models(results: Sequence[Credits]) -> tuple[str, ...]:
    """Return the models in order; each stands once and distributes what it knows."""
    for result in results:
        if not hasattr(result, "population"):
            raise ArgumentError(
                "`compare` takes credits one by one, such as `compare(rules(journeys), "
                f"markov(journeys))`; got {type(result).__name__}."
            )
    models = [model for result in results for model in result.frame["model"].unique()]
    if not models:
        raise ArgumentError("`compare` needs the credits of at least one model; got none.")
    if len(set(models)) < len(models):
        raise ArgumentError(f"Each model may stand once; got {', '.join(models)}.")
    _the_one(results, "share_of", "conversions")
    for result in results:
        several = result.frame.duplicated(["model", "channel"])
        if several.any():
            row = result.frame[several].iloc[0]
            raise ArgumentError(
                "Models stand side by side with one row a channel; got several of "
                f"{row['channel']!r} in {row['model']!r}."
            )
        for model, share in result.frame.groupby("model", sort=False)["share"]:
            total = share.sum(min_count=1)
            if abs(total - 1) > 1e-6:
                raise ArgumentError(
                    f"The shares of a model must sum to 1 to stand beside others; those of "
                    f"{model!r} sum to {total:.3g}. Raw effects overlap and distribute nothing: "
                    "use `normalisation='global'` or 'path'."
                )
    return tuple(models)


def _the_one(results: Sequence[Credits], parameter: str, default: object) -> Any:
    """Return the value of a parameter in which results must not differ, where they have it."""
    values = {result.provenance.parameters.get(parameter, default): None for result in results}
    if len(values) > 1:
        raise ArgumentError(
            f"Models stand side by side only with the same `{parameter}`; got "
            f"{', '.join(map(repr, values))}."
        )
    return next(iter(values))


def _warnings(result: Credits) -> list[str]:
    """Return what a result warns of, led by the names of its models."""
    models = ", ".join(result.frame["model"].unique())
    return [f"{models}: {text}" for text in result.warnings]


# --- words -------------------------------------------------------------------------------------


def _populations(frame: pd.DataFrame) -> str:
    """Say how many models there are, and how many conversions each knows."""
    known = frame.groupby("model", sort=False)["n_conversions"].first()
    most = known.max()
    fewer = [f"{model} {n:,}" for model, n in known[known < most].items()]
    channels = frame["channel"].map(label_of).nunique() - frame["channel"].isin(NO_CHANNELS).any()
    models = f"{len(known)} model{'s' if len(known) > 1 else ''}"
    less = f" (of them {', '.join(fewer)})" if fewer else ""
    return f"{models} of {channels} channels on {most:,} conversions{less}."


def _agreement(ranges: pd.DataFrame, n_models: int) -> str:
    """Say where models agree most and least, and what they leave to no channel."""
    known = ranges[(ranges["n_models"] > 1) & ranges["width"].notna()]
    channels = known[known["channel"] != NO_CHANNEL]
    if n_models < 2 or not len(channels):
        return "There is no other model to disagree with."
    most, least = channels.loc[channels["width"].idxmax()], channels.loc[channels["width"].idxmin()]
    if most["width"] == 0:
        return "All of them give every channel the same share."
    said = (
        f"They disagree most on {most['channel']}: from {_percent(most['lowest'])} "
        f"({most['lowest_model']}) to {_percent(most['highest'])} ({most['highest_model']})"
    )
    if len(channels) > 1:
        said += (
            f"; least on {least['channel']}: from {_percent(least['lowest'])} to "
            f"{_percent(least['highest'])}"
        )
    meets = channels["overlap"].dropna()
    if len(meets):
        said += f"; all their intervals meet on {int(meets.sum())} of {len(meets)} channels"
    none = known[known["channel"] == NO_CHANNEL]
    if len(none):
        low, high = (
            f"{_percent(none[end].iloc[0])} ({none[f'{end}_model'].iloc[0]})"
            for end in ("lowest", "highest")
        )
        said += f". To no channel they leave {low} to {high}"
    return f"{said}."


def _tested(ranges: pd.DataFrame, frame: pd.DataFrame) -> str:
    """Say of each experiment which models lie within its interval."""
    said = []
    for _, row in ranges[ranges["increment"].notna()].iterrows():
        part = frame[frame["channel"] == row["channel"]]
        inside = part["share"].between(row["experiment_low"], row["experiment_high"])
        models = ", ".join(part.loc[inside, "model"]) or "no model"
        held = _text(row["experiment_share"], row["experiment_low"], row["experiment_high"])
        said.append(f"The experiment on {row['channel']} found {held}; {models} lies within.")
    return " ".join(said)


def _scored(scores: pd.DataFrame, models: Sequence[str]) -> str:
    """Say how far the best and the worst of the scored models were from the truth."""
    if not len(scores):
        return "None of these models is on the scoreboard."
    by_model = scores.groupby("model", sort=False)
    order = by_model["distance"].mean().sort_values(kind="stable").index
    missed, placebo = [], []
    for model in dict.fromkeys([order[0], order[-1]]):
        part = by_model.get_group(model)
        missed.append(f"{model} gave {_between(part['distance'])} of the credit to wrong channels")
        # Negative credit of a channel without effect is as wrong.
        most = part["confounded"].loc[part["confounded"].abs().idxmax()]
        placebo.append(f"{_percent(most)} by {model}")
    ends = " (closest) and ".join(missed) + (" (farthest)" if len(missed) > 1 else "")
    unscored = [model for model in models if model not in set(order)]
    return (
        f"In simulated worlds with known truth ({scores['law'].nunique()} laws, "
        f"{scores['n_worlds'].min():,} worlds each), {ends}; a channel that does nothing but is "
        f"sought by buyers got up to {' and '.join(placebo)}."
        + (f" Not scored: {', '.join(unscored)}." if unscored else "")
    )


def _between(values: pd.Series) -> str:
    low, high = _percent(values.min()), _percent(values.max())
    return low if low == high else f"{low} to {high}"


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"


def _text(estimate: float, low: float, high: float) -> str:
    interval = f" ({low:.1%} to {high:.1%})" if np.isfinite(low) and np.isfinite(high) else ""
    return f"{_percent(estimate)}{interval}"


def _texts(frame: pd.DataFrame, *columns: str) -> list[str]:
    return [_text(*row) for row in frame[list(columns)].itertuples(index=False)]
