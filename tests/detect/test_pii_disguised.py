"""An attack: contacts written so that scrubbing shall not see them and a reader shall. What is left must not tell."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rag_service.detect.disguise import find_disguised, undisguised
from rag_service.detect.entities import IDENTIFIERS
from rag_service.detect.pii import PiiDetector

MAIL, PHONE, CARD, IBAN, SSN = (
    "ann.lee@corvane.com", "212-555-0187", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "536-90-4399",
)  # fmt: skip
Disguise = Callable[[str], str]


def between(separator: str) -> Disguise:
    return lambda value: separator.join(re.sub(r"[ -]", "", value))


def replaced(**words: str) -> Disguise:
    return lambda value: value.replace("@", words["at"]).replace(".", words["dot"])


ANYWHERE: dict[str, Disguise] = {
    "zero-width": between("\u200b"),
    "word joiner": between("\u2060"),
    "soft hyphen": lambda value: f"{value[:6]}\u00ad{value[6:]}",
    "full width": lambda value: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value),
    "mathematical": lambda value: "".join(chr(0x1D7CE + int(c)) if c.isdigit() else c for c in value),
    "Arabic digits": lambda value: "".join(chr(0x0660 + int(c)) if c.isdigit() else c for c in value),
    "struck through": between("\u0336"),
    "decimal entities": lambda value: "".join(f"&#{ord(c)};" for c in value),
    "hexadecimal entities": lambda value: "".join(f"&#x{ord(c):x};" for c in value),
    "escaped entities": lambda value: "".join(f"&amp;#{ord(c)};" for c in value),
}
MAILS: dict[str, Disguise] = {
    "[at] [dot]": replaced(at=" [at] ", dot=" [dot] "),
    "(at)(dot)": replaced(at="(at)", dot="(dot)"),
    "{at} .": replaced(at="{at}", dot="."),
    "(a)": replaced(at="(a)", dot="."),
    "at dot": replaced(at=" at ", dot=" dot "),
    "AT DOT": replaced(at=" AT ", dot=" DOT "),
    "at, local with a stop": replaced(at=" at ", dot="."),
    "_at_ _dot_": replaced(at="_at_", dot="_dot_"),
    "spaces": replaced(at=" @ ", dot=" . "),
    "space before": replaced(at=" @", dot="."),
    "percent": replaced(at="%40", dot="%2E"),
    "entities": replaced(at="&commat;", dot="&period;"),
    "arroba punto": replaced(at=" arroba ", dot=" punto "),
    "letter by letter": between(" "),
    "broken after @": replaced(at="@\n", dot="."),
    "broken in the host": lambda value: value.replace("corvane", "cor-\nvane"),
    "broken at the stop": lambda value: value.replace("e.com", "e.\ncom"),
}
NUMBERS: dict[str, Disguise] = {
    "dots": between("."),
    "middle dots": between("·"),
    "underscores": between("_"),
    "asterisks": between("*"),
    "slashes": between("/"),
    "spaces": between(" "),
    "long dashes": lambda value: re.sub("[ -]", " – ", value),
    "stars in place": lambda value: re.sub("[ -]", " * ", value),
    "underscores in place": lambda value: re.sub("[ -]", "_", value),
    "dots in place": lambda value: re.sub("[ -]", ".", value),
    "slashes in place": lambda value: re.sub("[ -]", "/", value),
    "line breaks": lambda value: re.sub("[ -]", "\n", value),
    "keycaps": lambda value: "".join(f"{c}\ufe0f\u20e3" if c.isdigit() else c for c in value),
    "circled": lambda value: "".join(
        chr(0x245F + int(c)) if c in "123456789" else "⓪" if c == "0" else c for c in value
    ),
    "raised": lambda value: "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] if c.isdigit() else c for c in value),
}
CASES = [
    *((name, cue, value, how) for name, how in ANYWHERE.items() for cue, value in (
        ("write to", MAIL), ("call", PHONE), ("card", CARD), ("IBAN", IBAN), ("SSN", SSN))),
    *((name, "write to", MAIL, how) for name, how in MAILS.items()),
    *((name, cue, value, how) for name, how in NUMBERS.items() for cue, value in (
        ("call", PHONE), ("card", CARD), ("SSN", SSN))),
]  # fmt: skip


def left(detector: PiiDetector, text: str) -> str:
    """What scrubbing leaves of the text, spelled plainly."""
    for found in reversed(detector.detect(text, IDENTIFIERS)):
        text = f"{text[: found.start]}#{text[found.end :]}"
    return re.sub(r"\W|_", "", undisguised(text).text)


@pytest.mark.parametrize(("cue", "value", "how"), [case[1:] for case in CASES], ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_no_disguise_brings_a_contact_past_the_scrubbing(
    detector: PiiDetector, cue: str, value: str, how: Disguise
) -> None:
    assert left(detector, f"Please {cue} {how(value)} today, thank you.") == left(
        detector, f"Please {cue} # today, thank you."
    )


NEAR_MISSES = [
    "See you at noon. Me too. Lunch @ Joe's at 12. It is nice.",
    "Look at example.com, or find us at example.org.",
    "The file created_at_time.py is at main.rs, at least at home.net",
    "He is at the dot com bubble's end, and looked at it dot by dot",
    "marks: 5 4 3 5 4 4 5 5 3 4, pages 1 2 3 4 5 6 7 8 9 10, 1,2,3,4,5,6,7,8",
    "10² is not 10³, note ¹ and ²; ½ of it",
    "one two three, and two or three",
    "4111/1111/1111/1112 and 100 200 3000 parts",
    "due 2024-05-06, 2024/05/06 at 12:30:15",
    "R&D, AT&T; fish &amp; chips &#8364;5",
]


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_looks_disguised_is_left(detector: PiiDetector, text: str) -> None:
    assert [text[f.start : f.end] for f in detector.detect(text, IDENTIFIERS)] == []


@pytest.mark.parametrize(
    "unit", ["@", "a@", " at ", "a at b.", "1 ", "1_", "&#", "&#1;", "four ", "(at)(dot)", "a [at] b [dot] "]
)
def test_looking_for_disguises_takes_no_more_time_than_the_text_is_long(unit: str) -> None:
    for length in (2_000, 16_000):
        text = unit * (length // len(unit))
        list(find_disguised(undisguised(text).text))


def test_a_span_holds_all_that_spells_the_value(detector: PiiDetector) -> None:
    text = "write to ann&#64;corvane.co&#109;!"
    assert [text[f.start : f.end] for f in detector.detect(text, IDENTIFIERS)] == ["ann&#64;corvane.co&#109;"]
