"""Run all checks in full and write RESULTS.md: what is claimed, and what was measured.

The same checks give the same file on any machine; it tells no times.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from journeykit.attribution.scoreboard import SCOREBOARD
from journeykit.errors import ArgumentError
from journeykit.simulate import FalseFindings, marginal_hazard_ratio, world
from journeykit.simulate.processes import available
from tests.truth.attributed import against_increments
from tests.truth.check import Check
from tests.truth.checks import CHECKS
from tests.truth.scoreboard import MANY

TARGET = Path(__file__).with_name("RESULTS.md")
CUSTOMERS, MILLION = 300_000, 1_000_000

HEAD = """# Methods held against worlds whose truth is known

Written by `make truth`; see `checks.py` for each method, its settings and its judge. The world is
the unit of every interval here, all of them at 95 %. *Missing* are worlds in which the method could
tell nothing, *empty rows* those without an interval, such as a step that nobody made.
Traps are claims too: one that is none any more fails.
"""

ATTRIBUTION = """
## Attribution beside what channels cause

One world of {customers:,} customers with {orders:,.0f} % of its orders made by touches. *Distance*
is the total-variation distance of a model's shares among channels from those of the orders that are
lost when each channel's touches are deleted; *with baseline*, of all shares, where what a model
leaves without a touch stands for the baseline. The two placebos have no effect: customers meet the
clean one by chance, the confounded one the more, the more they want to buy anyway. Their credit is
a share of all conversions with the model's own 95 % interval, which says nothing of effects. No
model is expected to be right here: that is why experiments stand beside them.

"""

BOARD = """
## The scoreboard of attribution

What `compare` shows under models, made by `tests.truth.scoreboard`: {worlds}. *Distance*, *with
baseline* and the placebos are as above, as means over worlds with their 95 % intervals over worlds;
*own coverage* is how often a model's 95 % intervals of shares held what the model itself says of
{many:,} customers. No model is gated here. {truth}

"""


RATIOS = """
## Hazard ratios, for one customer and over customers

The contracts of {customers:,} customers. The parameter is conditional on a customer's frailty. A
Cox model that does not know frailty, segment and the other events estimates another number, the
stated estimand of `simulate.marginal_hazard_ratio`: computed here over the risk sets of all
contracts, leaving for anywhere. The price change moves customers to competitors only; a call that a
machine answers raises the hazard by 0.3 more; two events in one window add up, but are one
exposure; and the call of accounts receivable does nothing but follow a failed payment.

"""


def main() -> int:
    """Run, write, and return how many checks failed."""
    sections, failed = [HEAD], 0
    for check in CHECKS:
        print(check.name, file=sys.stderr)
        text, complaints = _section(check)
        sections.append(text)
        failed += bool(complaints)
    sections += [_attribution(), _scoreboard(), _ratios()]
    TARGET.write_text("".join(sections), encoding="utf-8")
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} claims hold: {TARGET}")
    return failed


def _section(check: Check) -> tuple[str, list[str]]:
    result = check.run(full=True)
    complaints = check.judge(result.frame)
    table = result.as_table()
    if check.pooled:
        table = table.drop(columns=["truth", "bias"])
    if isinstance(result, FalseFindings):
        table = table.rename(columns={"flagged": "share flagged"})
    said = [f"\n## {check.name}\n\n{check.claim}\n\n"]
    said.append(
        f"{check.full:,} worlds of {check.customers:,} customers: "
        f"{'the claim holds' if not complaints else '**the claim does not hold**'}.\n\n"
    )
    said += [f"- {complaint}\n" for complaint in complaints]
    said.append(("\n" if complaints else "") + _markdown(table))
    return "".join(said), complaints


def _attribution() -> str:
    frame = against_increments(CUSTOMERS)
    truth = frame.iloc[-1]
    models = frame.iloc[:-1]
    table = pd.DataFrame(
        {
            "model": models["model"],
            "distance": models["distance"].map("{:.3f}".format),
            "with baseline": models["distance_all"].map("{:.3f}".format),
            "without a touch": models["no_channel"].map("{:.1%}".format),
            **{
                f"{kind} placebo": [
                    f"{row[kind]:.1%} ({row[f'{kind}_low']:.1%} to {row[f'{kind}_high']:.1%})"
                    for _, row in models.iterrows()
                ]
                for kind in ("clean", "confounded")
            },
        }
    )
    nothing = {"model": "truth", "distance": "0", "with baseline": "0"}
    last = {
        **nothing, "without a touch": f"{truth['no_touch']:.1%}", "clean placebo": "0",
        "confounded placebo": "0",
    }  # fmt: skip
    table = pd.concat([table, pd.DataFrame([last])], ignore_index=True)
    caused = 100 * (1 - truth["no_channel"])
    return ATTRIBUTION.format(customers=CUSTOMERS, orders=caused) + _markdown(table)


def _scoreboard() -> str:
    """Return the table that ships, law by law."""
    board = pd.read_csv(SCOREBOARD)
    columns = {
        "distance": "distance", "with baseline": "distance_all", "clean placebo": "clean",
        "confounded placebo": "confounded", "own coverage": "coverage",
    }  # fmt: skip
    table = board[["law", "customers", "model"]].assign(
        customers=board["customers"].map("{:,}".format),
        **{
            label: [
                f"{value:.3f} ({low:.3f} to {high:.3f})"
                for value, low, high in zip(
                    board[name], board[f"{name}_low"], board[f"{name}_high"], strict=True
                )
            ]
            for label, name in columns.items()
        },
    )
    sizes = board.drop_duplicates("customers")
    worlds = " and ".join(
        f"{row.n_worlds} worlds of {row.customers:,} customers for each law"
        for row in sizes.itertuples()
    )
    laws = board.groupby("law", sort=False)["baseline"].mean()
    truth = "Added up over channels, the orders lost without each are " + ", ".join(
        f"{1 - share:.0%} ({law})" for law, share in laws.items()
    )
    return BOARD.format(worlds=worlds, many=MANY, truth=f"{truth}.") + _markdown(table)


def _ratios() -> str:
    """Return the hazard ratio of each event on a million customers, beside its parameter."""
    made = world(customers=MILLION, seed=4, parts=("orders", "contracts"), processes=available())
    truth = made.truth["contracts"]
    rows = []
    for touchpoint, destinations in truth.log_hazard_ratio.items():
        given = sorted({round(ratio, 3) for ratio in destinations.values()})
        window = truth.window_days[touchpoint]
        try:
            found = marginal_hazard_ratio(made, touchpoint, window_days=window)
        except ArgumentError:
            continue  # met by all on the same day of a contract: no risk set tells it
        rows.append(
            {
                "event": touchpoint,
                "window": f"{window:.0f} days",
                "log hazard ratio for one customer": " to ".join(f"{ratio:g}" for ratio in given),
                "of a Cox model, over customers": f"{found.log_hazard_ratio:.3f}",
                "standard error": f"{found.std_error:.3f}",
                "contracts": f"{found.n:,}",
                "ends during exposure": f"{found.n_event_exposed:,}",
            }
        )
    return RATIOS.format(customers=MILLION) + _markdown(pd.DataFrame(rows))


def _markdown(table: pd.DataFrame) -> str:
    """Write a table; columns without anything in them are left out."""
    shown = table.loc[:, (table != "").any()]
    lines = ["| " + " | ".join(shown.columns) + " |", "|" + "---|" * len(shown.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in shown.itertuples(index=False)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
