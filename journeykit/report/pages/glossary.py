"""Words a reader may not know, explained on the pages where they stand."""

from __future__ import annotations

import re

#: Name, meaning, and the pattern by which the word is found in a text.
_TERMS = (
    (
        "95% interval",
        "A span that holds the true value in about 95 of 100 such studies. A wide one means that "
        "few customers are behind the number.",
        r"intervals?",
    ),
    (
        "Touchpoint",
        "One kind of contact, such as a visit, a mailing or a purchase.",
        r"touch(point)?s?",
    ),
    (
        "Journey",
        "What one customer did, touchpoint after touchpoint, in order of time.",
        r"journeys?",
    ),
    ("Channel", "A group of touchpoints that reach customers the same way.", r"channels?"),
    (
        "Window",
        "The span of time the data cover. What happened before or after it is not known.",
        r"window",
    ),
    (
        "(unseen)",
        "Stands before the first step of a journey that may have begun before the window did.",
        r"\(unseen\)",
    ),
    (
        "Still under way",
        "A journey that has neither reached its goal nor been given up when the data end. It may "
        "still end in any way.",
        r"still under way|\(open\)|still open",
    ),
    (
        "(no touch)",
        "A success that no touchpoint came before, as far as the data tell.",
        r"\(no touch\)",
    ),
    (
        "Look-back",
        "The longest silence within one journey. After a longer one, a new journey begins.",
        r"look-?back",
    ),
    (
        "At risk",
        "Customers who had not left by that day and were still watched on it.",
        r"at risk|followed then",
    ),
    (
        "Log-rank test",
        "Asks whether groups of customers leave at different speeds, over the whole time.",
        r"log-rank",
    ),
    (
        "p",
        "How often chance alone would show a difference at least this large. It does not say how "
        "large the difference is, nor whether it matters.",
        r"p(?=\s?[=<])|p-values?",
    ),
    (
        "q",
        "Like p, but corrected for how many comparisons were made.",
        r"q(?=\s?[=<])|q-values?",
    ),
    (
        "Median",
        "Half of the customers lie below it, half above.",
        r"medians?",
    ),
    (
        "Credit",
        "The share of the successes that a rule assigns to a touchpoint. It is not what the "
        "touchpoint caused.",
        r"credit",
    ),
    (
        "First touch, last touch, linear",
        "Rules that give all credit to the first or the last touchpoint before a success, or the "
        "same to each.",
        r"(first|last) touch|linear",
    ),
    (
        "Markov chain",
        "A rule that asks how many successes would be lost if customers could not pass through a "
        "touchpoint.",
        r"markov",
    ),
    (
        "Design grade",
        "How far a comparison can be read as cause and effect: A customers chosen by chance, B "
        "compared with similar ones, C before and after, or not compared at all.",
        r"design grade",
    ),
)
_PATTERNS = tuple(
    (name, meaning, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE))
    for name, meaning, pattern in _TERMS
)
#: What the word beside a finding means.
VERDICTS = {
    "clear": "The data decide it: chance alone is an unlikely explanation.",
    "leaning": "The data point this way, but chance is not ruled out.",
    "cannot tell": "The data do not decide it. That is not the same as “no difference”.",
    "met": "The target is reached, beyond what chance could do.",
    "missed": "The target is not reached, beyond what chance could do.",
    "counted": "All were counted, so there is nothing to be unsure of but the records themselves.",
}


def used_terms(text: str, /) -> dict[str, str]:
    """Return name and meaning of the words of the glossary that occur in `text`."""
    return {name: meaning for name, meaning, pattern in _PATTERNS if pattern.search(text)}
