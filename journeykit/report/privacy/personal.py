"""Personal data that its form gives away: e-mail addresses, telephone numbers and the like."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator

from journeykit.errors import ArgumentError
from journeykit.report.privacy.escapes import Span, replaced, spans_in

#: Base32 letters of a pseudonym, 5 bits each.
_LETTERS = 10
#: Bytes of a key that cannot be found by trying.
_SHORTEST_KEY = 16

#: Signs that end a local part. It may be written in any script; an ASCII apostrophe, a plus and the
#: like are part of it.
_ENDS = r"\s\x00-\x1f\x7f@＠﹫<>()\[\]{},;:\"\\=&?|/«»“”„‚‘。、，：；（）【】「」…"
_LOCAL = re.compile(rf"[^{_ENDS}]{{1,64}}\Z")
_QUOTED = re.compile(r"\"[^\W_](?:[^\"\n@\\:,]{0,60}[^\W_])?\"\Z")
_LABEL = rf"[^{_ENDS}.．。_'`!#$%*+~^’-](?:[^{_ENDS}.．。_'`!#$%*+~^’]{{0,62}})"
#: Names end in letters; an address may also be written by its numbers in brackets.
_DOMAIN = re.compile(
    rf"(?:{_LABEL}[.．。])+(?:xn--[a-z0-9-]{{2,59}}|[^\W\d_]{{2,63}})(?![\w])"
    r"|\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9a-fA-F:.]{2,45})\]"
)
#: ``logo@2x.png`` is a picture for sharp screens.
_PICTURE = re.compile(r"\d(?:\.\d)?x\.")
_AT = re.compile(r"[@＠﹫]")
_ESCAPE_LETTERS = re.compile(r"^(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[bfnrt])")
_QUOTES = "'`*_~.!#$%^+-’"


def emails(text: str, /) -> Iterator[Span]:
    """Return where e-mail addresses stand in a text without escapes."""
    for found in _AT.finditer(text):
        at = found.start()
        domain = _DOMAIN.match(text, found.end())
        if domain is None or _PICTURE.match(domain.group()):
            continue
        window = text[max(0, at - 66) : at]
        local = _LOCAL.search(window) or _QUOTED.search(window)
        if local is None:
            continue
        written = local.group()
        if window[: local.start()].endswith("\\"):
            # The letter belongs to an escape such as a line's end, which must stay whole.
            written = _ESCAPE_LETTERS.sub("", written)
        written = written.lstrip(_QUOTES)
        if written:
            yield at - len(written), domain.end()


def redact(text: str, /) -> str:
    """Return `text` with ``[e-mail]`` in place of e-mail addresses.

    They are found in any script, in attributes and addresses, and through HTML's, JSON's and
    percent escapes (``ann%40shop.example``). A name without a dot after the ``@`` (``ann@home``) is
    no address that can be told from other words.
    """
    if "@" not in text and not re.search(r"[＠﹫]|%40|&|\\[ux]|%25", text):
        return text
    return replaced(text, spans_in(text, emails), "[e-mail]")


_LINK = re.compile(
    r"(?i)\b(?:https?://|www\.)(?=[^\s<>\"]{0,2000}[?#]|[^\s<>\"/]{0,2000}@)"
    r"[^\s<>\"]*[^\s<>\".,;:!?)\]}']"
)
_HANDLE = re.compile(r"(?<![\w@/.\]])@(?=[\w.]*[^\W\d_])\w(?:[\w.-]{0,38}\w)")
_IBAN = re.compile(r"(?i)(?<![A-Z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![A-Z0-9])")
#: Digits with single signs between them, as numbers are written. What only looks like it and says
#: nothing about a person goes first, so that the rest of the line is read from behind it.
_DATE = (
    r"(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:(?:19|20)\d\d|\d\d)"
)
_KEPT = (
    rf"(?:{_DATE})(?![\d])(?:[T ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"|(?:19|20)\d\d(?:[-/–](?:19|20)?\d\d)+(?![-/–.]?\d)"
    r"|[1-9]\d{0,2}(?:[,'’]\d{3})+(?:\.\d+)?(?!\d)"
    r"|[1-9]\d{0,2}(?:[.]\d{3})+,\d+(?!\d)"
    r"|[1-9]\d?(?:[. \u00a0\u202f]\d{3}){2}(?![ .]?\d)"
    r"|\d{1,5}[.,]\d+(?![.,]?\d)"
)
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<kept>{_KEPT})"
    r"|(?<![\w])(?P<number>(?:\+|\()?\d"
    r"(?:(?:[ \u00a0\-./]|\)[ ]?|[ ]?\(|[ ][-/][ ])?\d){5,29}(?!\w))"
    r"|(?<!\d)(?P<run>\d{6,})"
)
_AMERICAN = re.compile(r"\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[ .-]\d{4}")
_GROUPED = re.compile(r"\d+(?:([-/.])\d+)(?:\1\d+)*")
#: Three groups of three with spaces are how several countries write a telephone.
_THREES = re.compile(r"[1-9]\d\d( |\u00a0)\d{3}\1\d{3}")


def redact_comment(text: str, /) -> str:
    """Return a comment that somebody wrote, without what its form tells to be about a person.

    ============= ===================================================================
    ``[e-mail]``  e-mail addresses, as `redact`
    ``[link]``    addresses with a query, a fragment or a user's name in them
    ``[handle]``  names after ``@`` with a letter in them
    ``[account]`` IBANs whose check digits hold (ISO 13616, remainder 97)
    ``[card]``    13 to 19 digits that pass Luhn's check (ISO/IEC 7812)
    ``[phone]``   7 to 15 digits that begin with ``+`` or 0, or grouped as in 212-555-0123 or
                  612 345 678
    ``[number]``  other runs of 6 digits and more, and 9 or more in groups joined by ``-``, ``/``
                  or ``.``
    ============= ===================================================================

    Dates, times, years, amounts with their separators and decimals stay. Names and postal addresses
    have no form that can be told from other words: they stay too.
    """
    text = _LINK.sub("[link]", text)
    text = redact(text)
    text = _HANDLE.sub("[handle]", text)
    text = _IBAN.sub(_account, text)
    return _NUMBER.sub(_number, text)


def _account(found: re.Match[str]) -> str:
    """Replace the longest beginning whose check digits hold, up to the end of a group."""
    written = found.group()
    for end in range(len(written), 14, -1):
        if end < len(written) and written[end] not in " -":
            continue
        plain = re.sub("[ -]", "", written[:end]).upper()
        if 15 <= len(plain) <= 34 and plain.isascii():
            number = "".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])
            if int(number) % 97 == 1:
                return f"[account]{written[end:]}"
    return written


def _number(found: re.Match[str]) -> str:
    written = found.group()
    if found["kept"] is not None:
        return written
    digits = [int(sign) for sign in written if sign.isdecimal()]
    longest = max(len(run) for run in re.findall(r"\d+", written))
    if 13 <= len(digits) <= 19 and _luhn(digits):
        return "[card]"
    national = written[0] == "0" and written[1].isdecimal()
    if 7 <= len(digits) <= 15 and (
        written[0] in "+(" or national or _AMERICAN.fullmatch(written) or _THREES.fullmatch(written)
    ):
        return "[phone]"
    grouped = len(digits) >= 9 and _GROUPED.fullmatch(written) is not None
    return "[number]" if longest >= 6 or grouped else written


def _luhn(digits: list[int]) -> bool:
    doubled = [2 * digit for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def pseudonym(ids: Iterable[object], /, *, key: bytes) -> list[str]:
    """Return a name for each id that only the holder of `key` can lead back to it.

    The first 50 bits of HMAC-SHA256 of the id's text in UTF-8, as 10 letters of base32 (RFC 4648).
    The same id and key give the same name everywhere. Two of n ids share a name with probability
    n^2 / 2^51: 4 in 10,000 for a million, 4 in a hundred million for 10,000.

    Parameters
    ----------
    ids : iterable
        Texts or numbers; 7 and "7" are the same id.
    key : bytes
        At least 16, drawn at random and kept secret: ids are few enough to try them all.

    Raises
    ------
    ArgumentError
        A key that is too short.

    References
    ----------
    Krawczyk, Bellare, Canetti (1997), HMAC: keyed-hashing for message authentication, RFC 2104.

    Examples
    --------
    >>> pseudonym(["7", 7], key=b"sixteen bytes or more")
    ['3KPBMOFFZY', '3KPBMOFFZY']
    """
    if len(key) < _SHORTEST_KEY:
        raise ArgumentError(
            f"`key` must have at least {_SHORTEST_KEY} bytes, or the ids behind the names can be "
            f"found by trying; got {len(key)}."
        )
    started = hmac.new(key, digestmod=hashlib.sha256)
    names = []
    for one in ids:
        state = started.copy()
        state.update(str(one).encode("utf-8", errors="surrogatepass"))
        names.append(base64.b32encode(state.digest()[:10])[:_LETTERS].decode())
    return names
