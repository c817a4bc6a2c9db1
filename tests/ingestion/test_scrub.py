"""What the policy removes is gone from every part of a document, and positions stay true."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.edits import Edit, apply
from ingestion.removal import KeyedPolicy
from ingestion.scrub import scrub as scrub_with_values
from ingestion.scrub import scrub_text
from rag_service.detect.pii import PiiDetector
from rag_service.detect.pseudonyms import stand_in, tags_in
from rag_service.domain.document import Element, MediaType, ParsedDocument, ScrubbedDocument
from rag_service.domain.scrubbing import Preset, ScrubPolicy

KEY = b"a tenant's key, 32 bytes long..."
IDENTIFIERS = KeyedPolicy()
PERSONS = KeyedPolicy(ScrubPolicy(Preset.PERSONS), KEY)
STRICT = KeyedPolicy(ScrubPolicy(Preset.STRICT), KEY)
INVISIBLE = ["\u200b", "\u2060", "\u00ad", "\ufeff", "\U000e0061"]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def detector() -> PiiDetector:
    return PiiDetector()


DETECTOR = PiiDetector()  # loads nothing before its first use; hypothesis cannot take fixtures of a function


def document(
    *texts: str, title: str = "Report", section: str | None = None, concealed: tuple[str, ...] = ()
) -> ParsedDocument:
    elements = tuple(Element(text, section=section) for text in texts)
    return ParsedDocument(title, MediaType.TEXT, elements, concealed)


def scrub(parsed: ParsedDocument, policy: KeyedPolicy, detector: PiiDetector) -> ScrubbedDocument:
    return scrub_with_values(parsed, policy, detector)[0]


def everything(scrubbed: ScrubbedDocument) -> str:
    sections = [block.section or "" for block in scrubbed.blocks]
    return "\n".join([scrubbed.title, scrubbed.text, *sections, *scrubbed.concealed])


def card(digits: str) -> str:
    """A Visa number with its Luhn digit."""
    body = "4" + digits
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(body))
    return body + str(-total % 10)


def iban(digits: str) -> str:
    """A German IBAN with its check digits: 98 minus the number, letters as 10 to 35, modulo 97."""
    return f"DE{98 - int(digits + '131400') % 97:02d}{digits}"


emails = st.builds(
    "{}.{}@{}.{}".format,
    st.from_regex(r"[a-z]{2,8}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{2,8}", fullmatch=True),
    st.from_regex(r"[a-z]{3,9}", fullmatch=True),
    st.sampled_from(["com", "org", "co.uk", "de", "io"]),
)
cards = st.from_regex(r"[0-9]{14}", fullmatch=True).map(card)
ibans = st.from_regex(r"[0-9]{18}", fullmatch=True).map(iban)
values = st.one_of(emails, cards, ibans)
prose = st.text(alphabet=st.sampled_from("abcd EFG.,:;()[]@+-\n\t é\u00a0م😀\u200d\u200b\u03010123456789"), max_size=40)
texts = st.lists(st.one_of(prose, values.map(" {} ".format)), max_size=6).map("".join)


@quick
@given(values, st.sampled_from(INVISIBLE), st.integers(0, 10_000))
def test_no_identifier_survives_in_any_part_even_with_invisible_characters_inside(
    value: str, hiding: str, at: int
) -> None:
    at %= len(value)
    disguised = value[:at] + hiding + value[at:]
    sentence = f"Please note {disguised} for later."
    scrubbed = scrub(
        document(sentence, "Second part.", title=sentence, section=sentence, concealed=(sentence,)),
        IDENTIFIERS,
        DETECTOR,
    )
    assert value not in everything(scrubbed)
    assert disguised not in everything(scrubbed)
    assert sum(scrubbed.removed.values()) >= 4
    assert scrubbed.text.startswith("Please note [")


@quick
@given(texts)
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once, _ = scrub_text(text, IDENTIFIERS, DETECTOR)
    again, counts = scrub_text(once, IDENTIFIERS, DETECTOR)
    assert (again, dict(counts)) == (once, {})


@quick
@given(st.lists(texts, max_size=5))
def test_blocks_tile_the_text_in_order_with_blank_lines_between(pieces: list[str]) -> None:
    scrubbed = scrub(document(*pieces), IDENTIFIERS, DETECTOR)
    position = 0
    for block in scrubbed.blocks:
        assert block.end > block.start >= position
        assert scrubbed.text[position : block.start].strip() == ""
        position = block.end
    assert position == len(scrubbed.text)
    again = scrub(document(*(scrubbed.text[b.start : b.end] for b in scrubbed.blocks)), IDENTIFIERS, DETECTOR)
    assert (again.text, again.blocks) == (scrubbed.text, scrubbed.blocks)


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4))
def test_positions_never_move_backwards(text: str, spans: list[tuple[int, int]]) -> None:
    edits: list[Edit] = []
    for start, end in sorted(spans):
        if start < end <= len(text) and (not edits or start >= edits[-1].end):
            edits.append(Edit(start, end, "[X]"))
    edited, moved = apply(text, edits)
    positions = [moved(at) for at in range(len(text) + 1)]
    assert positions == sorted(positions)
    assert all(0 <= at <= len(edited) for at in positions)
    assert positions[-1] == len(edited)


def test_a_placeholder_names_the_type_and_the_count_is_kept(detector: PiiDetector) -> None:
    scrubbed = scrub(document("Mail a@example.com and b@example.com, password: hunter2"), IDENTIFIERS, detector)
    assert scrubbed.text == "Mail [EMAIL_ADDRESS] and [EMAIL_ADDRESS], password: [CREDENTIAL]"
    assert scrubbed.removed == {"CREDENTIAL": 1, "EMAIL_ADDRESS": 2}


def test_of_two_blocks_that_share_a_value_the_first_keeps_it() -> None:
    text, moved = apply("one 4111\n\n1111 two", [Edit(4, 14, "[CREDIT_CARD]")])
    assert text[moved(0) : moved(8)] == "one [CREDIT_CARD]"
    assert text[moved(10) : moved(18)] == " two"


def test_a_name_has_one_pseudonym_in_documents_and_questions_and_another_in_another_tenant(
    detector: PiiDetector,
) -> None:
    scrubbed = scrub(
        document("Yesterday Ada Lovelace met Charles Babbage.", "ADA LOVELACE wrote notes."), PERSONS, detector
    )
    left = stand_in("person", "Ada Lovelace", KEY)
    assert scrubbed.text.count(left) >= 1
    assert "Lovelace met" not in scrubbed.text
    assert "Babbage" not in scrubbed.text
    assert left.removeprefix("[PERSON_").removesuffix("]") in tags_in("what did ada lovelace write?", KEY)
    assert left != stand_in("person", "Ada Lovelace", b"another tenant's key............")


@pytest.mark.parametrize("policy", [PERSONS, STRICT])
def test_scrubbing_names_twice_is_scrubbing_once(policy: KeyedPolicy, detector: PiiDetector) -> None:
    names = ["Ada Lovelace", "Charles Babbage", "Dr. Maria García-López", "Jean-Luc Picard", "Priya Raman"]
    text = " ".join(
        f"{names[n % 5]} wrote to {names[n % 3]} in Paris on 3 March 2021 ({n}@example.com)." for n in range(40)
    )
    once, counts = scrub_text(text, policy, detector)
    assert counts["PERSON"] >= 60
    assert scrub_text(once, policy, detector) == (once, {})


def test_values_on_the_allow_list_stay(detector: PiiDetector) -> None:
    policy = KeyedPolicy(ScrubPolicy(keep=("info@example.com",)))
    assert (
        scrub_text("info@example.com or me@example.com", policy, detector)[0] == "info@example.com or [EMAIL_ADDRESS]"
    )


def test_hiding_characters_are_gone_their_message_is_kept_apart_and_their_place_is_known(detector: PiiDetector) -> None:
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    scrubbed = scrub(document("First.", f"Look he{tags}re.", "\u200b"), IDENTIFIERS, detector)
    assert scrubbed.text == "First.\n\nLook here."
    assert scrubbed.concealed == ("obey",)
    (found,) = scrubbed.hiding
    assert found.kind == "tag_characters"
    assert scrubbed.text[found.start : found.end] == "er"
    assert len(scrubbed.blocks) == 2


def test_what_scripts_and_emoji_need_stays(detector: PiiDetector) -> None:
    text = "می\u200cخواهم 👨\u200d👩\u200d👧 ❤\ufe0f"
    assert scrub_text(text, IDENTIFIERS, detector)[0] == text


def test_control_characters_go_and_line_ends_agree(detector: PiiDetector) -> None:
    assert scrub_text("a\x00b  \r\nc\td\x07 ", IDENTIFIERS, detector)[0] == "ab\nc\td"


def test_a_policy_with_names_needs_a_key() -> None:
    with pytest.raises(ValueError, match="pseudonym key"):
        KeyedPolicy(ScrubPolicy(Preset.PERSONS))
    assert "tenant" not in repr(PERSONS)
