from __future__ import annotations

from pathlib import Path

import pytest

from journeykit.errors import StudyError
from journeykit.study.yaml import read_yaml


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "study.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_scalars_arrive_as_written(tmp_path: Path) -> None:
    text = """
    country: no
    zip: 007
    at: 12:30
    day: 2017-01-31
    big: 1_000
    octal: 0o17
    float: 1e3
    null_word: null
    tilde: ~
    yes_word: yes
    empty:
    quoted: ""
    list: [no, 012, 3.10]
    """
    assert read_yaml(written(tmp_path, text)) == {
        "country": "no",
        "zip": "007",
        "at": "12:30",
        "day": "2017-01-31",
        "big": "1_000",
        "octal": "0o17",
        "float": "1e3",
        "null_word": "null",
        "tilde": "~",
        "yes_word": "yes",
        "empty": None,
        "quoted": "",
        "list": ["no", "012", "3.10"],
    }


def test_a_tag_builds_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, 'a: !!python/object/apply:os.system ["echo x"]\n')
    assert read_yaml(path) == {"a": ["echo x"]}


def test_byte_order_mark_and_umlauts(tmp_path: Path) -> None:
    assert read_yaml(written(tmp_path, "\ufeffname: Köln\n")) == {"name": "Köln"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "line 5: `c` was already given on line 3"),
        ("name: x\nname: y\n", "line 2: `name` was already given on line 1"),
        ("a: [1, 2\nb: 3\n", "line 2: "),
        ("a:\n\t- b\n", "line 2: "),
        ("- just\n- a list\n", "must hold keys such as `name:`"),
        ("", "must hold keys such as `name:`"),
        ("? [a, b]\n: c\n", "line 1: a key must be text"),
        (b"name: K\xf6ln\n", "must be saved as UTF-8; byte 7 is not"),
        ("a: 1\n---\nb: 2\n", "line 2: "),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_broken_files_say_where(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(StudyError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        read_yaml(tmp_path / "absent.yaml")
