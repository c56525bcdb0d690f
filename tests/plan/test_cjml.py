from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings

from journeykit.errors import DataError, MappingError
from journeykit.plan import Plan, read_cjml, write_cjml
from tests.plan.plans import plans

#: In the shape of the example that the makers of the language publish.
FOREIGN = """<?xml version="1.0"?>
<CJML version="2.0">
  <plannedJourney>
    <journeyID>PJ1</journeyID><journeyTitle>Buy a book</journeyTitle>
    <journeyPhases><journeyPhase phaseID="P1"><phaseName>Before</phaseName></journeyPhase>
    </journeyPhases>
    <actors>
      <endUser actorID="Carl"><actorName>Carl</actorName></endUser>
      <serviceProvider actorID="Company A"><companyName>Bookis</companyName></serviceProvider>
    </actors>
    <touchpoints>
      <plannedAction><touchpointID>TP0</touchpointID><belongsTo phaseIDref="P1"/>
        <initiator><refersTo actorIDref="Carl"/><initiatorLabel>Looks</initiatorLabel></initiator>
      </plannedAction>
      <plannedCommunicationPoint><touchpointID>TP1</touchpointID>
        <initiator><refersTo actorIDref="Carl"/>
          <initiatorLabel> Creates account </initiatorLabel></initiator>
        <receiver><refersTo actorIDref="Bookis"/><receiverLabel>Done</receiverLabel></receiver>
        <channel><channelName>Web</channelName></channel>
      </plannedCommunicationPoint>
      <plannedAction><touchpointID>TP2</touchpointID>
        <initiator><refersTo actorIDref="Carl"/><initiatorLabel>Looks</initiatorLabel></initiator>
      </plannedAction>
      <plannedAction><touchpointID>TP3</touchpointID>
        <initiator><refersTo actorIDref="Carl"/></initiator></plannedAction>
    </touchpoints>
  </plannedJourney>
  <actualJourney><journeyID>AJ1</journeyID></actualJourney>
</CJML>
"""


def read(tmp_path: Path, text: str, **options: str) -> Plan:
    path = tmp_path / "journey.xml"
    path.write_text(text, encoding="utf-8")
    return read_cjml(path, **options)


@given(plan=plans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read_back_equal(tmp_path: Path, plan: Plan) -> None:
    write_cjml(plan, tmp_path / "plan.xml")
    assert read_cjml(tmp_path / "plan.xml") == plan


def test_files_of_others_are_plain_sequences(tmp_path: Path) -> None:
    plan = read(tmp_path, FOREIGN)
    assert (plan.name, plan.title) == ("PJ1", "Buy a book")
    assert [step.step for step in plan.steps] == [
        "Looks (TP0)", "Creates account", "Looks (TP2)", "TP3",
    ]  # fmt: skip
    first, point, again, _ = plan.steps
    assert first.touchpoints == again.touchpoints == ("Looks",)
    assert (first.phase, first.initiator) == ("Before", "customer")
    assert (point.channel, point.recipient, point.touchpoints) == ("Web", "Bookis", ())
    write_cjml(plan, tmp_path / "again.xml")
    assert read_cjml(tmp_path / "again.xml") == plan


def test_our_files_without_the_extension_are_the_sequence(tmp_path: Path) -> None:
    steps = ["a", {"choice": ["b", {"step": "c", "channel": "web", "within_days": 3}]}]
    write_cjml(Plan(name="x", steps=steps), tmp_path / "plan.xml")
    tree = ElementTree.parse(tmp_path / "plan.xml")
    for element in list(tree.iter()):
        for inner in list(element):
            if "journeykit" in inner.tag:
                element.remove(inner)
    tree.write(tmp_path / "plain.xml")
    plain = read_cjml(tmp_path / "plain.xml")
    assert [step.step for step in plain.steps] == ["a", "b", "c"]
    assert plain.steps[2].channel == "web"
    assert plain.steps[2].within_days is None


def test_elements_are_those_of_the_language(tmp_path: Path) -> None:
    steps = ["a", {"step": "b", "channel": "web", "phase": "before", "initiator": "shop"}]
    write_cjml(Plan(name="x", title="t", steps=steps), tmp_path / "plan.xml")
    tags = {element.tag for element in ElementTree.parse(tmp_path / "plan.xml").iter()}
    assert {tag for tag in tags if not tag.startswith("{urn:journeykit")} == {
        "CJML", "plannedJourney", "journeyID", "journeyTitle", "journeyPhases", "journeyPhase",
        "phaseName", "actors", "endUser", "actorName", "serviceProvider", "companyName",
        "touchpoints", "plannedAction", "plannedCommunicationPoint", "touchpointID", "belongsTo",
        "initiator", "initiatorLabel", "receiver", "receiverLabel", "refersTo", "channel",
        "channelName",
    }  # fmt: skip


def test_of_several_journeys_one_is_named(tmp_path: Path) -> None:
    one = FOREIGN[FOREIGN.index("<plannedJourney>") : FOREIGN.index("<actualJourney>")]
    both = f'<CJML version="2.0">{one}{one.replace("PJ1", "PJ2")}</CJML>'
    assert read(tmp_path, both, journey="PJ2").name == "PJ2"
    with pytest.raises(DataError, match="has 2 planned journeys; name one of them .* 'PJ1', 'PJ2'"):
        read(tmp_path, both)
    with pytest.raises(MappingError, match=r"'PJ3'. Did you mean"):
        read(tmp_path, both, journey="PJ3")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><CJML>&b;</CJML>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "has a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><CJML/>', "has a document type"),
        ("<CJML>", "is not well-formed XML"),
        ("<CJML>&other;</CJML>", "is not well-formed XML"),
        ('<?xml version="1.0" encoding="nonsense"?><CJML/>', "is not"),
        ("<html/>", "must be CJML; its outermost element is <html>"),
        ("<CJML><actualJourney/></CJML>", "has no <plannedJourney>; actual journeys are no plans"),
        ("<CJML><plannedJourney/></CJML>", "has no <plannedCommunicationPoint>"),
        (FOREIGN.replace("TP2", "TP1"), "more than one has 'TP1'"),
        (FOREIGN.replace('Ref="Carl"', 'Ref="Eva"').replace('IDref="Carl"', 'IDref="Eva"'),
         "actorIDref 'Eva' refers to what is not there; there are: 'Carl', 'Company A'"),
        (FOREIGN.replace('phaseIDref="P1"', 'phaseIDref="P2"'), "phaseIDref 'P2' refers to"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, text)
    assert said in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "journey.xml"))


def test_a_journey_changed_elsewhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.xml"
    write_cjml(Plan(name="x", steps=["a", {"choice": ["b", "c"]}]), path)
    text = path.read_text()
    begin = text.index("<plannedAction>\n        <touchpointID>T2")
    end = text.index("</plannedAction>", begin) + len("</plannedAction>")
    path.write_text(text[:begin] + text[begin:end].replace("T2", "T9") + text[end:])
    with pytest.raises(DataError, match="changed since .*: T9 not in it; T2 only in it. Take that"):
        read_cjml(path)
    path.write_text(text.replace('ref="T3"', 'ref="T2"'))
    with pytest.raises(DataError, match="T3 not in it; T2 in it more than once"):
        read_cjml(path)


def test_mistakes_in_the_extension_are_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.xml"
    write_cjml(Plan(name="x", steps=["a", {"step": "b", "within_days": 3}]), path)
    path.write_text(path.read_text().replace('within_days="3.0"', 'within_days="soon"'))
    with pytest.raises(DataError, match="`steps.1.within_days` must be a number; got 'soon'"):
        read_cjml(path)


def test_texts_are_escaped_and_what_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.xml"
    plan = Plan(name="<script>", steps=["</x>&\"'", "]]>"], owner="<!--")
    write_cjml(plan, path)
    assert "<script>" not in path.read_text()
    assert read_cjml(path) == plan
    with pytest.raises(DataError, match=r"no character U\+0000; it is in 'a\\x00'"):
        write_cjml(Plan(name="x", steps=["a\0"]), path)
    with pytest.raises(DataError, match=r"no character U\+000D"):
        write_cjml(Plan(name="x", steps=["a\r"]), path)
    assert read_cjml(path) == plan


def test_structures_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.xml"
    write_cjml(Plan(name="x", steps=["a"]), path)
    begin, end = "<journeykit:in_order>" * 3000, "</journeykit:in_order>" * 3000
    step = '<journeykit:step ref="T1" />'
    path.write_text(path.read_text().replace(step, f"{begin}{step}{end}"))
    with pytest.raises(DataError, match="nested (too deeply|deeper than 50)"):
        read_cjml(path)
