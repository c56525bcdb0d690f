from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from journeykit.errors import MappingError, StudyError
from journeykit.study import Touchpoint, read_catalogue, standard_catalogue
from journeykit.study.catalogue import STANDARD


def written(folder: Path, text: str) -> Path:
    path = folder / "touchpoints.csv"
    path.write_text(text)
    return path


def test_channels_and_initiators(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "touchpoint,channel,initiator,note\n"
        'mail,post,firm,"a\nnote"\nvisit,web,customer,\ncall,, both,\n',
    )
    catalogue = read_catalogue(path)
    assert len(catalogue) == 3
    assert catalogue.channel_of("visit") == "web"
    assert catalogue.channel_of("call") == "call"
    assert catalogue.firm_touchpoints() == ("mail",)
    assert catalogue.touchpoints["call"].initiator == "both"
    assert "mail" in catalogue
    assert "fax" not in catalogue
    with pytest.raises(MappingError, match="no touchpoint 'vist'. Did you mean 'visit'?"):
        catalogue.channel_of("vist")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,channel\nmail,post\n", ": must have a column `touchpoint`; it has name, channel."),
        ("", ": must have a column `touchpoint`"),
        (
            "touchpoint,chanel\nmail,post\n",
            ": column `chanel` is not known. Did you mean 'channel'?",
        ),
        (
            "touchpoint,initiator\nmail,firm\nvisit,custmer\n",
            ", row 3: `initiator` must be one of customer, firm, both; got 'custmer'. Did you "
            "mean 'customer'?",
        ),
        (
            "touchpoint,medium\nmail,phisical\n",
            ", row 2: `medium` must be one of virtual, physical; got 'phisical'. Did you mean "
            "'physical'?",
        ),
        (
            "touchpoint,observability\nmail,logs\n",
            ", row 2: `observability` must be one of log, crm, pos, telephony, partial, external, "
            "survey, site_attribute, derived; got 'logs'. Did you mean 'log'?",
        ),
        (
            "touchpoint,channel\nmail,post\nmail,web\n",
            ", row 3: `mail` is already in the catalogue.",
        ),
        ("touchpoint,channel\n ,post\n", ", row 2: has no touchpoint."),
        ("touchpoint,channel\nmail\n", ", row 2: must have as many fields as the heading."),
        ("touchpoint,channel\nmail,post,x\n", ", row 2: must have as many fields as the heading."),
    ],
)
def test_mistakes_name_the_row(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(StudyError) as caught:
        read_catalogue(path)
    assert f"{path}{message}" in str(caught.value)


def test_unreadable_catalogues(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        read_catalogue(tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes(b"touchpoint\nK\xf6ln\n")
    with pytest.raises(StudyError, match="must be saved as UTF-8"):
        read_catalogue(tmp_path / "latin.csv")


def test_the_standard_touchpoints() -> None:
    catalogue = standard_catalogue()
    rows = catalogue.touchpoints.values()
    assert len(catalogue) == 59
    assert Counter(row.phase for row in rows) == {"before": 32, "during": 15, "after": 12}
    assert Counter(row.medium for row in rows) == {"virtual": 35, "physical": 24}
    assert len({(row.phase, row.channel) for row in rows}) == 11
    # Which stage they are meant for, and who answers for them, every firm says for itself.
    assert all(all(row[:7]) and not any(row[7:]) for row in rows)
    assert catalogue.touchpoints["call_hold"] == Touchpoint(
        "call_hold", "phone", "during", "brand", "virtual", "telephony", "firm"
    )


def test_which_touchpoints_leave_events() -> None:
    rows = standard_catalogue().touchpoints.values()
    kinds = Counter((row.leaves_events, row.observability) for row in rows)
    assert kinds == {
        (True, "log"): 27, (True, "crm"): 8, (True, "pos"): 3, (True, "partial"): 3,
        (True, "telephony"): 1, (False, "survey"): 8, (False, "site_attribute"): 5,
        (False, "external"): 3, (False, "derived"): 1,
    }  # fmt: skip
    assert Touchpoint("mail").leaves_events is None


def test_the_standard_touchpoints_are_those_that_were_handed_over(shared: Path) -> None:
    renamed = {"event_name": "touchpoint", "channel_group": "channel", "owner_type": "owner"}
    with (shared / "data" / "touchpoints_catalogue.csv").open(newline="", encoding="utf-8") as file:
        given = [
            {renamed.get(name, name): cell for name, cell in row.items()}
            | {"title": row["touchpoint"], "touchpoint": row["event_name"]}
            for row in csv.DictReader(file)
        ]
    with STANDARD.open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == given
