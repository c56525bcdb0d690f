"""Secrets: named in files and parameters, read where they are used, shown nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from html.entities import html5
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic_core import CoreSchema, core_schema

from journeykit.errors import ParameterError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

_WRITTEN = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
#: What is wrong, without the value: it may be the secret.
_MUST = (
    "must be written env:NAME, the name of an environment variable; "
    "a secret itself is never a parameter."
)
_PLACE = "[secret]"
#: Shorter ones stand in so many words by chance that taking them out would tear the text apart, and
#: the holes would tell what was taken out.
_SHORTEST = 4
#: A line of a key of several lines; shorter ones are its frame.
_SHORTEST_LINE = 16
#: ``scheme://user:password@host``; a password may itself hold an ``@`` that should be ``%40``.
_IN_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://[^\s/?#:@]*:(\S*)@")
#: ``?password=...`` of an address, and ``password=...`` of PostgreSQL's connection words.
_NAMED = re.compile(
    r"(?i)(?:password|passwd|pwd|token|secret|api_?key|access_?key)\s*=\s*"
    r"(?:'((?:[^'\\]|\\.)*)'|([^\s&;']+))"
)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret by the name of the environment variable that holds it: the type of a parameter.

    What is written, shown, dumped and injected into a notebook is ``env:NAME``; the value appears
    only where `reveal` is called.

    Attributes
    ----------
    written : str
        ``env:NAME``.

    Examples
    --------
    >>> Secret("env:SHOP_PASSWORD")
    env:SHOP_PASSWORD
    """

    written: str

    def __post_init__(self) -> None:
        """Refuse all but a name, without repeating what came."""
        if not isinstance(self.written, str) or not _WRITTEN.fullmatch(self.written):
            raise ParameterError(f"A secret {_MUST}")

    def __repr__(self) -> str:
        return self.written

    @property
    def name(self) -> str:
        """Name of the environment variable."""
        return self.written.removeprefix("env:")

    def reveal(self) -> str:
        """Return the secret itself.

        Raises
        ------
        ParameterError
            When the environment has no such variable, or an empty one.
        """
        value = os.environ.get(self.name, "")
        if not value:
            raise ParameterError(
                f"`{self.written}` is to be read, and the environment has no variable {self.name}, "
                "or an empty one."
            )
        return value

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read text, show text."""
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe it as text of the form ``env:NAME``."""
        return {"type": "string", "format": "secret", "pattern": f"^{_WRITTEN.pattern}$"}

    @classmethod
    def _read(cls, value: object) -> Secret:
        if isinstance(value, cls):
            return value
        try:
            return cls(str(value))
        except ParameterError:
            raise ValueError(_MUST) from None


def secret_values(names: Iterable[str], /) -> tuple[str, ...]:
    """Return what must not appear anywhere: the values of environment variables, and their parts.

    Of an address with a password, and of ``password=...`` and its like, the password goes apart, as
    written and with ``%40`` read as ``@``; of a value of several lines, each line of 16 signs and
    more. Values shorter than 4 characters are left out: they stand in many words by chance.

    Parameters
    ----------
    names : iterable of str
        Names of variables, also in the form ``env:NAME``; those that are not set are skipped.

    Returns
    -------
    tuple of str
        Longest first, each once.
    """
    found = set[str]()
    for name in names:
        value = os.environ.get(name.removeprefix("env:"), "").strip()
        passwords = [
            *_IN_ADDRESS.findall(value),
            *(part.replace("\\'", "'").replace("\\\\", "\\") for part, _ in _NAMED.findall(value)),
            *(part for _, part in _NAMED.findall(value)),
        ]
        lines = [line.strip() for line in value.splitlines()]
        found |= {value, *passwords, *map(unquote, passwords)}
        found |= {line for line in lines if len(line) >= _SHORTEST_LINE}
    kept = (value for value in found if len(value) >= _SHORTEST)
    return tuple(sorted(kept, key=lambda value: (-len(value), value)))


def scrub(text: str, values: Iterable[str], /) -> str:
    """Return `text` with each of the `values` replaced by ``[secret]``, longest first.

    Each character of a value is found as it is and as JSON, HTML, addresses (``%40``) and Python's
    and bytes' `repr` write it, in any mixture and nested (HTML of JSON); not in base64 or other
    codes that mix characters.
    """
    pieces = text.split(_PLACE)
    for value in sorted(set(values), key=lambda value: (-len(value), value)):
        if len(value) < _SHORTEST:
            continue
        pattern = _pattern(value)
        needle = max(re.findall(r"[A-Za-z0-9]+", value), key=len, default="")
        # Letters and digits are written as they are everywhere, so most texts need no closer look.
        pieces = [
            part
            for piece in pieces
            for part in (pattern.split(piece) if needle in piece else (piece,))
        ]
    return _PLACE.join(pieces)


@lru_cache(maxsize=1024)
def _pattern(value: str) -> re.Pattern[str]:
    # Escapes double backslashes at every level, so a run of them is found at any length.
    parts = re.findall(r"\\+|[^\\]", value, flags=re.DOTALL)
    return re.compile("".join(_written(part[0]) for part in parts))


@cache
def _entities() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, sign in html5.items():
        if name.endswith(";"):
            names.setdefault(sign, []).append(name[:-1])
    return names


#: Backslashes in a row that are one, escaped: doubled five times. Without a bound, a text of mere
#: backslashes would take time that grows with its square.
_DEEPEST = 32
_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a"}


def _written(sign: str) -> str:
    """Return a pattern of all the ways in which a character is written."""
    if sign.isascii() and sign.isalnum():
        return sign
    code, escaped = ord(sign), re.escape(sign)
    octets = sign.encode("utf-8", errors="surrogatepass")
    units = sign.encode("utf-16-be", errors="surrogatepass").hex()
    slashes = rf"\\{{1,{_DEEPEST}}}"
    named = "".join(f"{re.escape(name)}|" for name in _entities().get(sign, ()))
    ways = [
        f"&(?:amp;)*(?:{named}#0*{code}|#[xX]0*(?i:{code:x}));",
        "".join(f"%(?:25)*(?i:{octet:02x})" for octet in octets),
        slashes + slashes.join(f"u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4)),
        rf"{slashes}U(?i:{code:08x})",
        "".join(rf"{slashes}x(?i:{octet:02x})" for octet in octets),
    ]
    if code < 256:
        ways.append(rf"{slashes}x(?i:{code:02x})")
    if sign in _ESCAPES:
        ways.append(rf"{slashes}{_ESCAPES[sign]}")
    if sign == " ":
        ways.append(r"\+")
    if sign == "\\":
        return f"(?:{'|'.join(ways)}|\\\\){{1,{_DEEPEST}}}"
    # Quotes and slashes may carry backslashes.
    before = rf"\\{{0,{_DEEPEST}}}" if sign in "\"'/`" else ""
    return f"{before}(?:{'|'.join(ways)}|{escaped})"
