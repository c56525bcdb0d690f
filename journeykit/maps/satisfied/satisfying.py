"""Whether customers are as satisfied in one channel as in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.errors import DataError, MappingError
from journeykit.maps.rates import without_small
from journeykit.maps.satisfied.channel_means import Means, compare_means, means
from journeykit.maps.satisfied.mixed_means import mixed_means
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue

_LEVEL = 0.05
#: With fewer customers the mean of a skewed score is too far from normal to be compared.
LEAST_CUSTOMERS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Satisfaction(Result):
    """Mean scores by channel, and whether they differ.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a channel, the least satisfied first: ``channel n n_customers``, answers and who
        gave them; ``estimate std_error conf_low conf_high``, the mean score; `difference`, from the
        mean of all channels, ``difference_low difference_high p_value q_value``; `n_touches` and
        `share`, touches of the channel and answers to them, where journeys were given.
    spread : pandas.DataFrame
        One row: `n_channels`; `variance`, of the channels' true means, what the channels there are
        vary by, corrected for chance (below 0 where they are more alike than chance would have
        them); `p_value` that all are equal; `verdict`: differs, no difference found, cannot tell;
        `mixed_p_value`, that of a mixed model (statsmodels), as a cross-check: missing where none
        was fitted.
    mixed : pandas.DataFrame
        ``channel estimate std_error`` of the compared channels, by the mixed model: means with the
        level of each customer held equal.
    n_few : int
        Answers in channels of fewer than 30 customers, or `small_cell`: in the table, but not
        compared.
    """

    spread: pd.DataFrame
    mixed: pd.DataFrame
    n_few: int
    rows: ClassVar[str] = "channels"

    def summary(self) -> str:
        """Say whether channels differ, and that only those who answered are known."""
        row = self.spread.iloc[0]
        said = f"satisfaction in {int(row['n_channels']):,} channels: {row['verdict']}"
        if pd.notna(row["p_value"]):
            said += f" (p = {row['p_value']:.2g})"
        crossed = row["mixed_p_value"]
        if pd.notna(crossed) and (crossed < _LEVEL) != (row["p_value"] < _LEVEL):
            said += f", though a mixed model has p = {crossed:.2g}"
        known = self.frame.dropna(subset="estimate")
        if row["verdict"] == "differs":
            low, high = known.iloc[0], known.iloc[-1]
            said += (
                f"; from {low['estimate']:+.2f} in {low['channel']} to {high['estimate']:+.2f} in "
                f"{high['channel']}"
            )
        answered = ""
        if "share" in self.frame and len(known) and self.frame["n_touches"].sum() > 0:
            shares = known["share"].dropna()
            answered = (
                f", {shares.min():.1%} to {shares.max():.1%} of touches" if len(shares) else ""
            )
        return f"{said}; of those who answered{answered}: who did not may think otherwise"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean scores with their intervals, and the mean of all channels."""
        from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
        from journeykit.draw.charts import shortened

        shown = self.frame.dropna(subset="estimate")
        ax = axes(ax, height=0.4 * len(shown) + 1.2)
        at = np.arange(len(shown))
        compared = shown[shown["difference"].notna()]
        if len(compared):
            ax.axvline(float(compared["estimate"].mean()), color=QUIET, linewidth=1.2)
        ax.hlines(at, shown["conf_low"], shown["conf_high"], color=INK, linewidth=1.6)
        ax.scatter(shown["estimate"], at, color=PALETTE[0], s=46, zorder=3)
        labels = [
            f"{shortened(row.channel, 24)} ({int(row.n):,})"
            for row in shown.itertuples(index=False)
        ]
        ax.set_yticks(at, labels)
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set_xlabel("mean score (-1 worst, 1 best; answers in brackets)\nline: mean of channels")
        verdict = str(self.spread["verdict"].iloc[0])
        title = {"differs": "channels differ"}.get(verdict, verdict)
        ax.set_title(title, loc="left", fontsize=11, color=INK)
        return tidy(ax, grid="x")


def satisfaction(
    sentiment: pd.DataFrame,
    /,
    catalogue: Catalogue,
    *,
    journeys: Journeys | None = None,
    mixed_answers: int = 20_000,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> Satisfaction:
    """Compare what customers say of channels, as those do who answer.

    By channel, the mean of all answers; its standard error adds up what a customer contributes, and
    so does the covariance of two channels of which the same customers speak. The interval has t on
    one degree of freedom less than the customers that its answers are worth (Kish).

    *All equal*: Wald's statistic of the K means with that covariance, held against F as Welch's
    (see `compare_means`). Channels of fewer than 30 customers take no part. The channels
    are all there are, not a sample of more: `variance` is that of their own means, (sum of squares
    - trace of the covariance) / (K - 1), centred; with so few of them the share of all variance
    that it makes is not told.

    Only those who answer are known. Where the unhappy speak up more, all means are too low, and
    channels that differ in who answers seem to differ in what customers think. Give `journeys` to
    see which share of touches was answered.

    Parameters
    ----------
    sentiment : DataFrame
        ``study.sentiment()``: `customer_id`, `touchpoint`, `score` from -1 to 1; one row an answer.
    catalogue : Catalogue
        ``study.catalogue``.
    journeys : Journeys, optional
        For the share of touches that were answered.
    mixed_answers : int
        Most answers for which the mixed model is fitted too (20,000 take some seconds); 0 for none.
    small_cell : int
        Rows with fewer customers are emptied.
    confidence : float in (0, 1)

    Returns
    -------
    Satisfaction

    Raises
    ------
    MappingError
        When a column is missing, or a touchpoint is not in the catalogue.
    DataError
        When there is no answer, or a score is no number from -1 to 1.

    References
    ----------
    Liang, Zeger (1986), Biometrika 73: covariance by customer; Welch (1951), Biometrika 38.

    Examples
    --------
    >>> from journeykit.study import Catalogue
    >>> said = pd.DataFrame(
    ...     {"customer_id": list("aabbcc"), "touchpoint": ["call", "web"] * 3,
    ...      "score": [-1, 0.5, -0.5, 1, -1, 1]}
    ... )
    >>> found = satisfaction(said, Catalogue(), small_cell=1)
    >>> found.frame[["channel", "n", "estimate"]].round(2)
      channel  n  estimate
    0    call  3     -0.83
    1     web  3      0.83
    """
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    check_whole("mixed_answers", mixed_answers)
    score = _scores(sentiment)
    channel = pd.Series(sentiment["touchpoint"]).map(
        {name: catalogue.channel_of(name) for name in sentiment["touchpoint"].unique()}
    )
    code, names = pd.factorize(channel, sort=True)
    who, _ = pd.factorize(sentiment["customer_id"])
    found = means(score, code, who, n_groups=len(names))
    enough = np.flatnonzero(found.n_customers >= max(small_cell, LEAST_CUSTOMERS))
    compared = compare_means(found, enough, confidence=confidence)
    frame = _frame(found, list(names), confidence).assign(**compared.by_channel(len(names), enough))
    hide = [name for name in frame.columns if name not in {"channel", "n_customers"}]
    if journeys is not None:
        frame = _answered(frame, journeys, catalogue, names=list(names))
        hide.append("share")
    frame = frame.sort_values(["estimate", "channel"], ignore_index=True)
    mixed, mixed_p_value = _mixed(score, code, who, enough, names, mixed_answers)
    p_value = compared.p_value
    told = "cannot tell" if np.isnan(p_value) else "no difference found"
    spread = pd.DataFrame(
        {
            "n_channels": [len(enough)],
            "variance": [compared.variance],
            "p_value": [p_value],
            "verdict": ["differs" if p_value < _LEVEL else told],
            "mixed_p_value": [mixed_p_value],
        }
    )
    return Satisfaction(
        frame=without_small(frame, hide=hide, small_cell=small_cell),
        provenance=Provenance(
            "" if journeys is None else journeys.fingerprint,
            {"small_cell": small_cell, "confidence": confidence, "n_answers": len(sentiment)},
        ),
        spread=spread,
        mixed=mixed,
        n_few=int(found.n.sum() - found.n[enough].sum()),
    )


def _mixed(
    score: NDArray[np.float64],
    code: NDArray[np.int64],
    who: NDArray[np.int64],
    enough: NDArray[np.int64],
    names: pd.Index,
    most: int,
) -> tuple[pd.DataFrame, float]:
    """Fit the mixed model to the channels that are compared, where they have few enough answers."""
    kept = np.isin(code, enough)
    if not 0 < kept.sum() <= most:
        return pd.DataFrame(columns=["channel", "estimate", "std_error"]), np.nan
    place = np.searchsorted(enough, code[kept])
    _, customer = np.unique(who[kept], return_inverse=True)
    found = mixed_means(score[kept], place, customer, n_groups=len(enough))
    frame = pd.DataFrame(
        {
            "channel": list(names[enough]),
            "estimate": found.estimate,
            "std_error": found.std_error,
        }
    )
    return frame, found.p_value


def _scores(sentiment: pd.DataFrame) -> NDArray[np.float64]:
    wanted = ["customer_id", "touchpoint", "score"]
    check_known("sentiment", wanted, [str(name) for name in sentiment.columns], what="columns")
    if not len(sentiment):
        raise DataError("`sentiment` has no answer.")
    score: NDArray[np.float64] = pd.to_numeric(sentiment["score"], errors="coerce").to_numpy(
        dtype=np.float64
    )
    wrong = ~(np.abs(score) <= 1)
    if wrong.any():
        raise DataError(
            f"Column 'score' must hold numbers from -1 to 1; {int(wrong.sum()):,} of "
            f"{len(score):,} rows do not, such as {sentiment['score'].iloc[int(wrong.argmax())]}."
        )
    return score


def _frame(found: Means, names: list[str], confidence: float) -> pd.DataFrame:
    from scipy.special import stdtrit

    error = np.sqrt(np.diag(found.covariance))
    freedom = np.maximum(found.effective - 1, 0.5)
    half = np.where(found.n_customers > 1, stdtrit(freedom, (1 + confidence) / 2) * error, np.nan)
    return pd.DataFrame(
        {
            "channel": names,
            "n": found.n,
            "n_customers": found.n_customers,
            "estimate": found.mean,
            "std_error": error,
            "conf_low": found.mean - half,
            "conf_high": found.mean + half,
        }
    )


def _answered(
    frame: pd.DataFrame, journeys: Journeys, catalogue: Catalogue, *, names: list[str]
) -> pd.DataFrame:
    """Add the touches of each channel, and the answers as a share of them."""
    size = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
    touches = dict.fromkeys(names, 0)
    for name, n in zip(journeys.names, size, strict=True):
        if name in catalogue or not len(catalogue):
            channel = catalogue.channel_of(name)
            if channel in touches:
                touches[channel] += int(n)
    if not any(touches.values()):
        raise MappingError("`journeys` have no touch in any channel that `sentiment` speaks of.")
    n_touches = frame["channel"].map(touches)
    share = np.where(n_touches > 0, frame["n"] / n_touches.clip(lower=1), np.nan)
    return frame.assign(n_touches=n_touches, share=share)
