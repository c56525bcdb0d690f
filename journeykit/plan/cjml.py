"""Plans in the terms of the Customer Journey Modelling Language (CJML), as XML.

The language's schema was not at hand. The elements are those of the example that its makers
publish for version 2.0, and of the files that their editor and their converters write::

    <CJML version="2.0">
      <plannedJourney>
        <journeyID> <journeyTitle>
        <journeyPhases> <journeyPhase phaseID=""> <phaseName>
        <actors> <endUser actorID=""> <actorName>
                 <serviceProvider actorID=""> <companyName>
        <touchpoints>
          <plannedCommunicationPoint> or <plannedAction>
            <touchpointID> <belongsTo phaseIDref="">
            <initiator> <refersTo actorIDref=""> <initiatorLabel>
            <receiver> <refersTo actorIDref=""> <receiverLabel>
            <channel> <channelName>

A planned journey there is a sequence of touchpoints. What it has no word for is written in a
namespace of our own, which others may skip.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.plan.checking import mistakes
from journeykit.plan.extension import fields, given, nodes_of, ours, structure
from journeykit.plan.markup import (
    add,
    child,
    children,
    doubled,
    local,
    not_too_deep,
    read_markup,
    text_of,
    write_markup,
)
from journeykit.plan.model import Plan

if TYPE_CHECKING:
    from journeykit.plan.model import Step

#: The end user where a plan does not say who begins or receives, and the firm.
_CUSTOMER, _FIRM = "customer", "company"
_POINT, _ACTION = "plannedCommunicationPoint", "plannedAction"
#: What CJML has words for; the rest of a step is an extension.
_TOLD = ("step", "channel", "phase", "initiator", "recipient")


def write_cjml(plan: Plan, path: str | Path, /) -> None:
    """Write a plan as a planned journey of CJML that `read_cjml` reads back equal.

    Every step is a touchpoint, in the order in which the plan names them: a communication point
    where it has a channel or a recipient, else an action. Name, title, phases, actors and channels
    are CJML's own. What CJML cannot say is kept in elements of our namespace: choices, parts that
    go together, repeats, deadlines, promises, owners, propositions, and which touchpoints a step is
    seen as. Where a plan does not say who begins a step, the end user does, and the company is the
    other side of it; both are marked as assumed.

    Parameters
    ----------
    plan : Plan
    path : str or Path

    Raises
    ------
    DataError
        When a text has a character that XML cannot hold.
    StudyError
        When the file cannot be written.
    """
    root = Element("CJML", version="2.0")
    journey = add(root, "plannedJourney")
    add(journey, "journeyID", plan.name)
    if plan.title:
        add(journey, "journeyTitle", plan.title)
    phases = _numbered("P", (step.phase for step in plan.all_steps))
    if phases:
        inside = add(journey, "journeyPhases")
        for name, identifier in phases.items():
            add(add(inside, "journeyPhase", phaseID=identifier), "phaseName", name)
    actors = _actors(journey, plan)
    touchpoints = add(journey, "touchpoints")
    identifiers: dict[str, str] = {}
    for number, step in enumerate(plan.all_steps, start=1):
        identifiers[step.step] = f"T{number}"
        _touchpoint(touchpoints, step, f"T{number}", phases, actors)
    extension = add(journey, ours("plan"))
    fields(extension, plan, without=("name", "title"))
    structure(extension, plan.steps, identifiers)
    write_markup(root, Path(path))


def _numbered(letter: str, names: Any) -> dict[str, str]:
    """Give every name that is not empty an identifier, in order."""
    distinct = dict.fromkeys(name for name in names if name)
    return {name: f"{letter}{number}" for number, name in enumerate(distinct, start=1)}


def _actors(journey: Element, plan: Plan) -> dict[str, str]:
    """Write who takes part: the customer, who is the end user, the firm and those named."""
    named = [name for step in plan.all_steps for name in (step.initiator, step.recipient)]
    identifiers = _numbered("A", [_CUSTOMER, _FIRM, *named])
    actors = add(journey, "actors")
    for name, identifier in identifiers.items():
        if name == _CUSTOMER:
            add(add(actors, "endUser", actorID=identifier), "actorName", name)
        else:
            add(add(actors, "serviceProvider", actorID=identifier), "companyName", name)
    return identifiers


def _touchpoint(
    parent: Element, step: Step, identifier: str, phases: dict[str, str], actors: dict[str, str]
) -> None:
    is_point = bool(step.channel or step.recipient)
    made = add(parent, _POINT if is_point else _ACTION)
    add(made, "touchpointID", identifier)
    if step.phase:
        add(made, "belongsTo", phaseIDref=phases[step.phase])
    _side(made, "initiator", step.initiator, _CUSTOMER, step.step, actors)
    if is_point:
        other = _CUSTOMER if step.initiator not in ("", _CUSTOMER) else _FIRM
        _side(made, "receiver", step.recipient, other, step.step, actors)
        if step.channel:
            add(add(made, "channel"), "channelName", step.channel)
    fields(add(made, ours("step")), step, without=_TOLD)


def _side(
    touchpoint: Element, side: str, name: str, assumed: str, label: str, actors: dict[str, str]
) -> None:
    made = add(touchpoint, side)
    add(made, "refersTo", actorIDref=actors[name or assumed])
    add(made, f"{side}Label", label)
    if not name:
        made.set(ours("assumed"), "true")


def read_cjml(path: str | Path, /, *, journey: str | None = None) -> Plan:
    """Read a planned journey from a CJML file.

    A file that `write_cjml` wrote gives an equal plan. Any other is read as a plain sequence: every
    communication point and action is a step called as the initiator labels it (its identifier,
    where there is no label), and is seen at the touchpoint of that name; where a label comes again,
    the identifier is put behind the name of the step. Channels, phases and actors are taken over;
    the only end user is called ``customer``. What a plan has no room for (summaries, comments,
    durations, analyses) and actual journeys are not read.

    Parameters
    ----------
    path : str or Path
    journey : str, optional
        `journeyID` of the planned journey, where the file holds several.

    Raises
    ------
    DataError
        When the file is not well-formed XML or has a document type; when it is no CJML or has no
        planned journey with touchpoints; when several are there and none is named; when a
        touchpoint refers to what is not there; or when a journey that we wrote was changed
        elsewhere so that its touchpoints are no longer those that its structure puts together.
    MappingError
        When there is no journey of that name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "order.xml"
    >>> plan = Plan(name="order", steps=["visit", {"step": "pay", "channel": "web"}])
    >>> write_cjml(plan, path)
    >>> read_cjml(path) == plan
    True
    """
    file = Path(path)
    with not_too_deep(file):
        return _read(file, journey)


def _read(file: Path, journey: str | None) -> Plan:
    root = read_markup(file)
    if local(root) != "CJML":
        raise DataError(f"{file}: must be CJML; its outermost element is <{local(root)}>.")
    chosen = _chosen(file, root, journey)
    extension = next(iter(chosen.findall(ours("plan"))), None)
    steps = _steps(file, chosen, exact=extension is not None)
    content: dict[str, Any] = {
        "name": text_of(child(chosen, "journeyID"), exact=extension is not None) or file.stem,
        "title": text_of(child(chosen, "journeyTitle"), exact=extension is not None),
    }
    if extension is None:
        content["steps"] = list(steps.values())
    else:
        used: list[str] = []
        content |= given(extension) | {"steps": nodes_of(extension, steps, used)}
        _refuse_changed(file, list(steps), used)
    wrong = mistakes(content)
    if wrong:
        raise DataError("\n  ".join([f"{file}: is no plan:", *wrong]))
    return Plan.model_validate(content)


def _chosen(file: Path, root: Element, journey: str | None) -> Element:
    planned = list(children(root, "plannedJourney"))
    names = [text_of(child(one, "journeyID")) for one in planned]
    if not planned:
        raise DataError(f"{file}: has no <plannedJourney>; actual journeys are no plans.")
    if journey is not None:
        check_known("journey", [journey], names, what="planned journeys")
        return planned[names.index(journey)]
    if len(planned) > 1:
        raise DataError(
            f"{file}: has {len(planned)} planned journeys; name one of them with `journey`: "
            f"{', '.join(map(repr, names))}."
        )
    return planned[0]


def _steps(file: Path, journey: Element, *, exact: bool) -> dict[str, dict[str, Any]]:
    """Return what is said of each step, by the identifier of its touchpoint."""
    inside = child(journey, "touchpoints")
    points = [] if inside is None else list(children(inside, _POINT, _ACTION))
    if not points:
        raise DataError(f"{file}: its planned journey has no <{_POINT}> and no <{_ACTION}>.")
    identifiers = [text_of(child(one, "touchpointID")) for one in points]
    again = doubled(identifiers)
    if again:
        raise DataError(
            f"{file}: each touchpoint needs a <touchpointID> of its own; more than one has "
            f"{min(again)!r}."
        )
    labels = [text_of(_inside(one, "initiator", "initiatorLabel"), exact=exact) for one in points]
    repeated = set() if exact else doubled(labels)
    actors, phases = _people(journey, exact=exact), _phases(journey, exact=exact)
    found = {}
    for one, identifier, label in zip(points, identifiers, labels, strict=True):
        name = label or identifier
        step: dict[str, Any] = {"step": name}
        if label in repeated and label:
            step = {"step": f"{label} ({identifier})", "touchpoints": [label]}
        step["phase"] = _referred(file, child(one, "belongsTo"), "phaseIDref", phases)
        step["channel"] = text_of(_inside(one, "channel", "channelName"), exact=exact)
        for side, key in (("initiator", "initiator"), ("receiver", "recipient")):
            made = child(one, side)
            if made is not None and made.get(ours("assumed")) != "true":
                step[key] = _referred(file, child(made, "refersTo"), "actorIDref", actors)
        for extension in one.findall(ours("step")):
            step |= given(extension)
        found[identifier] = step
    return found


def _inside(element: Element, *names: str) -> Element | None:
    found: Element | None = element
    for name in names:
        found = None if found is None else child(found, name)
    return found


def _phases(journey: Element, *, exact: bool) -> dict[str, str]:
    inside = child(journey, "journeyPhases")
    if inside is None:
        return {}
    return {
        one.get("phaseID", "").strip(): text_of(child(one, "phaseName"), exact=exact)
        or one.get("phaseID", "").strip()
        for one in children(inside, "journeyPhase")
    }


def _people(journey: Element, *, exact: bool) -> dict[str, str]:
    inside = child(journey, "actors")
    if inside is None:
        return {}
    users = list(children(inside, "endUser"))
    found = {}
    for one in children(inside, "endUser", "serviceProvider"):
        # A later journey of a file refers to actors that an earlier one declared.
        identifier = (one.get("actorID") or one.get("actorIDref") or "").strip()
        named = child(one, "actorName" if local(one) == "endUser" else "companyName")
        found[identifier] = text_of(named, exact=exact) or identifier
        if users == [one]:
            found[identifier] = _CUSTOMER
    return found


def _referred(file: Path, element: Element | None, key: str, known: dict[str, str]) -> str:
    """Return the name behind a reference; the makers' example refers to actors by their names."""
    if element is None:
        return ""
    reference = element.get(key, "").strip()
    if reference in known:
        return known[reference]
    if reference in known.values() or not reference:
        return reference
    raise DataError(
        f"{file}: {key} {reference!r} refers to what is not there; there are: "
        f"{', '.join(map(repr, known)) or 'none'}."
    )


def _refuse_changed(file: Path, there: list[str], used: list[str]) -> None:
    """Refuse a structure that no longer fits the touchpoints."""
    added = [identifier for identifier in there if identifier not in used]
    gone = [identifier for identifier in used if identifier not in there]
    again = sorted(doubled(used))
    if added or gone or again:
        said = [
            f"{', '.join(names)} {verb}"
            for names, verb in (
                (added, "not in it"),
                (gone, "only in it"),
                (again, "in it more than once"),
            )
            if names
        ]
        raise DataError(
            f"{file}: was changed since journeykit wrote it, and its structure "
            f"(<journeykit:plan>) no longer fits its touchpoints: {'; '.join(said)}. Take that "
            "element out to read it as a plain sequence."
        )
