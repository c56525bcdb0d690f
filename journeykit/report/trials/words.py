"""Words of the trials: what things are called, and shares with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from journeykit.report.kpis import said
from journeykit.report.pages.page import Page


def labels_of(page: Page, /) -> dict[tuple[str, str], str]:
    """Return what readers know findings, key figures and tables by."""
    return {
        **{("finding", str(one.get("key"))): str(one["text"]) for one in page.findings},
        **{("kpi", str(one.get("key"))): str(one["label"]) for one in page.kpis},
        **{
            ("table", str(one["key"])): str(one["caption"]).partition(". ")[0].rstrip(".")
            for one in page.tables
        },
    }


def label_of(labels: Mapping[tuple[str, str], str], kind: str, key: str, /) -> str:
    """Return what readers know something by; its key, where the page does not show it."""
    return labels.get((kind, key), key.replace("-", " "))


def n_of(share: Mapping[str, Any], /) -> str:
    """Say how many of how many."""
    return f"{share['n_event']:,} of {share['n']:,}"


def in_worlds(share: Mapping[str, Any], /) -> str:
    """Say in how many of how many worlds, with the interval of the share."""
    return f"{n_of(share)} world{'' if share['n'] == 1 else 's'} {interval_of(share)}"


def interval_of(share: Mapping[str, Any], /) -> str:
    """Say the interval of a share."""
    return f"({said(share['conf_low'])} to {said(share['conf_high'])})"
