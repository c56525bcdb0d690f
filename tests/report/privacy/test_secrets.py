from __future__ import annotations

import html
import json
import pickle
from collections.abc import Callable
from typing import Annotated, ClassVar
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from journeykit.errors import ParameterError
from journeykit.report import Parameters
from journeykit.report.describe import describe
from journeykit.report.privacy.secrets import Secret, scrub, secret_values


class Mine(Parameters):
    """A report that asks a shop."""

    report: ClassVar[str] = "mine"

    password: Annotated[Secret, Field(description="Of the shop.")]
    other: Secret | None = None


def test_a_secret_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")
    mine = Mine.of({"study": "x", "password": "env:SHOP_PASSWORD"})
    assert mine.password.reveal() == "hunter22"
    assert mine.password.name == "SHOP_PASSWORD"
    shown = [repr(mine), str(mine), f"{mine.password}", mine.model_dump_json(), str(mine.told())]
    assert not any("hunter22" in text for text in shown)
    assert mine.plain() == {"study": "x", "password": "env:SHOP_PASSWORD", "other": None}
    assert mine.told() == ["password env:SHOP_PASSWORD"]
    assert b"hunter22" not in pickle.dumps(mine.password)
    assert Mine.of({"study": "x", "password": mine.password}) == mine


@pytest.mark.parametrize(
    "value",
    ["hunter22", "env:hunter 22", "env:", "env:1hunter22", " env:HUNTER22", "env:HUNTER22\n", 4711],
)
def test_a_secret_itself_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(ParameterError) as caught:
        Mine.of({"study": "x", "password": value})
    assert str(caught.value) == (
        "Parameters of the report `mine`:\n  `password` must be written env:NAME, the name of an "
        "environment variable; a secret itself is never a parameter."
    )


def test_made_by_hand_it_is_refused_alike() -> None:
    with pytest.raises(ParameterError) as caught:
        Secret("hunter22")
    assert str(caught.value) == (
        "A secret must be written env:NAME, the name of an environment variable; "
        "a secret itself is never a parameter."
    )


def test_no_error_underneath_repeats_it() -> None:
    class Quiet(BaseModel, hide_input_in_errors=True):
        password: Secret

    with pytest.raises(ValidationError) as caught:
        Quiet.model_validate({"password": "hunter22"})
    assert "must be written env:NAME" in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_a_variable_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(
        ParameterError,
        match="`env:SHOP_PASSWORD` is to be read, and the environment has no variable "
        "SHOP_PASSWORD, or an empty one.",
    ):
        Secret("env:SHOP_PASSWORD").reveal()


def test_its_schema_names_it() -> None:
    fields = Mine.model_json_schema()["properties"]
    assert fields["password"] == {
        "description": "Of the shop.",
        "format": "secret",
        "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$",
        "title": "Password",
        "type": "string",
    }
    line = next(line for line in describe(Mine).splitlines() if line.startswith("password"))
    assert line.split() == ["password", "env:NAME", "(required)", "Of", "the", "shop."]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("hunter22", ("hunter22",)),
        ("  hunter22\n", ("hunter22",)),
        ("abc", ()),
        ("", ()),
        ("abcd", ("abcd",)),
        (
            "postgresql://ann:s%40fe%2Fty@db.example:5432/shop",
            ("postgresql://ann:s%40fe%2Fty@db.example:5432/shop", "s%40fe%2Fty", "s@fe/ty"),
        ),
        # Written wrongly, and still a password.
        ("redis://:s@fety@host", ("redis://:s@fety@host", "s@fety")),
        ("postgresql://ann@db.example/shop", ("postgresql://ann@db.example/shop",)),
        ("https://x.example/?token=t0ken&a=1", ("https://x.example/?token=t0ken&a=1", "t0ken")),
        ("host=db password=s3cret user=ann", ("host=db password=s3cret user=ann", "s3cret")),
        (r"host=db password='s3 c\'t'", (r"host=db password='s3 c\'t'", "s3 c't")),
        (
            "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG\nshort=\n",
            (
                "-----BEGIN KEY-----\nMIIBVgIBADANBgkqhkiG\nshort=",
                "MIIBVgIBADANBgkqhkiG",
                "-----BEGIN KEY-----",
            ),
        ),
    ],
)
def test_values_and_their_parts(
    value: str, wanted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE", value)
    assert secret_values(["ONE"]) == wanted
    assert secret_values(["env:ONE", "ONE"]) == wanted


def test_variables_that_are_not_there_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    assert secret_values(["NOT_THERE"]) == ()


HARD = "p@ss \"w'rd\\ &<é>/+%\n😀"
#: By what a secret may have been written before it reaches a page.
ENCODERS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": json.dumps,
    "json, all letters": lambda text: json.dumps(text, ensure_ascii=False),
    "json in a script": lambda text: json.dumps(text).replace("<", "\\u003c").replace("/", "\\/"),
    "html": html.escape,
    "html, quotes kept": lambda text: html.escape(text, quote=False),
    "html, numbers": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "html, all numbers": lambda text: "".join(
        sign if sign.isalnum() and sign.isascii() else f"&#{ord(sign)};" for sign in text
    ),
    "address": lambda text: quote(text, safe=""),
    "address, slashes kept": quote,
    "form": quote_plus,
    "address, lower case": lambda text: quote(text, safe="").replace("%2F", "%2f"),
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "html of json": lambda text: html.escape(json.dumps(text)),
    "json of html": lambda text: json.dumps(html.escape(text)),
    "json of repr": lambda text: json.dumps(repr(text)),
    "repr of repr": lambda text: repr(repr(text)),
    "html of html": lambda text: html.escape(html.escape(text)),
    "address of address": lambda text: quote(quote(text, safe=""), safe=""),
}


def frame_of(encode: Callable[[str], str]) -> tuple[str, str]:
    """Return what the encoder itself puts around a text."""
    before, _, after = encode("xyz").partition("xyz")
    return before, after


@pytest.mark.parametrize("name", ENCODERS)
def test_every_way_to_write_it(name: str) -> None:
    encode = ENCODERS[name]
    before, after = frame_of(encode)
    # repr chooses its quotes by the text.
    written = encode(HARD)
    found = scrub(f"a {written} z", [HARD])
    wanted = f"a {before}[secret]{after} z"
    assert found.replace('"', "'").replace("\\", "") == wanted.replace('"', "'")


def test_longest_first() -> None:
    assert scrub("x pass pass-word word", ["pass", "pass-word"]) == "x [secret] [secret] word"


def test_short_and_empty_values_are_no_secrets() -> None:
    assert scrub("abc def", ["", "abc"]) == "abc def"


def test_what_was_scrubbed_is_left_alone() -> None:
    assert scrub("secret", ["secret", "[secret]"]) == "[secret]"
    assert scrub("[secret]", ["secret"]) == "[secret]"


@given(
    st.text(min_size=4, max_size=12),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_scrubbed_text_never_holds_the_secret(secret: str, before: str, after: str) -> None:
    for encode in ENCODERS.values():
        written = encode(f"{before}{secret}{after}")
        cleaned = scrub(written, [secret])
        assert "[secret]" in cleaned
        pieces = cleaned.split("[secret]")
        start, end = frame_of(encode)
        core = encode(secret).removeprefix(start).removesuffix(end)
        for form in (secret, core):
            assert not any(form in piece for piece in pieces)
        assert scrub(cleaned, [secret]) == cleaned


@given(st.text(max_size=60), st.lists(st.text(max_size=6), max_size=3))
def test_scrubbing_twice_is_scrubbing_once(text: str, values: list[str]) -> None:
    once = scrub(text, values)
    assert scrub(once, values) == once
