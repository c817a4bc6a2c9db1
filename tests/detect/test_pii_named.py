"""Tables of what words and forms give away, rule by rule, without a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest

from rag_service.detect.dates_and_ages import find_ages, find_dates, is_date
from rag_service.detect.hosts import find_links
from rag_service.detect.organizations import find_organizations
from rag_service.detect.person_cues import find_cued_names, find_titles
from rag_service.detect.phones import find_phones
from rag_service.detect.places import find_peoples, find_places
from rag_service.detect.settle import layered
from rag_service.detect.street_addresses import find_postal_codes, find_streets
from rag_service.detect.towns import find_towns
from rag_service.domain.document import Finding

Find = Callable[[str], Iterable[Finding]]
FINDERS: tuple[Find, ...] = (
    find_ages, find_dates, find_links, find_organizations, find_cued_names, find_titles, find_peoples, find_places,
    find_postal_codes, find_streets, find_phones, find_towns,
)  # fmt: skip
HITS: list[tuple[Find, str, list[str]]] = [
    (find_streets, "Deliver to 12 North High Street, Apt 4 please", ["12 North High Street, Apt 4"]),
    (find_streets, "Flat 3, 7 Mill Lane", ["Flat 3, 7 Mill Lane"]),
    (find_streets, "wohnt Hauptstraße 12a im Hof", ["Hauptstraße 12a"]),
    (find_streets, "Berliner Straße 5", ["Berliner Straße 5"]),
    (find_streets, "12, rue de la Paix", ["12, rue de la Paix"]),
    (find_streets, "en Calle Mayor 5, en Via Roma, 12", ["Calle Mayor 5", "Via Roma, 12"]),
    (find_streets, "Kerkstraat 5", ["Kerkstraat 5"]),
    (find_streets, "P.O. Box 77 or Postfach 1234", ["P.O. Box 77", "Postfach 1234"]),
    (find_postal_codes, "Springfield, IL 62704", ["62704"]),
    (find_postal_codes, "at SW1A 1AA, or K1A 0B1", ["SW1A 1AA", "K1A 0B1"]),
    (find_postal_codes, "my zip code is 62704", ["62704"]),
    (find_dates, "on 3 May 2021, 2021-05-03 and May 3rd", ["3 May 2021", "2021-05-03", "May 3rd"]),
    (find_dates, "at 14:30 or 5 pm", ["14:30", "5 pm"]),
    (find_ages, "aged 52, a 6-year-old, 34 yo; I am 44.", ["6", "34", "52", "44"]),
    (find_links, "see https://a.example/x?y=1. Or shop.example.com!", ["https://a.example/x?y=1", "shop.example.com"]),
    (find_titles, "Dr. Lovelace and Mrs Hopper", ["Dr.", "Mrs"]),
    (find_cued_names, "my name is Grace Hopper", ["Grace Hopper"]),
    (find_cued_names, "Dear Grace,\nthank you.\n\nBest regards,\nAda Lovelace", ["Grace", "Ada Lovelace"]),
    (find_cued_names, "Patient: Ada Lovelace\nAge: 36", ["Ada Lovelace"]),
    (find_organizations, "Bauer & Fink GmbH sued Kestrel Systems Inc.", ["Bauer & Fink GmbH", "Kestrel Systems Inc"]),
    (find_organizations, "University of Leeds, Miller and Sons", ["Miller and Sons", "University of Leeds"]),
    (find_organizations, "Ann works for Corvane, and has a contract with Blue Heron", ["Corvane", "Blue Heron"]),
    (find_organizations, "Is Corvane a.s. hiring? Ask Customer Relations, Heron Ltd", ["Corvane a.s", "Heron Ltd"]),
    (find_organizations, "shares of Corvane fell; Heron shareholders left", ["Corvane", "Heron"]),
    (find_organizations, "a letter from Siemens to the Ministry of Arts", ["Siemens", "Ministry of Arts"]),
    (find_streets, "Kossuth utca 135, ulica Prosta 4", ["ulica Prosta 4", "Kossuth utca 135"]),
    (find_streets, "near Studio 80, Morris Mountain", ["Studio 80, Morris Mountain"]),
    (find_dates, "on 04-Feb-2002, this morning", ["04-Feb-2002", "this morning"]),
    (find_ages, "my son is 26, and Ann Lee (60), a baker", ["26", "60"]),
    (find_towns, "born in Valladolid, by train to Leeds", ["Valladolid", "Leeds"]),
    (find_towns, "she lives in Obernwald near Fort Ernest", ["Obernwald", "Fort Ernest"]),
    (find_towns, "Ann;Karlovac;12", ["Karlovac"]),
    (find_phones, "call me at 908 9 677", ["908 9 677"]),
    (find_phones, "+90(202)8114508 x12", ["+90(202)8114508 x12"]),
    (find_phones, "notre bureau, 04 78 00 00 00, ou 04.78.00.00.01", ["04 78 00 00 00", "04.78.00.00.01"]),
    (find_phones, "llámenos al 963 123 456. Sie erreichen uns unter 0351 440 0212",
     ["963 123 456", "0351 440 0212"]),
    (find_places, "from New Zealand to Texas", ["New Zealand", "Texas"]),
    (find_peoples, "a Kenyan writer among Catholics", ["Kenyan", "Catholics"]),
]  # fmt: skip
NEAR_MISSES: list[tuple[Find, str]] = [
    (find_streets, "5 minutes down the road, and 3 of the Students"),
    (find_streets, "Section 4 Street lights"),
    (find_postal_codes, "The pump costs 62704 dollars"),
    (find_dates, "It may take 10 days; see chapter 3.4 and 1/2 cup"),
    (find_dates, "version 10.12.2 at 192.168.10.12"),
    (find_ages, "The 12 pumps are 34 metres long. I am 100% sure."),
    (find_links, "Open read.me.first or main.py, e.g. today.It works"),
    (find_titles, "Sir, yes. A miss is a miss."),
    (find_cued_names, "Dear Customer,\nDear Sir or Madam,\nHi all,\nthis is Important"[:40]),
    (find_organizations, "We bought As many As we could."),
    (find_organizations, "The board of Directors works at Berlin. Employees of France."),
    (find_organizations, "Summer & Fall"),
    (find_streets, "Spring 2025, Engineering 101, put 5 in"),
    (find_ages, "Table Two (36) shows; the wait is 26 minutes; my daughter is 5 feet tall"),
    (find_towns, "Reading is nice. Best, Ann. The report in English; see the table in Section 4."),
    (find_phones, "call 2024-05-06, order 9089677, text 12.05.2024, 1+1234567"),
    (find_peoples, "the Czech Republic and French Guiana"),
    (find_places, "a turkey in the oven, made of china"),
    (find_peoples, "polish the floor"),
]


@pytest.mark.parametrize(("find", "text", "values"), HITS)
def test_what_words_or_forms_give_away_is_found_whole(find: Find, text: str, values: list[str]) -> None:
    assert [text[found.start : found.end] for found in find(text)] == values


@pytest.mark.parametrize(("find", "text"), NEAR_MISSES)
def test_what_only_looks_alike_is_left(find: Find, text: str) -> None:
    assert [text[found.start : found.end] for found in find(text)] == []


@pytest.mark.parametrize(
    ("value", "says_when"), [("May 2020", True), ("last summer", True), ("ten days", False), ("12", False)]
)
def test_a_duration_is_no_date(value: str, says_when: bool) -> None:
    assert is_date(value) is says_when


def test_an_address_is_one_finding_with_its_town_and_code() -> None:
    text = "to 5 Elm St, Springfield, IL 62704 today"
    parts = [Finding("street_address", 3, 11), Finding("location", 13, 24), Finding("postal_code", 29, 34)]
    assert [text[one.start : one.end] for one in layered(text, [], parts)] == ["5 Elm St, Springfield, IL 62704"]


def test_an_address_goes_on_with_its_flat_and_with_the_town_after_its_code() -> None:
    text = "to 5 Roberts Neck Apt. 72, Leeds and to Elmvej 4 8848 Obersee am Inn, then home"
    parts = [Finding("street_address", 3, 17), Finding("location", 27, 32), Finding("street_address", 40, 53)]
    assert [text[one.start : one.end] for one in layered(text, [], parts)] == [
        "5 Roberts Neck Apt. 72, Leeds", "Elmvej 4 8848 Obersee am Inn",
    ]  # fmt: skip


def test_no_character_that_was_found_is_left_out_where_findings_overlap() -> None:
    text = "abcdefghij"
    found = [Finding("person", 0, 6, 0.6), Finding("location", 4, 8, 0.9), Finding("organization", 7, 10, 0.5)]
    settled = layered(text, [], found)
    assert [(one.kind, one.start, one.end) for one in settled] == [
        ("person", 0, 4), ("location", 4, 8), ("organization", 8, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("find", FINDERS)
def test_time_grows_no_faster_than_the_text(find: Find) -> None:
    def seconds(length: int) -> float:
        started = time.process_time()
        for unit in ("a@", "A", "Aa ", "1 A A A ", "straße 1 ", "a.", "12-", "5 May ", "Dear A"):
            list(find(unit * (length // len(unit))))
        return time.process_time() - started

    # Quadratic time would give 64; the bound only has to tell the two apart on a busy machine.
    assert seconds(40_000) < 30 * max(seconds(5_000), 0.005)
