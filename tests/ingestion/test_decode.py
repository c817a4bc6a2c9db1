from __future__ import annotations

import random

import pytest

from ingestion.decode import declared_encoding, decode_text, text_encoding
from rag_service.domain.errors import Refused

TEXTS = {
    "ar": "الزملاء الأعزاء، نعلمكم بأن الإجازة تقدم قبل أسبوعين. يرجى الاتفاق على المواعيد مع المدير المباشر.",
    "cs": "Vážení kolegové, oznamujeme vám, že dovolená se hlásí dva týdny předem. Prosíme, dohodněte si termíny.",
    "de": "Sehr geehrte Kolleginnen und Kollegen, bitte klären Sie die Termine früh, schöne Grüße aus Köln.",
    "el": "Αγαπητοί συνάδελφοι, σας ενημερώνουμε ότι η άδεια δηλώνεται δύο εβδομάδες πριν. Παρακαλούμε.",
    "fr": "Chers collègues, les congés doivent être déclarés deux semaines à l'avance. Très cordialement à tous.",
    "he": "עמיתים יקרים, אנו מודיעים כי יש להגיש בקשה לחופשה שבועיים מראש. אנא תאמו את המועדים עם המנהל.",
    "ja": "社員の皆様へ。休暇は二週間前までに申請してください。日程については上司と相談してください。",
    "ko": "직원 여러분께, 휴가는 이 주 전에 신청해야 합니다. 일정은 상사와 상의하시기 바랍니다. 감사합니다.",
    "lt": "Gerbiami kolegos, pranešame, kad atostogų prašymą reikia pateikti prieš dvi savaites. Ačiū už jūsų dėmesį.",
    "pl": "Szanowni Państwo, informujemy, że urlop należy zgłosić dwa tygodnie wcześniej, żeby było łatwiej.",
    "ru": "Уважаемые коллеги, сообщаем вам, что отпуск оформляется за две недели. Согласуйте даты с руководителем.",
    "tr": "Değerli çalışma arkadaşlarımız, izin iki hafta önceden bildirilmelidir. Teşekkür ederiz, iyi günler.",
    "uk": "Шановні колеги, повідомляємо, що відпустка оформлюється за два тижні. Узгодьте дати з керівником, дякуємо.",
    "zh-hans": "各位同事，休假应提前两周申请。请与上级商定具体日期。谢谢大家的配合。",
    "zh-hant": "各位同事，休假應提前兩週申請。請與上級商定具體日期。謝謝大家的配合。",
}
LEGACY = {
    "ar": ["cp1256"], "cs": ["cp1250", "iso8859_2"], "de": ["cp1252", "iso8859_15"], "el": ["cp1253", "iso8859_7"],
    "fr": ["cp1252", "latin-1"], "he": ["cp1255", "iso8859_8"], "ja": ["shift_jis", "euc_jp", "iso2022_jp"],
    "ko": ["euc_kr", "cp949"], "lt": ["cp1257"], "pl": ["cp1250", "iso8859_2"],
    "ru": ["cp1251", "koi8_r", "iso8859_5", "cp866"], "tr": ["cp1254", "iso8859_9"], "uk": ["cp1251", "koi8_u"],
    "zh-hans": ["gb2312", "gb18030"], "zh-hant": ["big5"],
}  # fmt: skip
WIDE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


def is_refused(content: bytes) -> bool:
    try:
        decode_text(content)
    except Refused as refusal:
        return refusal.reason == "undecodable_text"
    return False


@pytest.mark.parametrize(
    ("language", "encoding"), [(language, encoding) for language in LEGACY for encoding in LEGACY[language]]
)
def test_text_of_an_encoding_that_nothing_names_is_recognised(language: str, encoding: str) -> None:
    assert decode_text(TEXTS[language].encode(encoding)) == TEXTS[language]


@pytest.mark.parametrize("encoding", WIDE)
def test_unicode_is_recognised_with_and_without_a_mark(encoding: str) -> None:
    for text in TEXTS.values():
        for whole in (f"{text}\r\n{text} 12\r\n", "A\n" + text * 40 + "\n"):
            assert decode_text(whole.encode(encoding)).removeprefix("\ufeff") == whole


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 8,
        "Sehr geehrte Kolleginnen, früh grüßen wir schöne Grüße aus Köln".encode("cp037"),
        "žluťoučký kůň úpěl ďábelské ódy".encode("mac_latin2"),
        "Bitte klären Sie die Termine früh, schöne Grüße".encode("cp850"),
        b"\x00\x01\x02\x03" * 100,
        b"\x80\x81\x8d\x8f\x90" * 20,
    ],
)
def test_what_is_no_text_of_a_known_encoding_is_refused(content: bytes) -> None:
    assert is_refused(content)


def test_hardly_any_noise_passes_for_text() -> None:
    chance = random.Random(5)
    noise = [bytes(chance.choices(range(32, 256), k=size)) for size in (60, 200, 1000) for _ in range(100)]
    assert sum(not is_refused(one) for one in noise) <= 3
    assert all(is_refused(chance.randbytes(size)) for size in (60, 200, 1000) for _ in range(100))


def test_utf_8_with_a_wrong_byte_shows_a_mark_there_and_is_not_taken_for_another_encoding() -> None:
    text = TEXTS["fr"] * 5
    damaged = text.encode()[:250] + b"\xff" + text.encode()[250:]
    assert decode_text(damaged).replace("\ufffd", "") == text
    assert decode_text(text.encode()[:-1] + b"\xc3").endswith("\ufffd")


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        ("Grüße".encode("cp1252"), "ISO-8859-1", "Grüße"),
        ("“Quoted”".encode("cp1252"), "iso-8859-1", "“Quoted”"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),  # it fits, as everything does, and is plainly not true
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("日本".encode("shift_jis"), "x-sjis", "日本"),
        ("Grüße".encode("cp1252"), "x-user-defined", "Grüße"),
        (b"abc", "zlib", "abc"),
    ],
)
def test_a_declared_encoding_is_believed_where_it_fits(content: bytes, declared: str, expected: str) -> None:
    assert decode_text(content, declared=declared) == expected


def test_only_encodings_of_text_are_known_by_name() -> None:
    assert text_encoding(" Shift_JIS ") == "cp932"
    assert [text_encoding(name) for name in ("zlib", "rot13", "utf-7", "idna", "\x00", "none such")] == [None] * 6


def test_a_page_and_xml_declare_theirs_at_the_head() -> None:
    assert declared_encoding(b"<?xml version='1.0' encoding='koi8-r'?><a/>") == "koi8-r"
    assert declared_encoding(b"<html><meta http-equiv=x content='text/html; charset=big5'>") == "big5hkscs"
    assert declared_encoding(b"<meta charset=utf-16>") is None
