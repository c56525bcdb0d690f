from __future__ import annotations

import base64
import copy
import html
import json
import re
from urllib.parse import quote

import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError
from journeykit.report import figure, finding, table
from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.privacy.cleaning import (
    Identifiers,
    clean_notebook,
    pseudonym,
    redact,
    redact_comment,
    scan,
)
from tests.report.conftest import code, markdown, notebook, shown

NOBODY = Identifiers(pa.array([], type=pa.string()))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ann@shop.example", "[e-mail]"),
        ("write to ann.b+x@shop.co.uk.", "write to [e-mail]."),
        ("<ann@shop.example>, 'bob@shop.example'", "<[e-mail]>, '[e-mail]'"),
        ("o'neil@shop.example", "[e-mail]"),
        ('"ann b"@shop.example', "[e-mail]"),
        ("jürgen@müller.de", "[e-mail]"),
        ("用户@例子.广告", "[e-mail]"),
        ("ann＠shop.example", "[e-mail]"),
        ("ann@xn--mller-kva.de", "[e-mail]"),
        ("ann@[192.0.2.1]", "[e-mail]"),
        ('<a href="mailto:ann@shop.example?subject=x">', '<a href="mailto:[e-mail]?subject=x">'),
        ("?mail=ann%40shop.example&x=1", "?mail=[e-mail]&x=1"),
        ("?mail=ann%2540shop%252Eexample&x=1", "?mail=[e-mail]&x=1"),
        ("ann&#64;shop&period;example", "[e-mail]"),
        ("ann&commat;shop.example&gt;", "[e-mail]&gt;"),
        ("&lt;ann@shop.example&gt;", "&lt;[e-mail]&gt;"),
        (r'{"x": "j\u00fcrgen@m\u00fcller.de"}', '{"x": "[e-mail]"}'),
        (r'{"x": "\nann@shop.example\n"}', r'{"x": "\n[e-mail]\n"}'),
        (r'{"x": "\u003cann\u0040shop.example\u003e"}', r'{"x": "\u003c[e-mail]\u003e"}'),
        ("postgresql://ann:pw@db.example/x", "postgresql://ann:[e-mail]/x"),
    ],
)
def test_addresses_are_found_in_every_way_they_are_written(text: str, wanted: str) -> None:
    assert redact(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "3 @ 10.50", "3@10.5", "a @ b.co", "@ann", "ann@home", "logo@2x.png", "npm@10.2.4",
        "@media print{a.b{}}", "x &amp; y", "100%40", r"C:\new\table", "@pytest.fixture", "a@b",
        '{"text": "@shop.example"}',
    ],
)  # fmt: skip
def test_what_is_no_address_stays(text: str) -> None:
    assert redact(text) == text


PERSONAL = [
    ("ann@shop.example", "[e-mail]"),
    ("mail ann.b@shop.example today", "mail [e-mail] today"),
    ("+49 171 2345678", "[phone]"),
    ("+1-212-555-0123", "[phone]"),
    ("+44 (0)20 7946 0958", "[phone]"),
    ("0049 30 901820", "[phone]"),
    ("call 0171 2345678!", "call [phone]!"),
    ("030/901820-12", "[phone]"),
    ("(030) 90 18 20", "[phone]"),
    ("(212) 555-0123", "[phone]"),
    ("212-555-0123", "[phone]"),
    ("212.555.0123", "[phone]"),
    ("212 555 0123", "[phone]"),
    ("06 12 34 56 78", "[phone]"),
    ("612 345 678", "[phone]"),
    ("2017-03-04 0171 2345678", "2017-03-04 [phone]"),
    ("tel:+4930901820", "tel:[phone]"),
    ("DE89 3704 0044 0532 0130 00", "[account]"),
    ("DE89370400440532013000", "[account]"),
    ("iban de89 3704 0044 0532 0130 00 please", "iban [account] please"),
    ("GB82 WEST 1234 5698 7654 32", "[account]"),
    ("FR14 2004 1010 0505 0001 3M02 606", "[account]"),
    ("NL91ABNA0417164300.", "[account]."),
    ("4111 1111 1111 1111", "[card]"),
    ("4111111111111111", "[card]"),
    ("5500-0000-0000-0004", "[card]"),
    ("3782 822463 10005", "[card]"),
    ("6011000000000004", "[card]"),
    ("123456", "[number]"),
    ("customer 4711081", "customer [number]"),
    ("order no.20170304", "order no.[number]"),
    ("K4711081", "K[number]"),
    ("4111 1111 1111 1112", "4111 1111 1111 1112"),
    ("4111-1111-1111-1112", "[number]"),
    ("123-45-6789", "[number]"),
    ("192.168.100.200", "[number]"),
    ("@ann_b", "[handle]"),
    ("thanks @shop.help, great", "thanks [handle], great"),
    ("(@a1)", "([handle])"),
    ("https://shop.example/a?user=ann", "[link]"),
    ("see www.shop.example/?id=7.", "see [link]."),
    ("http://shop.example/#ann", "[link]"),
    ("https://ann@shop.example/", "[link]"),
    ("HTTPS://SHOP.EXAMPLE/A?B=C", "[link]"),
    ("https://shop.example/u/4711081", "https://shop.example/u/[number]"),
    ("ann@shop.example or 0171 2345678", "[e-mail] or [phone]"),
]
NO_LUHN = "4111 1111 1111 1112"
INNOCENT = [
    "paid 12,345.00 on 2017-03-04, order of 3 items",
    "paid 1.234.567,89 in 2017",
    "paid 12 345 678 euros",
    "1,234,567 visits",
    "1'234'567 visits",
    "04.03.2017",
    "04/03/2017 and 3/4/17",
    "2017-03-04 12:30:00",
    "2017-03-04T12:30:00.123456",
    "between 2016-2017 and 2018/2019",
    "2016/2017/2018",
    "0.12345678 of them",
    "version 2.3.10",
    "open 09:30-18:00",
    "sizes 38 39 40 41 42 43",
    "rated 10/10, 5 of 5",
    "room 12345",
    "24/7 support, 99.99 %",
    "3 @ 5.00",
    "page https://shop.example/help",
    "ISO 9001:2015",
    "0 out of 10",
    "3.141592653589793",
    "lost -12.5 and +15.25",
    NO_LUHN,
]


@pytest.mark.parametrize(("text", "wanted"), PERSONAL)
def test_comments(text: str, wanted: str) -> None:
    assert redact_comment(text) == wanted


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_comments_stay(text: str) -> None:
    assert redact_comment(text) == text


@given(st.text("ab1 @.%40&#;\\u0+-/:?=(){}é\"'", max_size=40))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    for change in (redact, redact_comment):
        assert change(change(text)) == change(text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_an_address_never_stays(before: str, after: str) -> None:
    text = f"{before} ann@shop.example {after}"
    for encode in (str, json.dumps, html.escape, quote, lambda t: html.escape(json.dumps(t))):
        assert "shop.example" not in redact(encode(text))
        assert "shop.example" not in redact_comment(encode(text))


KEY = bytes(range(32))


def test_pseudonyms_worked_apart() -> None:
    # printf 7 | openssl dgst -sha256 -mac hmac -macopt hexkey:000102...1f, its first 50 bits
    import hashlib
    import hmac

    digest = int.from_bytes(hmac.digest(KEY, b"7", hashlib.sha256), "big") >> (256 - 50)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    wanted = "".join(letters[digest >> (5 * (9 - at)) & 31] for at in range(10))
    assert pseudonym(["7", 7, "8"], key=KEY)[:2] == [wanted, wanted]


def test_pseudonyms_hang_on_the_key() -> None:
    one, other = (pseudonym(range(1000), key=key) for key in (KEY, KEY[::-1]))
    assert len({*one, *other}) == 2000
    assert all(re.fullmatch("[A-Z2-7]{10}", name) for name in one)


def test_a_key_that_can_be_found_is_refused() -> None:
    with pytest.raises(ArgumentError, match="`key` must have at least 16 bytes.*; got 5."):
        pseudonym(["7"], key=b"short")


IDS = [
    "C-10023", "C-10024", "ann.miller", "1048577.3344", "10234567", "qXbzWkPd", "Ann Miller",
    "550e8400-e29b-41d4-a716-446655440000", "ann@shop", "müller77", "O'Neil-77", "<x>K1234</x>",
    # Not distinctive: words, years, counts, short ones.
    "campaign", "2017", "1234567", "Q1", "42", "CUSTOMER", "a-b", "12-34", "", "--",
]  # fmt: skip
CUSTOMERS = Identifiers(pa.array([*IDS, None]), names=["buy", "mail C-10024"])


def test_which_ids_are_looked_for() -> None:
    # 12 that are distinctive less the one in a known name.
    assert (CUSTOMERS.n, CUSTOMERS.n_sought) == (23, 11)
    assert repr(CUSTOMERS) == "<23 customer ids, 11 of them looked for>"
    text = " , ".join(IDS)
    assert CUSTOMERS.found_in(text) == {
        *IDS[:1], *IDS[2:11], "x>K1234</x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("of C-10023.", "of [customer]."),
        ("id=C-10023&x", "id=[customer]&x"),
        ("id_C-10023_x", "id_[customer]_x"),
        ("C-10023,C-10023", "[customer],[customer]"),
        ("XC-10023", "XC-10023"),
        ("C-100234", "C-100234"),
        ("c-10023", "c-10023"),
        ("mail C-10024", "mail C-10024"),
        ("12,10234567,5", "12,[customer],5"),
        ("0.10234567", "0.10234567"),
        ("10234567.5", "10234567.5"),
        ("10234567.", "[customer]."),
        ("10,234,567", "10,234,567"),
        ("visitor 1048577.3344 left", "visitor [customer] left"),
        ("Ann Miller, ann.miller", "[customer], [customer]"),
        ("ann.miller@shop.example", "[customer]@shop.example"),
        ("m&uuml;ller77", "[customer]"),
        (r"m\u00fcller77", "[customer]"),
        ("m%C3%BCller77", "[customer]"),
        ("O&#x27;Neil-77", "[customer]"),
        (r"\nC-10023\n", r"\n[customer]\n"),
        ("", ""),
    ],
)
def test_ids_in_text(text: str, wanted: str) -> None:
    assert CUSTOMERS.redacted(text) == wanted


def test_a_number_with_an_exponent_is_no_id() -> None:
    hexadecimal = Identifiers(pa.array(["4741061e"]))
    assert hexadecimal.redacted("1.4741061e-05 4741061e") == "1.4741061e-05 [customer]"


def test_a_colour_is_no_id() -> None:
    colours = Identifiers(pa.array(["333b43"]))
    for text in ("color:#333b43;", 'fill="#333b43"', "stroke: #333b43"):
        assert colours.redacted(text) == text
    assert colours.redacted("customer #333b43") == "customer #[customer]"


def test_numbers_and_dictionaries_are_ids_too() -> None:
    assert Identifiers(pa.array([10234567, 3])).found_in("10234567 and 3") == {"10234567"}
    coded = pa.chunked_array([pa.array(["C-10023"]).dictionary_encode()])
    assert Identifiers(coded).found_in("C-10023") == {"C-10023"}


def test_nobody_is_in_nothing() -> None:
    assert NOBODY.redacted("C-10023") == "C-10023"
    assert NOBODY.found_in("C-10023") == set()
    assert CUSTOMERS.found_in("") == set()


@given(st.lists(st.from_regex(r"[A-Z]{1,3}[0-9]{4,9}", fullmatch=True), min_size=1, max_size=20))
def test_every_id_is_found_among_others(ids: list[str]) -> None:
    known = Identifiers(pa.array(ids))
    assert known.n_sought == len({*ids})
    assert known.found_in(" ".join(ids)) == {*ids}
    assert known.redacted("|".join(ids)) == "|".join(["[customer]"] * len(ids))


@given(st.text("C-10234n.\\&#;%é ", max_size=40))
def test_ids_twice_is_once(text: str) -> None:
    once = CUSTOMERS.redacted(text)
    assert CUSTOMERS.redacted(once) == once
    assert not CUSTOMERS.found_in(once)


WORDS = """
    Paths 2017 Q1 Q2 2017-W09 week12 18-24 75-99K 65+ utf8 sha256 base64 top10 95% 1st 2nd B2B 3D
    12:30 2017-03-04 20170304 4,711 10,234,568 0.10234567 p<0.05 n=2,469 #1f77b4 conf_low
    Touchpoint Campaign customer_id events.parquet results.json self-service JupyterLab DataFrame
"""


def test_words_of_a_page_are_no_ids() -> None:
    """Ids as they are numbered in practice, 1.2 million of them, against words of pages."""
    rng = np.random.default_rng(5)
    numbers = [
        pa.array(np.arange(1, 400_001)),
        pa.array(rng.integers(10_000_000, 100_000_000, 300_000)),
        pa.array([f"C{n:07d}" for n in rng.integers(0, 10_000_000, 300_000)]),
        pa.array([f"{n:06x}" for n in rng.integers(0, 2**24, 200_000)]),
    ]
    for ids in numbers:
        assert Identifiers(ids).found_in(WORDS.replace("20170304", "")) == set()


def test_a_page_is_scanned_through_its_escapes() -> None:
    svg = base64.b64encode(b"<svg><!-- C-10023 --></svg>").decode()
    # Random letters in which an id stands by chance.
    noise = "A" * 150 + "+K1234+" + "B" * 150
    page = f'<img src="data:image/png;base64,{noise}"><img src="data:image/svg+xml;base64,{svg}">'
    assert scan(page, CUSTOMERS) == ["C-10023"]
    written = json.dumps(
        {"a": html.escape("<m\u00fcller77> O'Neil-77"), "b": "bob&#64;shop.example"}
    )
    assert scan(written, CUSTOMERS) == ["O'Neil-77", "bob@shop.example", "müller77"]
    assert scan("n;id\n1;10234567\n", CUSTOMERS) == ["10234567"]
    assert scan("<p>2,469 households, 0.10234567</p>", CUSTOMERS) == []


def cleaned(book: object, **more: object) -> object:
    given_book = copy.deepcopy(book)
    wanted = {"identifiers": CUSTOMERS, "secrets": ["hunter22"], "customer_columns": ["who"]}
    made = clean_notebook(book, **{**wanted, **more})
    assert book == given_book
    assert made == clean_notebook(book, **{**wanted, **more})
    nbformat.validate(made)
    return made


def outputs_of(*outputs: object) -> list[dict[str, object]]:
    return cleaned(notebook(code("1", *outputs)))["cells"][0]["outputs"]


DIRTY = "C-10023 bob@shop.example hunter22"
CLEAN = "[customer] [e-mail] [secret]"
output = nbformat.v4.new_output


def test_sources_lose_secrets_only() -> None:
    book = notebook(markdown(f"# {DIRTY}"), code(f"x = '{DIRTY}'"))
    book.metadata["papermill"] = {"parameters": {"password": "hunter22"}, "hunter22": 1}
    made = cleaned(book)
    assert [cell["source"] for cell in made["cells"]] == [
        "# C-10023 bob@shop.example [secret]",
        "x = 'C-10023 bob@shop.example [secret]'",
    ]
    assert made["metadata"]["papermill"] == {"parameters": {"password": "[secret]"}, "hunter22": 1}
    assert isinstance(made, nbformat.NotebookNode)


def test_printed_text_and_errors() -> None:
    stream, error = outputs_of(
        output("stream", name="stdout", text=DIRTY),
        output("error", ename="ValueError", evalue=DIRTY, traceback=[DIRTY, "File x"]),
    )
    assert stream["text"] == CLEAN
    assert error["evalue"] == CLEAN
    assert error["traceback"] == [CLEAN, "File x"]


def test_html_keeps_its_pictures() -> None:
    png = base64.b64encode(bytes(range(256)) * 4).decode()
    svg = base64.b64encode(b"<svg><title>C-10023</title></svg>").decode()
    markup = (
        f'<p title="C-10023">{html.escape(DIRTY)}</p><img src="data:image/png;base64,{png}">'
        f'<img src="data:image/svg+xml;base64,{svg}" alt="K1">'
    )
    [made] = outputs_of(shown({"text/html": markup, "text/plain": DIRTY, "image/png": png}))
    drawn = base64.b64encode(b"<svg><title>[customer]</title></svg>").decode()
    assert made["data"] == {
        "text/html": f'<p title="[customer]">{CLEAN}</p><img src="data:image/png;base64,{png}">'
        f'<img src="data:image/svg+xml;base64,{drawn}" alt="K1">',
        "text/plain": CLEAN,
        "image/png": png,
    }


def test_json_keeps_its_structure() -> None:
    tree = {"C-10023": [1, 10234567, None, {"hunter22": DIRTY}], "n": 3.5}
    [made] = outputs_of(shown({"application/json": tree}, alt=DIRTY))
    assert made["data"]["application/json"] == {
        "[customer]": [1, 10234567, None, {"[secret]": CLEAN}],
        "n": 3.5,
    }
    assert made["metadata"] == {"alt": CLEAN}


def bundle_of(value: object) -> object:
    return shown(json.loads(json.dumps(value._repr_mimebundle_())))


def test_findings() -> None:
    [made] = outputs_of(bundle_of(finding(DIRTY, basis="hunter22")))
    content = made["data"][CONTRACT_MIME]
    assert (content["kind"], content["text"], content["basis"]) == ("finding", CLEAN, "[secret]")


def test_keys_of_the_contract_are_no_text() -> None:
    value = finding("text", basis="basis")
    book = notebook(code("1", bundle_of(value)))
    made = cleaned(book, secrets=["text", "kind", "finding"])
    content = made["cells"][0]["outputs"][0]["data"][CONTRACT_MIME]
    assert (content["kind"], content["text"]) == ("finding", "[secret]")


def test_tables_lose_the_columns_of_customers() -> None:
    frame = pd.DataFrame(
        {
            "path": ["C-10023 > buy", "web"],
            "who": [17, 18],
            "conf_low": [0.1, 0.2],
            "conf_high": [0.3, 0.4],
            "n": [10234567, 3],
        }
    )
    [made] = outputs_of(bundle_of(table(frame, key="paths", caption="By bob@shop.example.")))
    content = made["data"][CONTRACT_MIME]
    assert content["columns"] == ["path", "conf_low", "conf_high", "n"]
    assert content["rows"] == [["[customer] > buy", 0.1, 0.3, 10234567], ["web", 0.2, 0.4, 3]]
    assert content["labels"] == ["Path", "95% interval", "Number"]
    assert content["is_number"] == [False, True, True]
    assert [row[1] for row in content["cells"]] == ["0.1 to 0.3", "0.2 to 0.4"]
    assert content["left_out"] == ["who"]
    assert content["caption"] == "By [e-mail]."
    assert content["key"] == "paths"
    assert made["data"]["text/plain"] == "[a table with customers]"
    assert "text/html" not in made["data"]


def test_a_table_without_customers_keeps_all() -> None:
    value = bundle_of(table(pd.DataFrame({"n": [3]}), key="n", caption="N."))
    [made] = outputs_of(value)
    assert made == value


def test_a_table_whose_page_is_not_known_shows_no_cells() -> None:
    value = bundle_of(table(pd.DataFrame({"who": [17], "n": [3]}), key="n", caption="N."))
    value["data"][CONTRACT_MIME]["labels"].append("More")
    content = outputs_of(value)[0]["data"][CONTRACT_MIME]
    assert (content["labels"], content["cells"]) == ([], [[]])
    assert content["rows"] == [[3]]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"who": [17, 18], "n": [3, 4]}),
        pd.DataFrame({"who": [17, 18], "n": [3, 4]}).set_index("who"),
        pd.DataFrame({"who": [17, 17], "x": [5, 5], "n": [3, 4]}).set_index(["who", "x"]),
    ],
)
def test_frames_in_html_hide_their_customers(frame: pd.DataFrame) -> None:
    data = {"text/html": frame.to_html(), "text/plain": frame.to_string()}
    [made] = outputs_of(shown(data))
    markup = made["data"]["text/html"]
    assert re.findall(r"<t[hd][^>]*>(1[78])<", frame.to_html())
    assert not re.findall(r"<t[hd][^>]*>(1[78])<", markup)
    assert ">[customer]</t" in markup
    assert ">who</th>" in markup
    assert made["data"]["text/plain"] == "[a table with customers]"


def test_other_cells_of_the_frame_stay() -> None:
    frame = pd.DataFrame({"who": [17, 18], "n": [3, 4]})
    [made] = outputs_of(shown({"text/html": frame.to_html()}))
    shown_cells = re.findall(r"<td>(.*?)</td>", made["data"]["text/html"])
    assert shown_cells == ["[customer]", "3", "[customer]", "4"]


def test_words_drawn_as_shapes_go_with_their_comment() -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    axes.bar(["C-10023", "web"], [1, 2])
    drawn = figure(axes, alt="Of C-10023.", caption="C-10023 leads.")
    [made] = outputs_of(bundle_of(drawn))
    svg = made["data"]["image/svg+xml"]
    assert made["data"][CONTRACT_MIME] == {
        "kind": "figure", "alt": "Of [customer].", "caption": "[customer] leads.",
    }  # fmt: skip
    assert "<!-- [customer] -->" in svg
    assert "<!-- web -->" in svg
    before, after = (text.count("<use ") for text in (drawn.svg, svg))
    # Seven signs of the id are drawn no more; all others are.
    assert before - after == 7
    assert scan(svg, CUSTOMERS) == []
    from xml.etree import ElementTree

    ElementTree.fromstring(svg)


def test_a_drawing_without_customers_is_left_alone() -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    axes.plot([0.1, 10234567], [1, 2])
    drawn = figure(axes, alt="A line.", caption="It rises.")
    [made] = outputs_of(bundle_of(drawn))
    assert made["data"]["image/svg+xml"] == drawn.svg


def test_a_notebook_from_disk_keeps_text_as_lines() -> None:
    book = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "id": "a",
                "metadata": {},
                "execution_count": 1,
                "source": ["x = 'hun", "ter22'"],
                "outputs": [
                    {"output_type": "stream", "name": "stdout", "text": ["C-10", "023\n", "x"]}
                ],
            }
        ],
    }
    made = clean_notebook(book, identifiers=CUSTOMERS, secrets=["hunter22"], customer_columns=[])
    assert made["cells"][0]["source"] == "x = '[secret]'"
    assert made["cells"][0]["outputs"][0]["text"] == "[customer]\nx"


@given(
    st.recursive(
        st.text("C-10023 @.bshopexample", max_size=30) | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
    st.text("C-10023 bob@shop.example<&>", max_size=40),
)
def test_what_comes_back_is_clean(tree: object, text: str) -> None:
    book = notebook(code("1", shown({"application/json": tree, "text/plain": text})))
    made = clean_notebook(book, identifiers=CUSTOMERS, secrets=[], customer_columns=[])
    assert scan(json.dumps(made["cells"][0]["outputs"]), CUSTOMERS) == []
