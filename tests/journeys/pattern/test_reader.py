from __future__ import annotations

import pickle

import pytest

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.journeys.pattern import Element, Gap, PatternError, Touch, parse, touchpoints
from journeykit.journeys.pattern.terms import ANY, Bound

NAMES = ("email", "in store", "mail > phone", "tick`s", "web")


def test_the_example_is_read_as_documented() -> None:
    pattern = parse("email > product_page > !purchase* > exit >> [7d] return > offer")
    assert [element.text for element in pattern.elements] == [
        "email", "product_page", "exit", "return", "offer",
    ]  # fmt: skip
    assert pattern.gaps == (
        Gap(later=False),
        Gap(later=True, through=Touch(frozenset({"purchase"}), negated=True)),
        Gap(later=True, bound=Bound(longest=7 * DAY)),
        Gap(later=False),
    )
    assert (pattern.begin, pattern.end, pattern.timed) == (None, None, True)
    assert [mention.name for mention in pattern.mentions] == [
        "email", "product_page", "purchase", "exit", "return", "offer",
    ]  # fmt: skip
    assert parse(pattern) is pattern


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ("[7d]", Bound(longest=7 * DAY)),
        ("[..7d]", Bound(longest=7 * DAY)),
        ("[2h..7d]", Bound(shortest=2 * DAY // 24, longest=7 * DAY)),
        ("[ 1.5 h .. ]", Bound(shortest=DAY // 16)),
        ("[1w]", Bound(longest=7 * DAY)),
        ("[3 steps]", Bound(most=3)),
        ("[1 step]", Bound(most=1)),
        ("[2..3steps]", Bound(fewest=2, most=3)),
        ("[2.. steps]", Bound(fewest=2)),
        ("[30min, 3 steps]", Bound(longest=DAY // 48, most=3)),
        ("[..3 steps, 10s..]", Bound(shortest=10_000_000, most=3)),
    ],
)
def test_bounds(written: str, bound: Bound) -> None:
    assert parse(f"a >> {written} b").gaps == (Gap(later=True, bound=bound),)
    through = Gap(later=True, through=Touch(frozenset({"x"})), bound=bound)
    assert parse(f"a>x*>{written}b").gaps == (through,)


def test_elements_repetitions_and_anchors() -> None:
    pattern = parse("^ !x* > (a | b)+ > c{2} > `d e`{2,} > !f{1,3} > ** > * $")
    assert [(element.text, element.least, element.most) for element in pattern.elements] == [
        ("(a | b)+", 1, None),
        ("c{2}", 2, 2),
        ("`d e`{2,}", 2, None),
        ("!f{1,3}", 1, 3),
        ("*", 1, 1),
    ]
    assert pattern.begin == Touch(frozenset({"x"}), negated=True)
    assert pattern.end == Touch(frozenset())
    assert pattern.elements[0].touch == Touch(frozenset({"a", "b"}))
    assert pattern.elements[2].touch == Touch(frozenset({"d e"}))
    assert pattern.gaps[3] == Gap(later=True, through=ANY)
    assert parse("a | b > c").elements[0] == Element("a | b", Touch(frozenset({"a", "b"})))
    assert parse("a > !x* $").end == Touch(frozenset({"x"}), negated=True)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("web", "00001"),
        ("*", "11111"),
        ("!*", "00000"),
        ("!web", "11110"),
        ("email | web", "10001"),
        ("!(email | web)", "01110"),
        ("(!email) | web", "01111"),
        ("(!email) | email", "11111"),
        ("(!email) | !(email | web)", "01111"),
        ("(!(email | web)) | email", "11110"),
        ("!(!email)", "10000"),
        ("`in store` | `mail > phone`", "01100"),
        ("`tick``s`", "00010"),
        ("`web`", "00001"),
    ],
)
def test_classes(expression: str, expected: str) -> None:
    if "| !(" in expression:
        with pytest.raises(PatternError, match=r"write !\(a \| b\), or \(!a\) \| b"):
            touchpoints(expression, NAMES)
        expression = "(!email) | (!(email | web))"
    mask = touchpoints(expression, NAMES)
    assert "".join(map(str, mask.astype(int))) == expected


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("", 0, "A touchpoint must stand here; the text ends."),
        ("a >", 3, "A touchpoint must stand here; the text ends."),
        ("a > > b", 4, "A touchpoint must stand here; got '>'."),
        ("a > ^ b", 4, "got '^'; `^` stands only at the very beginning"),
        ("a > ()", 5, "A touchpoint must stand here; got ')'."),
        ("a b", 2, "Between two touchpoints must stand `>` (next), `>>` (later) or `|` (or)"),
        ("a !b", 2, "a name with spaces or signs goes in backticks."),
        ("a $ > b", 4, "'>' has no meaning here."),
        ("a* | b", 3, "'|' has no meaning here."),
        ("a [7d] > b", 2, "'[7d]' has no meaning here."),
        ("(a > b)", 3, "A parenthesis holds touchpoints divided by `|`, then `)`."),
        ("x > !a | b", 4, "`!` beside `|` must say what it negates"),
        ("a | b+", 5, "'+' after alternatives needs parentheses: (a | b)+."),
        ("a > `b", 4, "It is not closed: a backtick is missing."),
        ("a >> [7d b", 5, "It is not closed: `]` is missing."),
        ("a{2", 1, "It is not closed: `}` is missing."),
        ("a > b]", 5, "Nothing opens this."),
        ("a >> [7x] b", 5, "A bound is [7d] (at most), [2h..7d]"),
        ("a >> [0d] b", 5, "A bound is [7d] (at most), [2h..7d]"),
        ("a >> [7] b", 5, "units are s, min, h, d, w and steps."),
        ("a >> [] b", 5, "A bound is [7d]"),
        ("a >> [..] b", 5, "A bound is [7d]"),
        ("a >> [2d..1d] b", 5, "The limits of a bound rise and are above 0"),
        ("a >> [0 steps] b", 5, "The limits of a bound rise and are above 0"),
        ("a >> [1d, 2d] b", 5, "A bound has one limit in time and one in steps."),
        ("a > [2 steps] b", 4, "`>` is always one step; `>>` has a bound in steps."),
        ("a{0,2}", 1, "A repetition begins at 1; a run that may be empty is written x*."),
        ("a{3,2}", 1, "At most 2 is less than at least 3."),
        ("a{x}", 1, "A repetition is {2}, {2,4} or {2,}, in whole numbers from 1."),
        ("a*", 0, "The run a* may be empty, so it must stand between two touchpoints"),
        ("^ a* $", 2, "The run a* may be empty"),
        ("!a* > b", 0, "between one and an anchor: `^ x* > a`, `a > x* $`."),
        ("a > x* > y* > b", 9, "of two runs in a row make one class."),
        ("a >> x* > b", 5, "The run x* is joined by `>` on both sides"),
        ("a > x* >> b", 4, "The run x* is joined by `>` on both sides"),
        ("a > [1d] x* > b", 9, "a bound stands behind the second, as in `a > !x* > [7d] b`"),
        ("^ x* >> a", 2, "The run x* may be empty"),
    ],
)
def test_errors_point_at_the_character(text: str, at: int, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse(text)
    problem, line, caret = str(caught.value).split("\n")
    assert message in problem
    assert line == f"  {text}"
    assert caret == f"  {' ' * at}^"
    assert caught.value.at == at
    assert isinstance(caught.value, ArgumentError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_unknown_names_are_pointed_at_with_what_was_meant() -> None:
    with pytest.raises(PatternError) as caught:
        touchpoints("!(web | emial)", NAMES)
    assert str(caught.value).split("\n") == [
        "There is no touchpoint 'emial'. Did you mean 'email'? There are: 'email', 'in store', "
        "'mail > phone', 'tick`s', 'web'.",
        "  !(web | emial)",
        "          ^",
    ]
    with pytest.raises(PatternError, match="There are: '0'.* and 8 more."):
        touchpoints("x", [str(k) for k in range(20)])


def test_a_text_of_several_lines_is_shown_as_one() -> None:
    with pytest.raises(PatternError) as caught:
        parse("a\n\t> > b")
    assert str(caught.value).split("\n")[1:] == ["  a  > > b", "       ^"]


def test_a_pattern_is_a_text() -> None:
    with pytest.raises(ArgumentError, match=r"must be a text such as 'email > visit'; got \['a'\]"):
        parse(["a"])
    with pytest.raises(ArgumentError, match="must be a text"):
        touchpoints(None, NAMES)
