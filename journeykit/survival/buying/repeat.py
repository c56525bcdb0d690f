"""Will they buy again: models of repeat purchase for customers who never say goodbye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from journeykit.checks import check_choice, check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError, GuardError
from journeykit.results import Provenance, Result
from journeykit.stats.likelihood import Maximum
from journeykit.survival.buying.bg_nbd import BgNbd
from journeykit.survival.buying.fitting import (
    PurchaseCounts,
    fitted,
    parameter_table,
    purchase_counts,
    rows_of,
)
from journeykit.survival.buying.pareto_nbd import ParetoNbd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.buying.expecting import (
        ExpectedPurchases,
        Newcomers,
        PurchasesAhead,
    )
    from journeykit.survival.buying.histories import PurchaseHistories
    from journeykit.survival.buying.models import BuyingModel
    from journeykit.survival.buying.tracking import Tracking

_MODELS: dict[str, BuyingModel] = {"bg_nbd": BgNbd(), "pareto_nbd": ParetoNbd()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RepeatPurchase(Result):
    """The parameters: ``parameter estimate std_error conf_low conf_high``.

    Attributes
    ----------
    model : BuyingModel
    at : Maximum
        Logarithms of the parameters with their covariance, and the log likelihood.
    fit : PurchaseCounts
        Whether the model describes how often customers bought.
    histories : PurchaseHistories
    period_days : float
        The unit of time of the parameters.
    confidence : float
    small_cell : int
    """

    model: BuyingModel
    at: Maximum
    fit: PurchaseCounts
    histories: PurchaseHistories
    period_days: float
    confidence: float
    small_cell: int
    rows: ClassVar[str] = "parameters"

    @property
    def log_likelihood(self) -> float:
        """Log likelihood at the maximum, without the constants of the data."""
        return self.at.log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's criterion; compare models of the same customers by it, lower is better."""
        return 2 * len(self.at.theta) - 2 * self.at.log_likelihood

    def customers(self, *, horizon_days: float) -> ExpectedPurchases:
        """Return every customer's probability of being there, and the purchases expected of them.

        Raises
        ------
        GuardError
            When the model does not fit.
        """
        from journeykit.survival.buying.expecting import expected_purchases

        return expected_purchases(self, horizon_days=horizon_days)

    def expected(self, *, horizon_days: float) -> PurchasesAhead:
        """Return the purchases expected of all customers and by how often they bought.

        Raises
        ------
        GuardError
            When the model does not fit.
        """
        from journeykit.survival.buying.expecting import purchases_ahead

        return purchases_ahead(self, horizon_days=horizon_days)

    def newcomers(self, days: Sequence[float], /) -> Newcomers:
        """Return the repeat purchases expected of a new customer by `days` after the first.

        Raises
        ------
        GuardError
            When the model does not fit.
        """
        from journeykit.survival.buying.expecting import newcomers

        return newcomers(self, days)

    def holdout(self) -> PurchasesAhead:
        """Compare the purchases held out with what was expected of the same customers.

        Raises
        ------
        NotObservedError
            When nothing was held out.
        """
        from journeykit.survival.buying.expecting import held_out

        return held_out(self)

    def tracking(self) -> Tracking:
        """Return all repeat purchases by calendar time, seen and expected, the holdout included.

        Raises
        ------
        NotObservedError
            When the histories come from a table of counts.
        """
        from journeykit.survival.buying.tracking import tracked

        return tracked(self)

    def summary(self) -> str:
        """Return the model, its likelihood and its fit in one sentence."""
        shown = ", ".join(
            f"{row.parameter} {row.estimate:.4g}" for row in self.frame.itertuples(index=False)
        )
        return (
            f"{self.model.name} of {len(self.histories.frame):,} customers: {shown}; log "
            f"likelihood {self.log_likelihood:,.1f}; {self.fit.summary()}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many customers bought how often, seen and expected."""
        return self.fit.plot(ax)

    def need_fit(self, what: str) -> None:
        """Refuse what the model cannot tell because it does not describe the customers seen."""
        if self.fit.status == "failed":
            raise GuardError(
                f"{what} needs a model that fits; {self.model.name} puts "
                f"{self.fit.misplaced:.1%} of the customers at another number of purchases than "
                f"they made ({self.fit.summary()}). See `.fit.plot()`; fit the kinds of "
                "customers apart, try the other `model`, or raise `tolerated` knowingly."
            )


def repeat_purchase(
    histories: PurchaseHistories,
    /,
    *,
    model: Literal["bg_nbd", "pareto_nbd"] = "bg_nbd",
    period_days: float = 7.0,
    confidence: float = 0.95,
    tolerated: float = 0.05,
    small_cell: int = 10,
) -> RepeatPurchase:
    """Model buying again where nobody says goodbye: rates that differ, and silent dropping out.

    While a customer is there, purchases are a Poisson process whose rate is Gamma(r, alpha) over
    customers. **BG/NBD**: after every repeat purchase a customer drops out with a probability that
    is Beta(a, b) over customers. **Pareto/NBD**: a customer drops out at an exponential time, its
    rate Gamma(s, beta). Rates of buying and of dropping out are independent. Both are fitted by
    maximum likelihood on when each customer bought last and how often; the end of watching may
    differ between customers. Standard errors are from the observed information on the logarithms
    of the parameters, and so are the intervals. Everything told of the future is the model's
    projection and marked as such.

    Parameters
    ----------
    histories : PurchaseHistories
        Of customers whose first purchase was seen.
    model : {"bg_nbd", "pareto_nbd"}
    period_days : float
        Unit of time of the parameters; no other number depends on it.
    confidence : float in (0, 1)
    tolerated : float in (0, 1)
        Share of customers that the model may put at another number of purchases than they made.
        With more, and p < 0.001 in the chi-squared test of these numbers, projections are refused:
        with very many customers every model fails the test alone.
    small_cell : int
        Numbers of purchases are pooled until so many customers are in every group shown.

    Returns
    -------
    RepeatPurchase

    Raises
    ------
    ArgumentError
        When `histories` are no purchase histories, or a number is out of range.
    DataError
        When nobody buys again, the likelihood has no maximum, or there are fewer customers than
        `small_cell`.

    References
    ----------
    Fader, Hardie, Lee (2005), Marketing Science 24; Schmittlein, Morrison, Colombo (1987),
    Management Science 33.
    """
    from journeykit.survival.buying.histories import PurchaseHistories

    if not isinstance(histories, PurchaseHistories):
        raise ArgumentError(
            "`repeat_purchase` takes purchase histories; got "
            f"{type(histories).__name__}. Make them with `purchase_histories` or "
            "`purchase_histories_from_frame`."
        )
    check_choice("model", model, tuple(_MODELS))
    check_positive("period_days", period_days)
    check_fraction("confidence", confidence)
    check_fraction("tolerated", tolerated)
    check_whole("small_cell", small_cell, least=1)
    chosen = _MODELS[model]
    rows = rows_of(histories, period_days)
    at = fitted(chosen, rows)
    fit = purchase_counts(chosen, at, rows, tolerated=tolerated, small_cell=small_cell)
    given = {
        "model": model,
        "period_days": period_days,
        "confidence": confidence,
        "tolerated": tolerated,
        "small_cell": small_cell,
    }
    return RepeatPurchase(
        frame=parameter_table(chosen.parameters, at, confidence),
        provenance=Provenance(histories.provenance.fingerprint, given),
        model=chosen,
        at=at,
        fit=fit,
        histories=histories,
        period_days=period_days,
        confidence=confidence,
        small_cell=small_cell,
    )
