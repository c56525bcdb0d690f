"""A study to begin with: it loads, every key of a study stands in it, nothing is overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest

from journeykit.errors import StudyError
from journeykit.report import plan
from journeykit.study import load_study, read_catalogue, standard_catalogue
from journeykit.study import scaffold as module
from journeykit.study.models import Part, StudyModel
from journeykit.study.scaffold import create_study
from journeykit.study.yaml import read_yaml

FILES = {
    "README.md",
    "customers.csv",
    "events.csv",
    "standard-touchpoints.csv",
    "study.yaml",
    "touchpoints.csv",
}
TEMPLATE = Path(module.__file__).with_name("template") / "study.yaml"
#: A key, on or off: a # right before a word switches it off.
KEY = re.compile(r"( *)(#?)([\w.]+):")
#: What has to be switched on (+) or off (-) with a key.
TOGETHER = {
    "events.query": ("+events.uri", "-events.source"),
    "events.uri": ("+events.query", "-events.source"),
    "events.version_query": ("+events.query", "+events.uri", "-events.source"),
    "events.by": ("+events.account",),
    "churn.start": ("+churn.start.touchpoint",),
    **{
        f"stages.rungs.{stage}": ("+stages",)
        for stage in ("engagement", "subscription", "conversion", "retention")
    },
}


def keys_of_lines() -> list[tuple[str, bool, str]]:
    """Return each line of the template, the path of the key on it, and whether it is switched off.

    Lines without a key belong to the key before them.
    """
    found, above = [], list[tuple[int, str]]()
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        key = KEY.match(line)
        if key is None:
            found.append((line, False, ""))
            continue
        above = [(indent, name) for indent, name in above if indent < len(key[1])]
        above.append((len(key[1]), key[3]))
        found.append((line, bool(key[2]), ".".join(name for _, name in above)))
    return found


LINES = keys_of_lines()
OFF = [path for _, off, path in LINES if off]


def parts(annotation: Any) -> Iterator[type[Part]]:
    """Yield the groups of keys inside a type."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from parts(inner)


def words(annotation: Any) -> Iterator[str]:
    """Yield the words that a type allows."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for inner in get_args(annotation):
            yield from words(inner)


def keys(model: type[Part], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and type of every key there is; what a user names himself is a *."""
    for name, field in model.model_fields.items():
        path = f"{above}{field.alias or name}"
        yield path, field.annotation
        named = "*." if get_origin(field.annotation) is dict else ""
        for part in parts(field.annotation):
            yield from keys(part, f"{path}.{named}")


def written(given: dict[str, Any], model: type[Part], above: str = "") -> Iterator[str]:
    """Yield the paths of the keys that a file holds."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in given:
            continue
        yield f"{above}{key}"
        named = get_origin(field.annotation) is dict
        for part in parts(field.annotation):
            for value in given[key].values() if named else [given[key]]:
                yield from written(value, part, f"{above}{key}.{'*.' if named else ''}")


def switched(*changes: str) -> str:
    """Return the template with some keys switched on (+) or off (-)."""
    text = []
    for line, off, path in LINES:
        if off and f"+{path}" in changes:
            text.append(line.replace("#", "", 1))
        elif path and f"-{path}" in changes:
            text.append(f"# {line}")
        else:
            text.append(line)
    return "\n".join(text)


def loaded(folder: Path, text: str) -> StudyModel:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    (folder / "touchpoints.csv").write_text("touchpoint\nvisit\n")
    return load_study(folder).model


def test_every_key_stands_in_the_template_once(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(switched(*(f"+{name}" for name in OFF)), encoding="utf-8")
    # A key that stands there twice is refused here.
    assert set(written(read_yaml(path), StudyModel)) == {name for name, _ in keys(StudyModel)}
    assert len(OFF) == len({*OFF}) > 30


@pytest.mark.parametrize("name", OFF)
def test_a_key_can_be_switched_on(tmp_path: Path, name: str) -> None:
    steps = name.split(".", 1) if name.startswith("kpis") else name.split(".")
    group = ".".join(steps[:-1])
    changes = {f"+{name}", *TOGETHER.get(name, ())}
    if group in OFF:
        changes |= {f"+{group}"}
    if name != "churn.start" and group != "churn.start":
        # A group is shown as a whole.
        whole = group if group in OFF else name
        changes |= {f"+{other}" for other in OFF if other.startswith(f"{whole}.")}
    told = loaded(tmp_path, switched(*changes)).model_dump(by_alias=True, exclude_unset=True)
    for step in steps:
        told = told[step]
    assert told not in (None, "", {}, [])


@pytest.mark.parametrize(
    ("path", "choices"),
    [(path, [*words(kind)]) for path, kind in keys(StudyModel) if [*words(kind)]],
)
def test_every_choice_is_named_beside_its_key(path: str, choices: list[str]) -> None:
    (at,) = (n for n, (_, _, name) in enumerate(LINES) if name == path)
    after = next((n for n in range(at + 1, len(LINES)) if LINES[n][2]), len(LINES))
    told = " ".join(line for line, _, _ in LINES[at:after])
    for word in choices:
        assert re.search(rf"\b{word}\b", told)


def test_as_it_is_the_template_is_a_study(tmp_path: Path) -> None:
    model = loaded(tmp_path, switched())
    assert model.name == "my-study"
    assert model.model_fields_set == {
        "name", "title", "time_zone", "events", "customers", "catalogue", "outcome", "churn",
        "reports",
    }  # fmt: skip


def test_what_needs_no_other_data_suits_the_example(tmp_path: Path) -> None:
    study = create_study(tmp_path / "shop")
    needs_other_data = ("events.query", "events.uri", "events.version_query", "events.attributes",
        "events.account", "events.by", "events.order", "events.time_unit", "events.origin",
        "events.delimiter", "customers.", "identities", "churn.attribute", "churn.cause",
        "churn.start.attribute", "spend", "experiments", "stages.rungs.subscription",
        "stages.other")  # fmt: skip
    on = [f"+{name}" for name in OFF if not name.startswith(needs_other_data)]
    study.write_text(switched(*on), encoding="utf-8")
    found = load_study(study)
    assert len(plan(found, [], {})) == 3
    assert found.journeys().n_customers == 60


def test_the_example_is_read_as_a_whole(tmp_path: Path) -> None:
    study = load_study(create_study(tmp_path / "shop"))
    journeys = study.journeys()
    assert (journeys.n_customers, journeys.n_events) == (60, 521)
    assert not journeys.ledger.removed
    assert set(study.catalogue.touchpoints) == set(journeys.names)
    assert study.catalogue.firm_touchpoints() == ("email_promo",)


def test_touchpoints_of_the_example_are_the_standard_ones_and_one_of_its_own(
    tmp_path: Path,
) -> None:
    study = create_study(tmp_path / "shop")
    standard = standard_catalogue()
    assert read_catalogue(study.with_name("standard-touchpoints.csv")) == standard
    own = set(load_study(study).catalogue.touchpoints.values()) - {*standard.touchpoints.values()}
    assert [row.touchpoint for row in own] == ["purchase"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("my-shop", "my-shop"),
        ("Zürich", "Zürich"),
        ("007", "007"),
        ("no", "no"),
        ("it's #1 {of: 2}", "it's #1 {of- 2}"),
        ("it's #1 {of 2}", "it's #1 {of 2}"),
        ("- list", "- list"),
        (".hidden", "hidden"),
        ('a"b\\c', "a-b-c"),
        ("two\nlines", "two-lines"),
        ("...", "my-study"),
    ],
)
def test_the_study_is_called_like_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    study = create_study(tmp_path / folder)
    assert study == tmp_path / folder / "study.yaml"
    assert load_study(study).name == name


def test_a_new_folder_and_those_above_it(tmp_path: Path) -> None:
    create_study(tmp_path / "a" / "b")
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == FILES
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_empty_folder_stays_and_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shell may stand in it, or it may be a disk of its own.
    folder = tmp_path / "shop"
    folder.mkdir()
    before = folder.stat().st_ino
    monkeypatch.chdir(folder)
    assert load_study(create_study(".")).name == "shop"
    assert folder.stat().st_ino == before
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(StudyError) as caught:
        create_study(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} must be a new or an empty folder; it holds 'mine.csv'. Nothing was written; "
        "give another name."
    )
    with pytest.raises(StudyError, match="must be a new or an empty folder; it is a file"):
        create_study(tmp_path / "mine.csv")
    with pytest.raises(StudyError, match="cannot be written \\(Not a directory\\)"):
        create_study(tmp_path / "mine.csv" / "shop")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
    assert (tmp_path / "mine.csv").read_text() == "mine"


@pytest.mark.parametrize("there", [False, True])
def test_no_half_study_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    folder = tmp_path / "shop"
    if there:
        folder.mkdir()
    write = Path.write_text

    def full(path: Path, text: str, **options: Any) -> int:
        if path.name == "events.csv":
            raise OSError(28, "No space left on device")
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StudyError, match="shop: cannot be written \\(No space left on device\\)"):
        create_study(folder)
    assert list(tmp_path.rglob("*")) == [folder] * there
