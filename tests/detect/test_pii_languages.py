"""The language of a text, and what is said of texts that cannot be searched for names."""

from __future__ import annotations

import pytest

from rag_service.detect.languages import detected_language, languages_in

ENGLISH = "The contract must be signed by both parties before the end of the month, or it is not valid. "
GERMAN = "Der Vertrag ist von beiden Seiten bis zum Ende des Monats zu unterschreiben, sonst gilt er nicht. "
PASSAGES = [
    (ENGLISH, "en"),
    (GERMAN, "de"),
    (
        "Le contrat doit être signé par les deux parties avant la fin du mois, sinon il n'est pas valable pour vous.",
        "fr",
    ),
    (
        "El contrato debe ser firmado por las dos partes antes del fin de mes, y no es válido para los que no firman.",
        "es",
    ),
    (
        "Il contratto deve essere firmato da entrambe le parti prima della fine del mese e non vale per gli altri.",
        "it",
    ),
    (
        "O contrato deve ser assinado pelas duas partes antes do fim do mês, e não vale para os outros.",
        "pt",
    ),
    (
        "Het contract moet door beide partijen voor het einde van de maand zijn getekend, en is niet geldig.",
        "nl",
    ),
    ("Договор должен быть подписан обеими сторонами до конца месяца.", "ru"),
    ("契約書は月末までに双方が署名しなければなりません。", "ja"),
    ("合同必须在月底前由双方签署，否则无效。", "zh"),
    ("계약서는 월말까지 양측이 서명해야 합니다.", "ko"),
    ("يجب توقيع العقد من قبل الطرفين قبل نهاية الشهر", "ar"),
    ("Invoice 4711, 12 pcs", "en"),
    ("", "en"),
]


@pytest.mark.parametrize(("text", "language"), PASSAGES)
def test_a_passage_is_told_by_script_or_small_words(text: str, language: str) -> None:
    assert detected_language(text) == language


def test_a_language_that_is_not_searched_counts_from_a_fifth_of_a_text_on() -> None:
    assert detected_language("\n\n".join([ENGLISH] * 3 + [GERMAN])) == "de"
    assert detected_language("\n\n".join([ENGLISH] * 9 + [GERMAN])) == "en"
    assert languages_in(f"{ENGLISH}\n\n{GERMAN}").keys() == {"en", "de"}


def test_words_of_no_known_language_are_not_taken_for_english() -> None:
    assert detected_language("Tha an cùmhnant ri shoidhnigeadh leis gach pàrtaidh mus crìochnaich mìos " * 6) == "und"
