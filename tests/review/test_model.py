"""What a file of beliefs may say, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeykit.errors import StudyError
from journeykit.review import read_beliefs
from journeykit.shipped import shipped


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "beliefs.yaml"
    path.write_text(text, encoding="utf-8")
    return path


GOOD = "a: {claim: c, metric: {reach: {of: web}}, at_least: 0.9}\n"


def test_a_file_is_read_typed(tmp_path: Path) -> None:
    text = (
        GOOD
        + "b:\n  claim: d\n  metric: {median_days: {from: web >> buy, to: pay}}\n"
        + "  between: [1, 5]\n  believed: 3\n  segment: {kind: [new, old], town: x}\n  owner: Ann\n"
    )
    found = read_beliefs(written(tmp_path, text))
    assert list(found) == ["a", "b"]
    assert found["a"].range == (0.9, float("inf"))
    assert found["a"].metric.kind == "reach"
    second = found["b"]
    assert second.range == (1, 5)
    assert second.segment == {"kind": ("new", "old"), "town": ("x",)}
    assert second.metric.median_days is not None
    assert second.metric.median_days.begin == "web >> buy"


def test_the_beliefs_of_the_demo_are_read() -> None:
    found = read_beliefs(shipped("data", "demo", "beliefs.yaml"))
    assert len(found) == 10
    assert all(belief.owner for belief in found.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {claim: c, metric: {reach: {of: web}}}", "a: needs `at_least`, `at_most` or"),
        ("a: {claim: c, metric: {reach: {of: web}}, at_least: 1, at_most: 2}", "one of them"),
        ("a: {claim: c, metric: {reach: {of: web}}, between: [2, 1]}", "to rise; got 2 and 1"),
        ("a: {claim: c, metric: {}, at_least: 1}", "`metric` needs one of share, reach"),
        (
            "a: {claim: c, metric: {reach: {of: w}, stage: {stage: s}}, at_least: 1}",
            "got reach, stage",
        ),
        ("a: {claim: c, metric: {reach: {of: 'web >'}}, at_least: 1}", "`metric.reach.of`"),
        ("a: {claim: c, metric: {reach: {off: web}}, at_least: 1}", "Did you mean 'of'?"),
        ("a: {claim: c, metric: {reach: {of: web}}, at_least: lots}", "`at_least` must be a"),
        ("a: {claim: c, metric: {retention: {days: 0}}, at_least: 1}", "must be greater than 0"),
        ("a: {metric: {reach: {of: web}}, at_least: 1}", "`claim` is required and missing"),
        (
            "a: {claim: c, metric: {sentiment: {touchpoint: t, channel: c}}, at_least: 1}",
            "needs `touchpoint` or `channel`, one of them",
        ),
        ("a: nothing", "must be a group of"),
    ],
)
def test_every_mistake_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(StudyError) as error:
        read_beliefs(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
