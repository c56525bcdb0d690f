"""The touchpoints of the simulated company: the standard catalogue, and three of its own."""

from __future__ import annotations

from functools import cache

from journeykit.study.catalogue import Touchpoint, standard_catalogue

#: What only this company has: the pop-up of a closed loop, and two of a subscription's troubles.
OWN = (
    Touchpoint("offer_popup", "website_email", "before", "brand", "virtual", "log", "firm"),
    Touchpoint("payment_failed", "website_email", "after", "brand", "virtual", "log", "firm"),
    Touchpoint("price_change", "website_email", "after", "brand", "virtual", "log", "firm"),
)

#: For which stage touchpoints are meant: by phase and channel, and those that are meant otherwise.
_STAGE = {
    ("before", "website_email"): "engagement",
    ("before", "internet"): "familiarity",
    ("before", "mobile"): "engagement",
    ("before", "in_person"): "familiarity",
    ("before", "catalog"): "familiarity",
    ("during", "retail_store"): "conversion",
    ("during", "website_email"): "deliberation",
    ("during", "phone"): "deliberation",
}
_OTHERWISE = {
    **dict.fromkeys(
        ("view_microsite", "view_home", "email_promo", "survey_web_intercept"), "familiarity"
    ),
    **dict.fromkeys(
        (
            "whitepaper_download", "review_read", "remarketing_impression", "amazon_listing_view",
            "ebay_listing_view", "catalog_pickup", "focus_group", "networking_contact",
            "store_signage", "parking_lot", "greeter_contact", "wall_color", "carpet_design",
            "lighting",
        ),
        "engagement",
    ),
    **dict.fromkeys(("offer_popup", "product_display", "countertop_material"), "deliberation"),
    **dict.fromkeys(
        ("thank_you_page", "email_confirmation", "pos_receipt", "carrier_bag"), "conversion"
    ),
}  # fmt: skip
#: Who answers for a channel; for the app nobody does.
_ACCOUNTABLE = {
    "website_email": "Web shop",
    "internet": "Performance marketing",
    "in_person": "Field sales",
    "catalog": "Direct mail",
    "phone": "Service centre",
    "retail_store": "Stores",
}
_OWN_ACCOUNTABLE = {
    **dict.fromkeys(("payment_failed", "bill_sent", "call_accounts_receivable"), "Billing"),
    **dict.fromkeys(("pr_mention", "social_owned_touch"), "Brand"),
    "price_change": "Pricing",
    "call_sales": "Inside sales",
    "call_followup": "Customer care",
    "whitepaper_download": "Content",
}


@cache
def touchpoints() -> tuple[Touchpoint, ...]:
    """Return all touchpoints, sorted by name, with the stage each is meant for and whose it is."""
    rows = (*standard_catalogue().touchpoints.values(), *OWN)
    return tuple(_meant(row) for row in sorted(rows, key=lambda row: row.touchpoint))


def _meant(row: Touchpoint) -> Touchpoint:
    name = row.touchpoint
    return row._replace(
        stage=_OTHERWISE.get(name, _STAGE.get((row.phase, row.channel), "retention")),
        accountable=_OWN_ACCOUNTABLE.get(name, _ACCOUNTABLE.get(row.channel, "")),
    )
