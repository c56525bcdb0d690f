"""The search language of journeys: one grammar, one parser, one matcher.

For example, those who come from an e-mail to the product page, leave without a purchase, return
within seven days and are made an offer at once::

    email > product_page > !purchase* > exit >> [7d] return > offer

==================  ==========================================================================
``a > b``           b is the next event after a
``a >> b``          b is some later event
``>> [7d]``         at most 7 days from the event before to the event after, 168 h inclusive
``>> [2h..7d]``     at least 2 hours and at most 7 days; ``[2h..]`` has no upper limit
``>> [3 steps]``    b is among the next three events; ``[2..3 steps]``, ``[7d, 3 steps]``
``a > !x* > b``     only events that are not x lie between, perhaps none; a bound behind the run,
                    ``a > !x* > [7d] b``, is measured from a to b
``x+ x{2} x{2,4}``  that many events of x that follow each other directly; ``x{2,}`` at least two
``a | b``           an event that is a or b; in parentheses before a repetition: ``(a | b)+``
``!a  !(a | b)``    an event that is not a; neither a nor b
``*``               any event
``^ a``             a is the journey's first event; ``^ !x* > a``: before a there is no x
``a $``             a is the journey's last event; ``a > !x* $``: after a there is no x
```` `in store` ````    a name with spaces or signs stands in backticks; a backtick in it is doubled
==================  ==========================================================================

Units of time are those of `journeykit.journeys.durations`: s, min, h, d, w.

The grammar::

    pattern     = ["^" [run ">"]] element {gap element} [">" run] ["$"]   (a last run needs "$")
    gap         = (">" | ">>") [bound] | ">" run ">" [bound]
    element     = class ["+" | "{" m ["," [n]] "}"]          1 <= m <= n
    run         = class "*"
    class       = term {"|" term}          beside "|" a "!" needs parentheses: (!a) | b
    term        = ["!"] (name | "*" | "(" class ")")
    bound       = "[" limit ["," limit] "]"            one in time and one in steps; not of ">"
    limit       = (duration | [duration] ".." [duration]) | ([m ".."] [n] ("step" | "steps"))
    name        = characters other than spaces and > | ! * + ^ $ ( ) [ ] { } `, or all in backticks

**Which match.** From left to right, the first event at which a match can begin begins one. It ends
where a match from there can end earliest. Where several ways lead there, each element in turn
takes its earliest event. The next match begins after it, so matches of a journey do not overlap. A
match covers the events from its first element to its last; a pattern with an anchor matches a
journey at most once, because a journey begins and ends once.

**Ends of journeys.** A beginning that was not seen is no beginning: ``^`` never matches where
`begins_unseen` (customers who were there when the window began; `edge` pieces). An open end is no
end: ``$`` never matches where `is_open` (whole journeys of watched customers, and pieces cut off by
the end of watching). Cut journeys into `sessions`, `cases` or `outcomes` to give them ends.

**Times.** Events at the same time keep their order, at 0 elapsed time. On a day clock elapsed time
is counted between midnights. Journeys without times can be asked for order, not for time.

``parse`` reads a pattern; ``Pattern.find`` finds its matches, ``Pattern.earliest_ends`` the
earliest end of every start, ``Pattern.progress`` how far each journey came; ``touchpoints`` reads
a class alone. See `Journeys.where_path`, `Journeys.cases` and `journeykit.paths.search`.
"""

from journeykit.journeys.pattern.sequence import Matches, Pattern, Progress, parse, touchpoints
from journeykit.journeys.pattern.terms import Element, Gap, PatternError, Touch

__all__ = [
    "Element",
    "Gap",
    "Matches",
    "Pattern",
    "PatternError",
    "Progress",
    "Touch",
    "parse",
    "touchpoints",
]
