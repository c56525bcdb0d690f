from __future__ import annotations

from pathlib import Path

import pytest

from journeykit.errors import MappingError, StudyError
from journeykit.study import read_catalogue


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
