"""Time to churn: curves, tests, regressions and competing ends, by 100,000 customers and a million.

Everyone gets what they like to begin with in memory (numbers for the peers, lifetimes for us); the
clock runs from there to the fitted result, robust errors included where the tool has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from suites.registry import task

GROUPED = ["plan", "channel", "region"]
NUMBERS = ["age", "spend"]
CHANGING = {"grouped": [*GROUPED, "called"], "numbers": [*GROUPED, *NUMBERS, "called", "orders"]}
HORIZON = 365


def _read(path: str, *, rows: bool = False) -> Any:
    import pandas as pd

    return pd.read_parquet(path.replace(".parquet", "-rows.parquet") if rows else path)


def _dummies(frame: Any, covariates: list[str]) -> Any:
    """Categories as 0 and 1, the first level left out, for tools that take numbers only."""
    import pandas as pd

    return pd.get_dummies(frame[covariates], drop_first=True, dtype=float)


def _lives(path: str, *, stop: str = "time", cause: bool = False) -> Any:
    from journeykit.survival import lifetimes_from_frame

    frame = _read(path)
    return lifetimes_from_frame(
        frame, stop=stop, cause="cause" if cause else None, covariates=[*GROUPED, *NUMBERS]
    )


def _warm(lives: Any) -> Any:
    """A few customers, to compile and import with before the clock starts."""
    from dataclasses import replace

    return replace(lives, frame=lives.frame.head(2_000))


# --- curves ------------------------------------------------------------------------------------


@task
def km_journeykit(path: str) -> Callable[[], object]:
    from journeykit.survival import kaplan_meier

    lives = _lives(path)
    kaplan_meier(_warm(lives))
    return lambda: 1e6 * float(kaplan_meier(lives).survival_at(HORIZON).frame["estimate"].iloc[0])


@task
def km_lifelines(path: str) -> Callable[[], object]:
    from lifelines import KaplanMeierFitter

    frame = _read(path)

    def work() -> object:
        fitted = KaplanMeierFitter().fit(frame["time"], frame["status"])
        return 1e6 * float(fitted.predict(HORIZON))

    return work


@task
def km_statsmodels(path: str) -> Callable[[], object]:
    import numpy as np
    from statsmodels.duration.survfunc import SurvfuncRight

    frame = _read(path)

    def work() -> object:
        fitted = SurvfuncRight(frame["time"], frame["status"])
        at = np.searchsorted(fitted.surv_times, HORIZON, side="right") - 1
        return 1e6 * float(fitted.surv_prob[at])

    return work


@task
def km_sksurv(path: str) -> Callable[[], object]:
    import numpy as np
    from sksurv.nonparametric import kaplan_meier_estimator

    frame = _read(path)
    event, time = frame["status"].to_numpy(bool), frame["time"].to_numpy()

    def work() -> object:
        times, share, _ = kaplan_meier_estimator(event, time, conf_type="log-log")
        return 1e6 * float(share[np.searchsorted(times, HORIZON, side="right") - 1])

    return work


@task
def logrank_journeykit(path: str) -> Callable[[], object]:
    from journeykit.survival import log_rank

    lives = _lives(path)
    log_rank(_warm(lives), by="plan")
    return lambda: log_rank(lives, by="plan").statistic


@task
def logrank_lifelines(path: str) -> Callable[[], object]:
    from lifelines.statistics import multivariate_logrank_test

    frame = _read(path)
    return lambda: (
        multivariate_logrank_test(frame["time"], frame["plan"], frame["status"]).test_statistic
    )


@task
def logrank_statsmodels(path: str) -> Callable[[], object]:
    from statsmodels.duration.survfunc import survdiff

    frame = _read(path)
    return lambda: survdiff(frame["time"], frame["status"], frame["plan"])[0]


@task
def logrank_sksurv(path: str) -> Callable[[], object]:
    from sksurv.compare import compare_survival
    from sksurv.util import Surv

    frame = _read(path)
    target = Surv.from_arrays(frame["status"].to_numpy(bool), frame["time"])
    return lambda: compare_survival(target, frame["plan"].to_numpy())[0]


# --- regressions -------------------------------------------------------------------------------


def _cox_ours(path: str, stop: str, covariates: list[str]) -> Callable[[], object]:
    from journeykit.survival import cox

    lives = _lives(path, stop=stop)
    cox(_warm(lives), covariates=covariates)
    return lambda: 1e6 * float(cox(lives, covariates=covariates).frame["estimate"].iloc[0])


def _cox_lifelines(path: str, stop: str, covariates: list[str]) -> Callable[[], object]:
    from lifelines import CoxPHFitter

    frame = _read(path)
    data = _dummies(frame, covariates).assign(time=frame[stop], status=frame["status"])
    first = next(name for name in data.columns if name.startswith(covariates[0]))
    return lambda: 1e6 * float(CoxPHFitter().fit(data, "time", "status").params_[first])


def _cox_statsmodels(path: str, stop: str, covariates: list[str]) -> Callable[[], object]:
    from statsmodels.duration.hazard_regression import PHReg

    frame = _read(path)
    data = _dummies(frame, covariates)
    first = [name.startswith(covariates[0]) for name in data.columns].index(True)
    return lambda: (
        1e6 * float(PHReg(frame[stop], data, frame["status"], ties="efron").fit().params[first])
    )


def _cox_sksurv(path: str, stop: str, covariates: list[str]) -> Callable[[], object]:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    frame = _read(path)
    data = _dummies(frame, covariates)
    first = [name.startswith(covariates[0]) for name in data.columns].index(True)
    target = Surv.from_arrays(frame["status"].to_numpy(bool), frame[stop])
    return lambda: 1e6 * float(CoxPHSurvivalAnalysis(ties="efron").fit(data, target).coef_[first])


_ONCE = {"journeykit": _cox_ours, "lifelines": _cox_lifelines, "statsmodels": _cox_statsmodels}
for _tool, _fit in {**_ONCE, "sksurv": _cox_sksurv}.items():
    for _name, _stop, _covariates in (
        ("coxtied", "time", GROUPED),
        ("coxuntied", "exact", [*NUMBERS, *GROUPED]),
    ):

        def _made(
            path: str, fit: Any = _fit, stop: str = _stop, covariates: list[str] = _covariates
        ) -> Callable[[], object]:
            return fit(path, stop, covariates)

        _made.__name__ = f"{_name}_{_tool}"
        task(_made)


def _changing_ours(path: str, covariates: list[str]) -> Callable[[], object]:
    from journeykit.survival import cox_time_varying, lifetimes_from_frame

    lives = lifetimes_from_frame(
        _read(path, rows=True),
        customer_id="customer",
        start="start",
        stop="stop",
        covariates=covariates,
    )
    cox_time_varying(_warm(lives), covariates=covariates)
    return lambda: 1e6 * _first(cox_time_varying(lives, covariates=covariates).frame)


def _first(frame: Any) -> float:
    return float(frame["estimate"].iloc[0])


def _changing_lifelines(path: str, covariates: list[str]) -> Callable[[], object]:
    from lifelines import CoxTimeVaryingFitter

    frame = _read(path, rows=True)
    data = _dummies(frame, covariates).join(frame[["customer", "start", "stop", "status"]])
    first = next(name for name in data.columns if name.startswith(covariates[0]))

    def work() -> object:
        fitted = CoxTimeVaryingFitter().fit(
            data, id_col="customer", event_col="status", start_col="start", stop_col="stop"
        )
        return 1e6 * float(fitted.params_[first])

    return work


def _changing_statsmodels(path: str, covariates: list[str]) -> Callable[[], object]:
    """As it is: who enters at a time counts as under risk at it, so the estimate differs."""
    from statsmodels.duration.hazard_regression import PHReg

    frame = _read(path, rows=True)
    data = _dummies(frame, covariates)
    first = [name.startswith(covariates[0]) for name in data.columns].index(True)
    return lambda: (
        1e6
        * float(
            PHReg(frame["stop"], data, frame["status"], entry=frame["start"], ties="efron")
            .fit()
            .params[first]
        )
    )


for _tool, _change in {
    "journeykit": _changing_ours,
    "lifelines": _changing_lifelines,
    "statsmodels": _changing_statsmodels,
}.items():
    for _kind, _covariates in CHANGING.items():

        def _cut(
            path: str, fit: Any = _change, covariates: list[str] = _covariates
        ) -> Callable[[], object]:
            return fit(path, covariates)

        _cut.__name__ = f"coxchanging{_kind}_{_tool}"
        task(_cut)


# --- competing ends and rows -------------------------------------------------------------------


@task
def competing_journeykit(path: str) -> Callable[[], object]:
    from journeykit.survival import cumulative_incidence

    lives = _lives(path, cause=True)
    cumulative_incidence(_warm(lives))

    def work() -> object:
        frame = cumulative_incidence(lives).frame
        return 1e6 * float(frame.loc[frame["cause"] == "1", "estimate"].iloc[-1])

    return work


@task
def competing_lifelines(path: str) -> Callable[[], object]:
    """Made once for every end; ties are jittered at random, as it does by default."""
    from lifelines import AalenJohansenFitter

    frame = _read(path)

    def work() -> object:
        ends = [
            AalenJohansenFitter(seed=0).fit(frame["time"], frame["cause"], end) for end in (1, 2, 3)
        ]
        return 1e6 * float(ends[0].cumulative_density_.iloc[-1, 0])

    return work


@task
def builder_journeykit(path: str) -> Callable[[], object]:
    """From journeys and lifetimes to rows that count what was met so far, five touchpoints."""
    import numpy as np

    from journeykit.journeys import Journeys
    from journeykit.survival import EndTouchpoint, counting_process, lifetimes

    met = _read(path.replace(".parquet", "-touches.parquet"))
    frame = _read(path)
    day, n = 86_400_000_000, len(frame)
    last = np.rint(frame["exact"].to_numpy() * day).astype(np.int64)
    left = np.flatnonzero(frame["status"].to_numpy())
    names = (*(f"met {number}" for number in range(5)), "cancel", "join")
    who = np.concatenate([np.arange(n), met["customer"].to_numpy(), left])
    time = np.concatenate([np.zeros(n, dtype=np.int64), met["time"].to_numpy(), last[left]])
    where = np.concatenate([np.full(n, 6), met["touchpoint"].to_numpy(), np.full(len(left), 5)])
    order = np.lexsort((time, who))
    journeys = Journeys(
        names=names,
        touchpoint=where[order].astype(np.uint8),
        start=np.searchsorted(who[order], np.arange(n + 1)),
        time=time[order],
        observed_to=last,
    )
    lives = lifetimes(journeys, churn=EndTouchpoint("cancel"))

    def work(some: Any = lives) -> object:
        rows = counting_process(some, journeys, touchpoints=names[:5], measures=["count"]).frame
        days = (rows["exit_days"] - rows["entry_days"]).to_numpy()
        return sum(float(days @ rows[f"count[{name}]"].to_numpy()) for name in names[:5])

    work(_warm(lives))
    return work
