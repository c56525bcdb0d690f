"""Customer ids found again in text: on a page, in a notebook, in a file."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from journeykit.report.privacy.escapes import Span, replaced, spans_in

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

#: Letters and digits in a row; what stands between them may be part of an id, never its edge.
_ATOM = re.compile(r"[^\W_]+")
#: Ids of more parts are not looked for: a UUID has 5.
_MOST_PARTS = 12
#: Fewer signs are words, years and counts; see `Identifiers`.
_SHORTEST = 5
_LONG = 8
#: Ids whose bytes are looked at together.
_BLOCK = 100_000
#: Digits behind the point of a number, which may go on as in 1.4741061e-05.
_FRACTION = re.compile(r"\d+(?:[eE]\d*)?")
#: What stands before a colour in a style or an attribute.
_COLOUR = re.compile(r"[:=\"'(,]\s?#\Z")
_ASCII_SIGNS = " \t\n\r\f\v" + string.punctuation
_AT_SIGN, _DIGIT, _SMALL, _CAPITAL = 1, 2, 3, 4
#: What each byte of ASCII is; 0 is a sign between parts.
_SIGNS = np.zeros(256, dtype=np.uint8)
_SIGNS[ord("@")] = _AT_SIGN
_SIGNS[[*string.digits.encode()]] = _DIGIT
_SIGNS[[*string.ascii_lowercase.encode()]] = _SMALL
_SIGNS[[*string.ascii_uppercase.encode()]] = _CAPITAL


class Identifiers:
    """The customer ids of a study, to be found in text.

    An id is looked for by its core: from its first to its last letter or digit. Only *distinctive*
    cores are looked for, because others are words and counts as well:

    - 5 characters and more with both a letter and a digit (``C-10023``), or with ``@``
    - 8 digits and more (``1048577.3344``)
    - 8 characters and more, letters only, in several parts (``ann.miller``) or with a capital
      inside (``qXbzWkPd``); one word in small letters or capitals is a word

    and which occur in none of the known `names`: touchpoints, attribute values, headings. An id
    stands in a text where its core does, in the same letters, with no letter or digit beside it;
    digits only where they are no part of a decimal number, and six or eight hexadecimal digits only
    where they are no colour (``color:#333b43``).

    Parameters
    ----------
    ids : pyarrow array of texts or whole numbers
    names : iterable of str
        Known words of the page that must never be taken for an id.

    Attributes
    ----------
    n : int
        Ids handed in.
    n_sought : int
        Different cores that are looked for; the other ids cannot be told from words and counts, so
        only columns known to hold ids protect them.
    """

    __slots__ = ("_cores", "_hashes", "_lengths", "_order", "n", "n_sought")

    def __init__(self, ids: pa.Array | pa.ChunkedArray, /, *, names: Iterable[str] = ()) -> None:
        import pyarrow as pa
        from pyarrow import compute as pc

        self.n = len(ids)
        cores, parts = _distinctive(_cores(ids))
        self._seek(cores, parts)
        if known := self.found_in("\n".join(names)):
            kept = pc.invert(pc.is_in(cores, value_set=pa.array(sorted(known), type=cores.type)))
            self._seek(cores.filter(kept), parts[kept.to_numpy(zero_copy_only=False)])

    def __repr__(self) -> str:
        return f"<{self.n:,} customer ids, {self.n_sought:,} of them looked for>"

    def _seek(self, cores: pa.Array, parts: NDArray[np.int64]) -> None:
        from pyarrow import compute as pc

        from journeykit.stats.hashing import hash_strings

        self._cores = cores
        self.n_sought = len(cores)
        hashes = hash_strings(cores)
        self._order = np.argsort(hashes).astype(np.uint32)
        self._hashes = hashes[self._order]
        length = pc.utf8_length(cores).to_numpy()
        # By the number of parts, the shortest and the longest.
        self._lengths = {
            int(k): (int(length[parts == k].min()), int(length[parts == k].max()))
            for k in np.unique(parts)
        }

    def found_in(self, text: str, /) -> set[str]:
        """Return the ids (their cores) in a text, read as it stands and through its escapes."""
        from journeykit.report.privacy.escapes import views

        return {
            view.text[start:end] for view in views(text) for start, end in self.spans(view.text)
        }

    def redacted(self, text: str, /) -> str:
        """Return `text` with ``[customer]`` in place of each id."""
        if not self.n_sought:
            return text
        return replaced(text, spans_in(text, self.spans), "[customer]")

    def spans(self, text: str, /) -> Iterator[Span]:
        """Return where ids stand in a text without escapes."""
        if not self.n_sought or len(text) < _SHORTEST:
            return
        atoms = np.array([found.span() for found in _ATOM.finditer(text)], dtype=np.int64)
        for k, (shortest, longest) in self._lengths.items():
            if len(atoms) < k:
                continue
            start, end = atoms[: len(atoms) - k + 1, 0], atoms[k - 1 :, 1]
            fits = np.flatnonzero((end - start >= shortest) & (end - start <= longest))
            where = zip(start[fits].tolist(), end[fits].tolist(), strict=True)
            candidates = [(a, b) for a, b in where if _may_be(text, a, b)]
            yield from self._known(text, candidates)

    def _known(self, text: str, candidates: list[Span]) -> Iterator[Span]:
        """Return the candidates that are ids: by their hash, then letter by letter."""
        import pyarrow as pa

        from journeykit.stats.hashing import hash_strings

        texts = [text[start:end] for start, end in candidates]
        # Halves of surrogate pairs are no text that could be an id.
        encoded = pa.array([one.encode("utf-8", "replace") for one in texts], type=pa.binary())
        hashes = hash_strings(encoded.cast(pa.string()))
        low = np.searchsorted(self._hashes, hashes, side="left")
        high = np.searchsorted(self._hashes, hashes, side="right")
        for at in np.flatnonzero(low < high).tolist():
            rows = self._order[low[at] : high[at]].tolist()
            if any(self._cores[row].as_py() == texts[at] for row in rows):
                yield candidates[at]


def _may_be(text: str, start: int, end: int) -> bool:
    """Tell whether a span may be an id where it stands: not the digits of a fraction, no colour."""
    written = text[start:end]
    if _FRACTION.fullmatch(written):
        before, after = text[max(0, start - 2) : start], text[end : end + 2]
        fraction = len(before) == 2 and before[1] == "." and before[0].isdecimal()
        whole = len(after) == 2 and after[0] == "." and after[1].isdecimal()
        return not (fraction or whole)
    return not (
        end - start in (6, 8)
        and _COLOUR.search(text, max(0, start - 3), start)
        and set(written) <= set(string.hexdigits)
    )


def _cores(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the ids from their first to their last letter or digit, each once."""
    import pyarrow as pa
    from pyarrow import compute as pc

    array = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    if pa.types.is_dictionary(array.type):
        array = array.dictionary
    texts = pc.utf8_trim(array.drop_null().cast(pa.large_string()), characters=_ASCII_SIGNS)
    strange = pc.invert(pc.string_is_ascii(texts))
    if pc.any(strange).as_py():
        trimmed = [_trimmed(text) for text in texts.filter(strange).to_pylist()]
        texts = pc.replace_with_mask(texts, strange, pa.array(trimmed, type=pa.large_string()))
    return pc.unique(texts)


def _trimmed(text: str) -> str:
    atoms = [found.span() for found in _ATOM.finditer(text)]
    return text[atoms[0][0] : atoms[-1][1]] if atoms else ""


def _distinctive(cores: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Keep the cores that no word, year or count is, by the rule of `Identifiers`; and their parts.

    Returns
    -------
    cores : array of m texts
    parts : array of int64, shape (m,)
    """
    import pyarrow as pa
    from pyarrow import compute as pc

    cores = cores.filter(pc.greater_equal(pc.utf8_length(cores), _SHORTEST))
    length = pc.utf8_length(cores).to_numpy()
    blocks = [_forms(cores[at : at + _BLOCK]) for at in range(0, len(cores), _BLOCK)]
    parts, letters, digits, at_signs, inner = (
        np.concatenate(blocks, axis=1) if blocks else np.zeros((5, 0), dtype=np.int64)
    )
    mixed = (letters > 0) & (digits > 0) | (at_signs > 0)
    numeric = (letters == 0) & (digits >= _LONG)
    worded = (digits == 0) & (length >= _LONG) & ((parts > 1) | (inner > 0))
    kept = (mixed | numeric | worded) & (parts <= _MOST_PARTS)
    return cores.filter(pa.array(kept)), parts[kept]


def _forms(cores: pa.Array) -> NDArray[np.int64]:
    """Count in each text its parts, letters, digits, ``@`` and capitals after small letters."""
    from pyarrow import compute as pc

    _, offset_buffer, data_buffer = cores.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)
    offsets = offsets[cores.offset : cores.offset + len(cores) + 1]
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    signs = _SIGNS[data]
    before = np.concatenate([[0], signs[:-1]]).astype(np.uint8)
    before[(offsets[:-1] - offsets[0])] = 0
    counted = (
        (signs >= _DIGIT) & (before < _DIGIT),
        signs > _DIGIT,
        signs == _DIGIT,
        signs == _AT_SIGN,
        (signs == _CAPITAL) & (before == _SMALL),
    )
    sums = (np.concatenate([[0], np.cumsum(marks, dtype=np.int32)]) for marks in counted)
    forms = np.array([np.diff(sums_at[offsets - offsets[0]]) for sums_at in sums])
    strange = pc.invert(pc.string_is_ascii(cores)).to_numpy(zero_copy_only=False)
    for at in np.flatnonzero(strange).tolist():
        forms[:, at] = _form(cores[at].as_py())
    return forms


def _form(text: str) -> tuple[int, int, int, int, int]:
    return (
        len(_ATOM.findall(text)),
        sum(sign.isalpha() for sign in text),
        sum(sign.isnumeric() for sign in text),
        text.count("@"),
        sum(a.islower() and b.isupper() for a, b in pairwise(text)),
    )
