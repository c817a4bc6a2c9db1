"""Each action does what it says wherever a value stands, leaves nothing else of it, and is done once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.canonical import plain_text
from ingestion.mask import masked, masks
from ingestion.removal import KeyedPolicy
from ingestion.screen import screen
from ingestion.scrub import scrub, scrub_text
from ingestion.verdict import verdict
from rag_service.detect.actions import actions_of, admits, with_changes
from rag_service.detect.entities import CREDENTIAL, ENTITIES
from rag_service.detect.pii import PiiDetector
from rag_service.detect.pseudonyms import is_genuine, marks, stand_in, tag
from rag_service.domain.document import Element, MediaType, ParsedDocument
from rag_service.domain.errors import InvalidRequest, Refused, SealBroken
from rag_service.domain.scrubbing import Action, OtherLanguage, Preset, ScrubPolicy
from rag_service.query.stand_ins import with_stand_ins
from rag_service.store.restoring import restored, sealable
from tests.ingestion.test_scrub import KEY, document, everything, prose, values

DETECTOR = PiiDetector()  # loads nothing before its first use; hypothesis cannot take fixtures of a function
OTHER_KEY = b"another tenant's key............"
quick = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def policy(*changes: str, preset: Preset = Preset.IDENTIFIERS, **more: Any) -> KeyedPolicy:
    return KeyedPolicy(with_changes(ScrubPolicy(preset, **more), changes), KEY)


POLICIES = [policy(f"all={action}") for action in ("redact", "mask", "pseudonym", "encrypt")]
ENCRYPTING = policy("all=encrypt")
typed = st.sampled_from(
    [
        "[PERSON_deadbeef]",
        "[EMAIL_ADDRESS_deadbeefdead]",
        "[EMAIL_ADDRESS]",
        "[IBAN_CODE_",
        "**** **** **** 1234",
        stand_in("email_address", "known@example.com", KEY),
        stand_in("email_address", "known@example.com", OTHER_KEY),
    ]
)
texts = st.lists(st.one_of(prose, values.map(" {} ".format), typed), max_size=6).map("".join)


@quick
@given(texts, st.sampled_from(POLICIES))
def test_scrubbing_twice_is_scrubbing_once_whatever_is_done_and_whatever_was_typed(
    text: str, order: KeyedPolicy
) -> None:
    once, _ = scrub_text(text, order, DETECTOR)
    again, counts = scrub_text(once, order, DETECTOR)
    assert (again, dict(counts)) == (once, {})


@quick
@given(st.lists(values, min_size=1, max_size=3), st.lists(prose, min_size=3, max_size=3), st.sampled_from(POLICIES))
def test_no_value_is_left_and_no_stand_in_lies_in_another(
    found: list[str], between: list[str], order: KeyedPolicy
) -> None:
    text = "".join(f"{words} {value} " for value, words in zip(found, between, strict=False))
    left, counts = scrub_text(text, order, DETECTOR)
    assert sum(counts.values()) >= 1
    for value in found:
        assert value not in left
    assert not re.search(r"\[[A-Z_]{2,}_\[", left)


@quick
@given(texts)
def test_what_was_encrypted_comes_back_in_its_place_and_nothing_else_does(text: str) -> None:
    scrubbed, taken = scrub(document(text), ENCRYPTING, DETECTOR)
    back, count = restored(scrubbed.text, sealable(taken), expected=len(taken))
    assert count == len(taken)
    expected = plain_text(text).text
    for mark in sorted(marks(expected, KEY), key=lambda one: -one.start):
        if mark.is_forged:  # the one thing that is changed for good
            expected = f"{expected[: mark.start]}[{mark.label}]{expected[mark.end :]}"
    if "CREDENTIAL" not in scrubbed.removed:
        assert back == expected


def test_a_typed_stand_in_is_told_from_a_real_one_and_restores_nothing() -> None:
    real = stand_in("email_address", "ann@example.com", KEY)
    foreign = stand_in("email_address", "ann@example.com", OTHER_KEY)
    text = f"Copied {real}, made up [PERSON_deadbeef] and {foreign}; written ann@example.com."
    scrubbed, taken = scrub(document(text), ENCRYPTING, DETECTOR)
    assert scrubbed.text == f"Copied {real}, made up [PERSON] and [EMAIL_ADDRESS]; written {real}."
    assert [one.value for one in taken] == ["ann@example.com"]
    back, _ = restored(scrubbed.text, sealable(taken), expected=1)
    assert back == f"Copied {real}, made up [PERSON] and [EMAIL_ADDRESS]; written ann@example.com."


def test_what_only_looks_like_a_placeholder_hides_nothing() -> None:
    text = "[CONTACT_ANN] is +44 20 7946 0958, [EMAIL_ADDRESS_5500123455501234] and [NOTE_ann@example.com]"
    left, _ = scrub_text(text, policy(), DETECTOR)
    assert left == "[CONTACT_ANN] is [PHONE_NUMBER], [EMAIL_ADDRESS] and [[EMAIL_ADDRESS]]"


def test_values_are_not_restored_into_a_text_that_is_not_theirs() -> None:
    scrubbed, taken = scrub(document("Write to ann@example.com."), ENCRYPTING, DETECTOR)
    for text, expected in ((scrubbed.text, 2), (f"x{scrubbed.text}", 1), ("short", 1)):
        with pytest.raises(SealBroken):
            restored(text, sealable(taken), expected=expected)


def test_values_are_in_nothing_that_is_shown_or_logged() -> None:
    scrubbed, taken = scrub(document("Write to ann@example.com."), ENCRYPTING, DETECTOR)
    assert taken
    assert "ann@example" not in repr((scrubbed, taken, ENCRYPTING))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("4111 1111 1111 1234", "**** **** **** 1234"),
        ("GB82WEST12345698765432", "******************5432"),
        ("+44 20 7946 0958", "+** ** **** 0958"),
        ("ann.lee@example.com", "***.***@******e.com"),
        ("a@b.co", "*@*.**"),
        ("2001:db8::ff00:42:8329", "****:***::****:**:8329"),
    ],
)
def test_a_mask_shows_the_last_four_and_keeps_the_form(value: str, shown: str) -> None:
    assert masked(value) == shown
    assert len(shown) == len(value)
    assert masked(value) not in {value, ""}
    assert not list(masks(value))


def test_every_part_of_a_document_is_cleared_alike() -> None:
    value = "ann@example.com"
    parsed = ParsedDocument(
        f"About {value}",
        MediaType.TEXT,
        (Element(f"| name | mail |\n| Ann | {value} |", section=f"Of {value}"),),
        (f"<!-- {value} -->",),
        (f"white {value}",),
    )
    for order in POLICIES:
        scrubbed, _ = scrub(parsed, order, DETECTOR)
        assert value not in everything(scrubbed)
        assert value not in repr(scrubbed)
        assert scrubbed.removed == {"EMAIL_ADDRESS": 5}
        assert scrubbed.actions == {"EMAIL_ADDRESS": actions_of(order.policy)["email_address"]}


def test_a_refusal_names_kinds_and_counts_and_no_value() -> None:
    order = policy("credit_card=refuse", "email_address=refuse")
    text = "Pay with 4111 1111 1111 1111 or 5500005555555559, ask ann@example.com, call +44 20 7946 0958."
    with pytest.raises(Refused) as refused:
        scrub(document(text, title="from bob@example.com"), order, DETECTOR)
    assert refused.value.reason == "pii_refused"
    assert "2 credit_card, 2 email_address" in refused.value.detail
    assert not re.search(r"4111|5500|ann|bob|7946", refused.value.detail)
    scrub(document("Call +44 20 7946 0958."), order, DETECTOR)


def test_a_password_is_neither_masked_nor_sealed_with_the_address_that_holds_it() -> None:
    text = "postgres://root:hunter2!x@db.example.com and mail ann@example.com"
    for order in (ENCRYPTING, policy("all=mask"), policy(keep=("*@db.example.com", "hunter2!x"))):
        scrubbed, taken = scrub(document(text), order, DETECTOR)
        assert "hunter2" not in scrubbed.text
        assert "[CREDENTIAL]" in scrubbed.text
        assert not any("hunter2" in one.value for one in taken)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("kind", [CREDENTIAL, "person", "email_address"])
def test_a_kind_admits_only_actions_that_protect_it(kind: str, action: Action) -> None:
    changed = ScrubPolicy(overrides=((kind, action),))
    if admits(kind, action):
        assert actions_of(changed)[kind] is action
        return
    assert kind != "email_address"
    with pytest.raises(InvalidRequest):
        actions_of(changed)


def test_presets_remove_each_all_that_the_one_before_does() -> None:
    removed = [
        {kind for kind, action in actions_of(ScrubPolicy(preset)).items() if action is not Action.KEEP}
        for preset in Preset
    ]
    assert removed[0] < removed[1] < removed[2] <= ENTITIES.keys()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ask SALES@acme.example.", "Ask SALES@acme.example."),
        ("Ask x@acme.example.evil.org.", "Ask [EMAIL_ADDRESS]."),
        ("Ask x@notacme.example.", "Ask [EMAIL_ADDRESS]."),
        ("Call +442079460958 or (020) 7946-0959.", "Call +442079460958 or [PHONE_NUMBER]."),
        ("Write in.fo@bolt.example.", "Write [EMAIL_ADDRESS]."),
    ],
)
def test_kept_values_stay_however_they_are_written_and_no_other(text: str, left: str) -> None:
    kept = policy(keep=("*@acme.example", "+44 20 7946 0958", "info@bolt.example"))
    assert scrub_text(text, kept, DETECTOR)[0] == left


@given(st.text(max_size=40))
def test_a_tag_is_genuine_as_it_was_made(value: str) -> None:
    assert is_genuine(tag(value, KEY), KEY)
    assert not is_genuine(f"{tag(value, KEY)}0", KEY)


def test_a_tag_of_another_tenant_is_none() -> None:
    digits = tag("Ada Lovelace", KEY)
    assert not is_genuine(digits, OTHER_KEY)
    assert not is_genuine(f"{digits[:-1]}{'0' if digits[-1] != '0' else '1'}", KEY)


def test_a_question_finds_stand_ins_by_the_values_themselves() -> None:
    order = policy("email_address=encrypt", "iban_code=pseudonym", "phone_number=redact", keep=("info@example.com",))
    asked = "Who is Ann@Example.com with DE89370400440532013000, +44 20 7946 0958 and info@example.com?"
    text, tags = with_stand_ins(asked, order.policy, KEY, DETECTOR)
    assert text == (
        f"Who is {stand_in('email_address', 'ann@example.com', KEY)} with "
        f"{stand_in('iban_code', 'DE89 3704 0044 0532 0130 00', KEY)}, +44 20 7946 0958 and info@example.com?"
    )
    assert not tags
    assert with_stand_ins(asked, ScrubPolicy(), KEY, DETECTOR) == (asked, [])


@given(
    st.builds(
        ScrubPolicy,
        preset=st.sampled_from(Preset),
        overrides=st.dictionaries(st.sampled_from(sorted(ENTITIES)), st.sampled_from(Action), max_size=4).map(
            lambda chosen: tuple(sorted(chosen.items()))
        ),
        keep=st.lists(st.from_regex(r"[a-z0-9@.]{0,8}[a-z]", fullmatch=True), unique=True, max_size=3).map(tuple),
    )
)
def test_a_policy_is_read_as_it_was_written(chosen: ScrubPolicy) -> None:
    read = ScrubPolicy.parse(chosen.as_json())
    assert (read, read.digest()) == (chosen, chosen.digest())
    assert chosen.digest() != with_preset_changed(chosen).digest()


def with_preset_changed(chosen: ScrubPolicy) -> ScrubPolicy:
    other = Preset.STRICT if chosen.preset is not Preset.STRICT else Preset.PERSONS
    return ScrubPolicy(other, chosen.overrides, chosen.keep, chosen.language)


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "none"},
        {"overrides": {"email_address": "burn"}},
        {"overrides": ["email_address"]},
        {"keep": "info"},
        {"keep": ["..."]},
        {"keep": ["*"]},
        {"keep": ["a*@acme.example"]},
        {"keep": ["*@example"]},
        {"keep": ["x" * 201]},
        {"language": "guess"},
        {"colour": "red"},
    ],
)
def test_a_policy_that_cannot_be_used_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        ScrubPolicy.parse(wrong)


GERMAN = (
    "Der Vertrag mit Frau Katharina Vogel wurde gestern in Leipzig unterschrieben und gilt bis zum Ende des Jahres. "
    "Für Fragen ist sie unter katharina.vogel@example.de zu erreichen, oder man wendet sich an das Sekretariat."
)


@pytest.mark.parametrize("language", OtherLanguage)
def test_a_document_in_which_names_cannot_be_found_is_treated_by_policy(language: OtherLanguage) -> None:
    order = policy(preset=Preset.PERSONS, language=language)
    if language is OtherLanguage.REFUSE:
        with pytest.raises(Refused) as refused:
            scrub(document(GERMAN), order, DETECTOR)
        assert refused.value.reason == "unsupported_language"
        assert "Vogel" not in refused.value.detail
        return
    scrubbed, _ = scrub(document(GERMAN), order, DETECTOR)
    assert "[EMAIL_ADDRESS]" in scrubbed.text
    assert scrubbed.unsearched == ("person",)
    reasons = verdict(screen(scrubbed), None).reasons
    assert reasons == (("unsearched_language",) if language is OtherLanguage.QUARANTINE else ())


def test_what_has_a_form_needs_no_language() -> None:
    for order in (policy(language=OtherLanguage.REFUSE), policy("person=keep", preset=Preset.PERSONS)):
        scrubbed, _ = scrub(document(GERMAN), order, DETECTOR)
        assert (scrubbed.unsearched, scrubbed.awaits_reader) == ((), False)
