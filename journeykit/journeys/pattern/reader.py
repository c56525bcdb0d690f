"""Reading a pattern's text: one lexer and one recursive descent, by the grammar of the package."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import microseconds
from journeykit.journeys.pattern.terms import (
    ANY,
    Bound,
    Element,
    Gap,
    Mention,
    PatternError,
    Touch,
)

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>`(?:[^`]|``)+`)
      | (?P<bound>\[[^\]]*\])
      | (?P<count>\{[^}]*\})
      | (?P<sign>>>|[>|!*+^$()])
      | (?P<name>[^\s>|!*+^$()\[\]{}`]+)""",
    re.VERBOSE,
)
_COUNT = re.compile(r"\{\s*(\d+)\s*(?:(,)\s*(\d+)?\s*)?\}")
_STEPS = re.compile(r"\s*(?:(\d+)?\s*\.\.\s*)?(\d+)?\s*steps?\s*")
_END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text.

    Attributes
    ----------
    kind : {"name", "sign", "bound", "count", "end"}
    text : str
        The sign, the name without its quotes, or the whole bracket.
    at, end : int
        Where it begins and ends in the text.
    """

    kind: str
    text: str
    at: int
    end: int


@dataclass(slots=True)
class Reader:
    """One reading of one text; `mentions` fills up on the way."""

    text: str
    tokens: list[Token] = field(init=False)
    mentions: list[Mention] = field(default_factory=list)
    here: int = 0

    def __post_init__(self) -> None:
        """Cut the text into tokens."""
        if not isinstance(self.text, str):
            raise ArgumentError(
                f"A pattern must be a text such as 'email > visit'; got {self.text!r}."
            )
        self.tokens = _tokens(self.text)

    # ------------------------------------------------------------------ moving on

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.here]

    def sign(self, *signs: str) -> Token | None:
        """Read one of `signs` if it is next."""
        token = self.token
        if token.kind == "sign" and token.text in signs:
            self.here += 1
            return token
        return None

    def kind(self, kind: str) -> Token | None:
        """Read a token of a kind if it is next."""
        token = self.token
        if token.kind == kind:
            self.here += 1
            return token
        return None

    def problem(self, problem: str, at: int | None = None) -> PatternError:
        """Return the error that points at `at`, by default at the token to be read next."""
        return PatternError(problem, self.text, self.token.at if at is None else at)

    def finish(self) -> None:
        """Require that everything has been read."""
        token = self.token
        if token.kind == "name" or token.text in ("(", "!"):
            raise self.problem(
                "Between two touchpoints must stand `>` (next), `>>` (later) or `|` (or); "
                "a name with spaces or signs goes in backticks."
            )
        if token.kind != _END:
            raise self.problem(f"{token.text!r} has no meaning here.")

    # ------------------------------------------------------------------ classes of touchpoints

    def touch(self) -> Touch:
        """Read alternatives: ``a | b``."""
        first = self.token.at
        touch, bare = self._term()
        several = False
        while self.sign("|"):
            several = True
            other, other_bare = self._term()
            bare &= other_bare
            touch = touch | other
        if several and not bare:
            raise self.problem(
                "`!` beside `|` must say what it negates: write !(a | b), or (!a) | b.", first
            )
        return touch

    def _term(self) -> tuple[Touch, bool]:
        """Read one class, and say whether it begins without ``!``."""
        if self.sign("!"):
            return ~self._atom(), False
        return self._atom(), True

    def _atom(self) -> Touch:
        token = self.token
        if self.kind("name"):
            self.mentions.append(Mention(token.text, token.at))
            return Touch(frozenset({token.text}))
        if self.sign("*"):
            return ANY
        if self.sign("("):
            touch = self.touch()
            if not self.sign(")"):
                raise self.problem("A parenthesis holds touchpoints divided by `|`, then `)`.")
            return touch
        got = f"got {token.text!r}" if token.text else "the text ends"
        if token.text in ("^", "$"):
            got += "; `^` stands only at the very beginning and `$` at the very end"
        raise self.problem(f"A touchpoint must stand here; {got}.")

    # ------------------------------------------------------------------ elements and gaps

    def piece(self) -> Element:
        """Read an element, or a run: `least` 0."""
        begin = self.token
        touch = self.touch()
        before = self.tokens[self.here - 1]
        alternatives = any(
            token.text == "|" and token.kind == "sign"
            for token in self._outside_parentheses(begin, before)
        )
        suffix, least = self.token, 1
        most: int | None = 1
        if self.sign("*"):
            least, most = 0, None
        elif self.sign("+"):
            least, most = 1, None
        elif self.kind("count"):
            least, most = self._count(suffix)
        else:
            return Element(self.text[begin.at : before.end], touch)
        if alternatives:
            raise self.problem(
                f"{suffix.text!r} after alternatives needs parentheses: (a | b){suffix.text}.",
                suffix.at,
            )
        return Element(self.text[begin.at : suffix.end], touch, least, most)

    def _outside_parentheses(self, first: Token, last: Token) -> list[Token]:
        depth, found = 0, []
        for token in self.tokens:
            if first.at <= token.at <= last.at and token.kind == "sign":
                depth += (token.text == "(") - (token.text == ")")
                if depth == 0:
                    found.append(token)
        return found

    def _count(self, token: Token) -> tuple[int, int | None]:
        found = _COUNT.fullmatch(token.text)
        if not found:
            raise self.problem(
                "A repetition is {2}, {2,4} or {2,}, in whole numbers from 1.", token.at
            )
        least = int(found[1])
        most = int(found[3]) if found[3] else None if found[2] else least
        if least < 1:
            raise self.problem(
                "A repetition begins at 1; a run that may be empty is written x*.", token.at
            )
        if most is not None and most < least:
            raise self.problem(f"At most {most} is less than at least {least}.", token.at)
        return least, most

    def gap(self, *, after_run: bool) -> Gap | None:
        """Read what joins two pieces; None when nothing does."""
        sign = self.sign(">", ">>")
        if sign is None:
            return None
        later = sign.text == ">>"
        token = self.kind("bound")
        return Gap(later, ANY, self._bound(token, steps=later or after_run) if token else Bound())

    def _bound(self, token: Token, *, steps: bool) -> Bound:
        limits: dict[str, int | None] = {}
        for part in token.text[1:-1].split(","):
            counted = _STEPS.fullmatch(part)
            if counted and (counted[1] or counted[2]):
                if not steps:
                    raise self.problem(
                        "`>` is always one step; `>>` has a bound in steps.", token.at
                    )
                low = int(counted[1]) if counted[1] else None
                high = int(counted[2]) if counted[2] else None
                names = ("fewest", "most")
            else:
                low, high = self._durations(part, token)
                names = ("shortest", "longest")
            if names[0] in limits:
                raise self.problem("A bound has one limit in time and one in steps.", token.at)
            if (high is not None and high < max(low or 0, 1)) or low == 0:
                raise self.problem(
                    "The limits of a bound rise and are above 0: [2h..7d], [2..3 steps].",
                    token.at,
                )
            limits |= {names[0]: low, names[1]: high}
        return Bound(**limits)

    def _durations(self, part: str, token: Token) -> tuple[int | None, int | None]:
        low, dots, high = part.partition("..")
        if not dots:
            low, high = "", part
        try:
            ends = [microseconds("bound", end) if end.strip() else None for end in (low, high)]
        except ArgumentError:
            ends = [None, None]
        if ends == [None, None]:
            raise self.problem(
                "A bound is [7d] (at most), [2h..7d], [2h..] (at least) or [3 steps]; "
                "units are s, min, h, d, w and steps.",
                token.at,
            )
        return ends[0], ends[1]


def _tokens(text: str) -> list[Token]:
    """Cut the text; the last token is its end."""
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            mend = {"`": "a backtick", "[": "`]`", "{": "`}`"}.get(text[at])
            problem = f"It is not closed: {mend} is missing." if mend else "Nothing opens this."
            raise PatternError(problem, text, at)
        kind, end = found.lastgroup, found.end()
        if kind == "quoted":
            tokens.append(Token("name", found[0][1:-1].replace("``", "`"), at, end))
        elif kind != "space":
            tokens.append(Token(kind, found[0], at, end))
        at = end
    return [*tokens, Token(_END, "", len(text), len(text))]
