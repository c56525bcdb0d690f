"""Kinds of customers by the ways they go: how many, how sure, what each is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.errors import ArgumentError
from journeykit.paths.kinds.choosing import LEVEL
from journeykit.paths.kinds.fates import fates, shares_of_fates
from journeykit.paths.kinds.grouping import Grouping, by_medoids, by_mixture
from journeykit.paths.kinds.measures import Distance, Substitution, make_measure
from journeykit.paths.kinds.picture import draw_kinds, draw_lines
from journeykit.paths.kinds.profiles import profile, told
from journeykit.paths.kinds.sequences import Observed, first_comparable, observe
from journeykit.paths.kinds.stability import LEAST
from journeykit.results import Provenance, Result
from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Method = Literal["markov_mixture", "medoids"]
METHODS = ("markov_mixture", "medoids")
#: Part of the largest possible distance within which a representative stands for a journey.
_NEAR = 0.5
ALL, NONE = "all", "(none)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Typology(Result):
    """One row a group, the largest first; one row ``all`` where there are no groups.

    ``group n n_journeys share conf_low conf_high stability is_stable representative coverage
    distinguishing``, and of outcome journeys ``n_event n_known outcome_share outcome_low
    outcome_high outcome_days``: how many of `n_known` journeys that were seen to begin converted.
    Where journeys are still open, only those converting within `outcome_days` of their beginning
    count, and only journeys that were watched for longer are known, whatever became of them. See
    `typology`.

    Attributes
    ----------
    membership : pandas.DataFrame
        ``customer_id group probability distance``, in the order of the journeys' customers:
        probability of the group (missing with medoids), distance of the customer's first
        comparable journey to the group's representative (missing where there is none).
    choice : pandas.DataFrame
        One row a number of groups tried: ``groups``, what it was chosen by (``log_likelihood bic
        icl``, or ``silhouette silhouette_null gain``), and the least stability of its groups
        where that was looked at.
    profile : pandas.DataFrame
        ``group source target n n_customers estimate rest``: P(target | source) in the group and
        in all others together.
    p_value : float
        Of one kind of customers; missing where BIC is for one group already.
    null_order : int
        Order of the Markov chain that stood for one kind; 0 where nothing was tested.
    radius : float
        Distance up to which a representative covers a journey.
    n_customers, n_left_out : int
        Customers grouped, and those without anything to compare.
    method : str
    """

    membership: pd.DataFrame
    choice: pd.DataFrame
    profile: pd.DataFrame
    p_value: float
    null_order: int
    radius: float
    n_customers: int
    n_left_out: int
    method: str
    rows: ClassVar[str] = "groups"

    @property
    def cards(self) -> pd.DataFrame:
        """Rows of the groups that may be shown as personas: those that are stable."""
        return self.frame[self.frame["is_stable"].to_numpy()]

    def summary(self) -> str:
        """Say how many groups there are, and how sure that is."""
        tested = "" if np.isnan(self.p_value) else f" (p = {self.p_value:.3g} of one kind)"
        if len(self.frame) == 1 and self.p_value <= LEVEL:
            return (
                f"no stable groups: {self.n_customers:,} customers are not all alike{tested}, but "
                "no grouping of them is found again when customers are drawn again"
            )
        if len(self.frame) == 1:
            return f"no groups: {self.n_customers:,} customers are of one kind{tested}"
        top = self.frame.iloc[0]
        unstable = len(self.frame) - len(self.cards)
        warned = f"; {unstable} of them not stable" if unstable else ""
        return (
            f"{len(self.frame)} groups of {self.n_customers:,} customers{tested}{warned}; the "
            f"largest, {top['share']:.0%} ({top['conf_low']:.0%} to {top['conf_high']:.0%}), is "
            f"typically {top['representative']}"
        )

    def mark(self, journeys: Journeys, /, *, name: str = "type") -> Journeys:
        """Return the journeys with the customer's group as attribute `name`.

        Customers that are in no group get ``(none)``. A group that depends on what a customer did
        must not be compared on the same journeys as if it had been known beforehand.
        """
        if name in journeys.attributes.column_names:
            raise ArgumentError(
                f"`name` must not be an attribute already; {name!r} is. Choose another name."
            )
        known = pa.array(self.membership["customer_id"]).cast(journeys.customer_id.type)
        at = pc.index_in(journeys.customer_id, value_set=known)
        groups = pa.array(self.membership["group"].astype(str).tolist(), type=pa.string())
        of_customer = pc.fill_null(groups.take(at), NONE)
        kept = {column: journeys.attributes[column] for column in journeys.attributes.column_names}
        marked = of_customer.take(pa.array(journeys.customer_index))
        return journeys.replace(attributes=pa.table({**kept, name: marked}))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each group's representative as a ribbon of touchpoints, with share and stability."""
        return draw_kinds(self.frame, ax)

    def lines(self, ax: Axes | None = None) -> Axes:
        """Draw each group's representative as a smooth line over order and touchpoint.

        References
        ----------
        Bernard, Andritsos (2019), Contextual and behavioral customer journey discovery using a
        genetic approach, ADBIS: journeys as lines over the touchpoints they pass.
        """
        return draw_lines(self.frame, ax)


def typology(
    journeys: Journeys,
    /,
    *,
    method: Method = "markov_mixture",
    groups: int | None = None,
    most: int = 8,
    distance: Distance = "optimal_matching",
    substitution: Substitution = "transition_rate",
    within_days: float | None = None,
    longest: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> Typology:
    """Group customers by the ways they go, if there are groups.

    **Mixture of Markov chains.** Each customer follows one of K first-order chains in all of her
    journeys; EM estimates chains and shares. Leaving counts as a step where the end was seen, the
    first touchpoint where the beginning was, so journeys that are cut off are no kind of their
    own. BIC (over customers) proposes K. Then two chains must gain more likelihood over one than
    in all but one of 39 sets of journeys drawn from a *single* chain (of order 1 or 2, by BIC)
    with the customers, lengths and ends there are: p at most .05. Last, every group must be
    stable, or fewer are taken.

    **Medoids.** Each customer's first journey whose beginning and end were seen is compared with
    others (see `distances`; scaled by the geometric mean of lengths, Hamming by the longer). K
    medoids (FasterPAM) are chosen on a sample, K by how much the silhouette gains over that of
    journeys drawn from a single chain. With more customers than the sample, the best medoids of
    five samples are taken (CLARA) and all are assigned. Journeys still open are left out, which
    favours fast ones; `within_days` compares all over the same span instead.

    **Stability** of a group is Hennig's mean Jaccard over 20 bootstrap replicates of the sample's
    customers, all fitted anew; below 0.6 a group is not there (`is_stable`).

    **Outcome shares** of the groups of outcome journeys are over one horizon, `outcome_days` from
    the beginning: the longest time that a conversion took, but no longer than half of the journeys
    were watched for. Journeys watched for less are left out even if they converted, since the fast
    are known sooner; so are those that may have begun unseen. Without open journeys all that were
    seen to begin count, and `outcome_days` is missing. Customers who only ever converted, without a
    step before, are in no group, so a share is one among those who had something to compare. No
    share is given (missing, `n_known` 0) where journeys are open and nobody knows until when they
    were watched, or where medoids without `within_days` have left open journeys out of the groups
    themselves. A mixture takes leaving, where it was seen, as a step, so its groups know a little
    of the end too; with `within_days` they do not.

    What is tested is one kind of *order*; lengths are taken as they are, so customers who merely
    do more are no group. A continuum of habits is not one kind either, and a mixture cuts it into
    pieces; that they are seldom found again is what stability is for (1,500 customers of 20 steps
    with chains of their own: BIC wanted five groups, the least stable of which was at 0.3).

    Parameters
    ----------
    journeys : Journeys
        The path of an outcome journey ends before its conversion.
    method : {"markov_mixture", "medoids"}
    groups : int, optional
        A number of groups; by default it is chosen, and one means there are none.
    most : int
        Largest number tried, from 2 to 20.
    distance, substitution
        See `distances`; with a mixture they serve for representatives alone.
    within_days : float, optional
        Look only that far from the beginning of each journey (of the watching, if uncut), among
        those that were watched so long, whether they have ended or not.
    longest : int
        Most steps of a journey that is compared by distance. Medoids refuse longer ones; a
        mixture uses them in full and leaves them out of the search for representatives.
    confidence : float in (0, 1)
        Of Wilson's interval of each share, given what the groups are like; with a mixture an
        unsure member counts for less than a sure one. Where groups are far apart that is all
        there is to be unsure of; where they overlap it is not. Planted shares of three kinds of
        600 customers were covered in 96 % (adjusted Rand index 0.88), 93 % (0.72) and 65 %
        (0.40) of 150 worlds each.
    seed : int
        Of samples (10,000 customers to choose a mixture on, 1,000 for medoids), starts and
        replicates. Samples and replicates hang on customer ids, never on order or threads.

    Returns
    -------
    Typology

    Raises
    ------
    DataError
        Nothing to compare; or a journey longer than `longest` with medoids.

    Warns
    -----
    JourneyKitWarning
        Medoids of whole journeys that were watched for different spans.

    References
    ----------
    Cadez, Heckerman, Meek, Smyth, White (2003), Model-based clustering and visualization of
    navigation patterns on a web site, Data Mining and Knowledge Discovery 7.
    Kaufman, Rousseeuw (1990), Finding groups in data. Schubert, Rousseeuw (2021). Hennig (2007).
    Hennig, Lin (2015).
    """
    check_choice("method", method, METHODS)
    check_whole("most", most, least=2, most=20)
    if groups is not None:
        check_whole("groups", groups, least=1, most=20)
    check_fraction("confidence", confidence)
    check_whole("seed", seed)
    observed = observe(journeys, within_days=within_days)
    if method == "medoids":
        observed = first_comparable(observed)
    measure = make_measure(
        observed.sequences,
        distance=distance,
        substitution=substitution,
        # Divided by the longer length, very long journeys would be near to everything.
        scale="longest" if distance == "hamming" else "geometric_mean",
        ngram=2,
        longest=longest,
    )
    engine = by_medoids if method == "medoids" else by_mixture
    found = engine(observed, measure, groups=groups, most=most, seed=seed)
    names = np.array(_names(len(found.share)), dtype=object)
    details = profile(observed, found.label, names)
    radius = _NEAR * measure.largest
    frame = _frame(observed, found, names, radius, confidence)
    frame["distinguishing"] = told(details, names)
    if "outcome" in journeys.attributes.column_names:
        of_customer = np.full(journeys.n_customers, -1, dtype=np.int64)
        of_customer[observed.row] = found.label
        chosen_by_end = method == "medoids" and within_days is None
        known = fates(journeys, only_finished=chosen_by_end)
        frame = frame.join(
            shares_of_fates(
                known, of_customer[journeys.customer_index], len(names), confidence=confidence
            )
        )
    parameters = {
        "method": method,
        "groups": groups,
        "most": most,
        "distance": distance,
        "substitution": substitution,
        "within_days": within_days,
        "longest": longest,
        "confidence": confidence,
    }
    return Typology(
        frame=frame,
        provenance=Provenance(fingerprint=journeys.fingerprint, parameters=parameters, seed=seed),
        membership=_membership(journeys, observed, found, names),
        choice=found.choice.frame,
        profile=details,
        p_value=found.choice.p_value,
        null_order=found.choice.order,
        radius=radius,
        n_customers=len(observed.hash),
        n_left_out=journeys.n_customers - len(observed.hash),
        method=method,
    )


def _names(groups: int) -> list[str]:
    return [ALL] if groups == 1 else [f"type {number}" for number in range(1, groups + 1)]


def _frame(
    observed: Observed,
    found: Grouping,
    names: NDArray[np.object_],
    radius: float,
    confidence: float,
) -> pd.DataFrame:
    groups = len(names)
    low, high = wilson_interval(
        found.share * found.information, found.information, confidence=confidence
    )
    likeness = found.choice.stability if groups > 1 else np.full(1, np.nan)
    near = [
        float(np.mean(far <= radius)) if len(far) else np.nan
        for far in (
            found.distance[(found.label == group) & ~np.isnan(found.distance)]
            for group in range(groups)
        )
    ]
    return pd.DataFrame(
        {
            "group": names,
            "n": np.bincount(found.label, minlength=groups),
            "n_journeys": np.bincount(found.label[observed.customer], minlength=groups),
            "share": found.share,
            "conf_low": low,
            "conf_high": high,
            "stability": likeness,
            "is_stable": likeness >= LEAST,
            "representative": found.representative,
            "coverage": near,
        }
    )


def _membership(
    journeys: Journeys, observed: Observed, found: Grouping, names: NDArray[np.object_]
) -> pd.DataFrame:
    order = np.argsort(observed.row)
    probability = np.full(len(order), np.nan)
    if found.probability is not None:
        probability = found.probability[order]
    return pd.DataFrame(
        {
            "customer_id": journeys.customer_id.take(pa.array(observed.row[order])).to_pandas(),
            "group": names[found.label[order]],
            "probability": probability,
            "distance": found.distance[order],
        }
    )
