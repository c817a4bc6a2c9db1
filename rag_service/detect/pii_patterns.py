"""Presidio's pattern recognizers, set up for several countries, without a model, without the network."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"\w+|[^\w\s]")
_MAYBE_PHONE = re.compile(
    r"[+＋(\[]{0,3}\d(?:[^\w\n]{0,4}\d){6,199}(?:[ ,;/x#.]{0,4}(?:ext\.?|x|extn\.?)[ .:]{0,3}\d{1,7})?"
)
_LEAST_DIGITS = 7
_PHONE_CONTEXT = ("phone", "number", "telephone", "cell", "cellphone", "mobile", "call", "tel", "fax", "whatsapp")


_REGIONS = ("US", "GB", "DE", "IN", "IL", "BR")
"""Whose ways of writing a number without ``+`` are tried."""
_PHONE_TRIES = 12
_PIECE = re.compile(r"[+＋]?[^\s+＋]+")


def _phone_candidates(text: str) -> Iterator[tuple[int, int]]:
    """Runs of digits that may be one number. Lists are taken apart, as each number is tried for several countries."""
    for run in _MAYBE_PHONE.finditer(text):
        begin, end = run.span()
        for plus in re.finditer(r"[+＋]", run.group()):
            at = run.start() + plus.start()
            if sum(c.isdigit() for c in text[begin:at]) >= _LEAST_DIGITS:
                yield from _apart(text, begin, at)
                begin = at
        yield from _apart(text, begin, end)


def _apart(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    words = [(begin + word.start(), begin + word.end()) for word in _PIECE.finditer(text[begin:end])]
    if len(words) > 1 and all(sum(c.isdigit() for c in text[a:b]) >= _LEAST_DIGITS for a, b in words):
        yield from words
    else:
        yield begin, begin + len(text[begin:end].rstrip())


@dataclass(frozen=True, slots=True)
class Row:
    """One of Presidio's recognizers: its context words (single tokens), and whether it counts only beside one.

    A checksum of one digit passes one number in ten, so most national ids need a word that names them.
    """

    recognizer: str
    context: tuple[str, ...]
    needs_context: bool = True
    only_patterns: tuple[int, ...] = ()


_PASSPORT = ("passport", "passports", "reisepass", "pasaporte", "passaporto", "passeport")
ROWS: tuple[Row, ...] = (
    Row("CreditCardRecognizer", ("card", "visa", "mastercard", "amex"), needs_context=False),
    Row("IbanRecognizer", ("iban",), needs_context=False),
    Row("CryptoRecognizer", ("wallet", "bitcoin", "btc"), needs_context=False),
    Row("IpRecognizer", ("ip", "ipv4", "ipv6"), needs_context=False),
    Row("MacAddressRecognizer", ("mac",), needs_context=False),
    Row("UsSsnRecognizer", ("social", "ssn", "ssns"), needs_context=False),
    Row("UsItinRecognizer", ("itin", "taxpayer", "tin"), needs_context=False),
    Row("UsMbiRecognizer", ("medicare", "mbi", "beneficiary"), needs_context=False),
    Row("UsPassportRecognizer", _PASSPORT),
    Row("UsLicenseRecognizer", ("driver", "drivers", "driving", "dl", "dln")),
    Row("UsBankRecognizer", ("account", "accounts", "acct", "konto", "cuenta", "iban")),
    Row("AbaRoutingRecognizer", ("routing", "aba")),
    Row("MedicalLicenseRecognizer", ("dea", "medical")),
    Row("NhsRecognizer", ("nhs",)),
    Row("UkNinoRecognizer", ("nino", "insurance"), needs_context=False),
    Row("UkDrivingLicenceRecognizer", ("driving", "dvla"), needs_context=False),
    Row("UkPassportRecognizer", _PASSPORT),
    Row("EsNifRecognizer", ("dni", "nif", "documento", "identidad"), needs_context=False),
    Row("EsNieRecognizer", ("nie",), needs_context=False),
    Row("EsPassportRecognizer", _PASSPORT),
    Row("ItFiscalCodeRecognizer", ("codice", "fiscale", "cf"), needs_context=False),
    Row("ItVatCodeRecognizer", ("piva", "iva")),
    Row("ItPassportRecognizer", _PASSPORT),
    Row("ItIdentityCardRecognizer", ("carta", "identità", "cie")),
    Row("ItDriverLicenseRecognizer", ("patente",)),
    # The third pattern of Presidio's PAN looks ahead without bound at every position.
    Row("InPanRecognizer", ("pan",), needs_context=False, only_patterns=(0,)),
    Row("InAadhaarRecognizer", ("aadhaar", "aadhar", "uidai", "uid")),
    Row("InPassportRecognizer", _PASSPORT),
    Row("InVoterRecognizer", ("voter", "epic", "elector")),
    Row("AuTfnRecognizer", ("tfn", "tax")),
    Row("AuMedicareRecognizer", ("medicare",)),
    Row("SgFinRecognizer", ("nric", "fin"), needs_context=False),
    Row("PlPeselRecognizer", ("pesel",)),
    Row("FiPersonalIdentityCodeRecognizer", ("hetu", "henkilötunnus"), needs_context=False, only_patterns=(0,)),
    Row("SePersonnummerRecognizer", ("personnummer", "samordningsnummer"), only_patterns=(0,)),
    Row("KrRrnRecognizer", ("rrn", "주민등록번호"), needs_context=False),
    Row("DeTaxIdRecognizer", ("steuer", "steuerid", "steueridentifikationsnummer", "idnr")),
    Row("DeSocialSecurityRecognizer", ("rentenversicherungsnummer", "svnr"), needs_context=False),
    Row("DeIdCardRecognizer", ("personalausweis", "personalausweisnummer", "ausweis", "ausweisnummer")),
    Row("DePassportRecognizer", _PASSPORT),
    Row("DeHealthInsuranceRecognizer", ("krankenversicherungsnummer", "versichertennummer", "kvnr")),
    Row("CaSinRecognizer", ("sin", "insurance", "nas")),
    Row("TrNationalIdRecognizer", ("tckn", "kimlik")),
    Row("ThTninRecognizer", ("thai",)),
    Row("NgNinRecognizer", ("nin", "nimc")),
    Row("ZaIdNumberRecognizer", ("id", "identity", "rsa")),
)
THRESHOLD = 0.4
PHONE_THRESHOLD = 0.35


@contextmanager
def _without_model_frameworks() -> Iterator[None]:
    """Presidio and spaCy do not find torch or transformers while they are imported.

    They import them where installed, for recognizers that are not used here: ten seconds and 290 MB. What is
    imported already stays, and can be imported as usual afterwards.
    """
    blocked = [name for name in ("torch", "transformers", "stanza", "gliner") if name not in sys.modules]
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]  # documented: None makes the import fail
    try:
        yield
    finally:
        for name in blocked:
            if sys.modules.get(name) is None:
                sys.modules.pop(name, None)


def import_analyzer() -> Any:
    """The module ``presidio_analyzer``, imported without model frameworks and without telemetry."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with _without_model_frameworks():
        import presidio_analyzer
        import presidio_analyzer.predefined_recognizers  # makes the attribute available
    return presidio_analyzer


def _words_only_engine(presidio: Any) -> Any:
    """An NLP engine that only splits words, which is all that context words need."""

    class WordsOnly(presidio.nlp_engine.NlpEngine):  # type: ignore[misc]  # presidio is imported late
        def load(self) -> None:
            """Nothing to load."""

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> Any:
            words = list(_WORD.finditer(text))
            return presidio.nlp_engine.NlpArtifacts(
                entities=[],
                tokens=[word.group() for word in words],
                tokens_indices=[word.start() for word in words],
                lemmas=[word.group().lower() for word in words],
                nlp_engine=self,
                language=language,
            )

        def process_batch(self, texts: Any, language: str, **_: Any) -> Any:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:  # noqa: ARG002  # presidio's signature
            return False

        def is_punct(self, word: str, language: str) -> bool:  # noqa: ARG002  # presidio's signature
            return not any(character.isalnum() for character in word)

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return ["en"]

    return WordsOnly()


@dataclass(frozen=True, slots=True)
class PatternEngine:
    """Presidio's analyzer with our recognizers; ``needs_context`` are the entities that count only beside a word."""

    analyzer: Any
    needs_context: frozenset[str]


def build_pattern_engine() -> PatternEngine:
    """An analyzer for every row, e-mail and phone. Takes seconds: build it once."""
    presidio = import_analyzer()
    import phonenumbers

    recognizers = presidio.predefined_recognizers

    class Email(recognizers.EmailRecognizer):  # type: ignore[misc,name-defined]  # presidio is imported late
        """By syntax alone: an address under ``.local`` or a suffix younger than a list is an address all the same."""

        def validate_result(self, pattern_text: str) -> bool:  # noqa: ARG002  # presidio's signature
            return True

    class Phone(recognizers.PhoneRecognizer):  # type: ignore[misc,name-defined]  # presidio is imported late
        """The regions are tried on runs of digits until one knows them all: Presidio tries eight on the whole text."""

        def analyze(self, text: str, entities: Any, nlp_artifacts: Any = None) -> list[Any]:  # noqa: ARG002  # presidio's signature
            results = []
            for start, end in _phone_candidates(text):
                # A letter on either side tells the matcher that this is part of a code.
                low, high = max(0, start - 2), min(len(text), end + 2)
                digits = sum(c.isdigit() for c in text[start:end])
                for region in _REGIONS[:1] if text[start] in "+＋" else _REGIONS:
                    matcher = phonenumbers.PhoneNumberMatcher(text[low:high], region, self.leniency, _PHONE_TRIES)
                    matches = list(matcher)
                    for match in matches:
                        match.start, match.end = match.start + low, match.end + low
                        results.append(self._get_recognizer_result(match, text, region, nlp_artifacts))
                    if sum(c.isdigit() for match in matches for c in match.raw_string) >= digits:
                        break
            return results

    registry = presidio.RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(Email())
    registry.add_recognizer(Phone(context=list(_PHONE_CONTEXT)))
    needs_context: set[str] = set()
    for row in ROWS:
        recognizer = getattr(recognizers, row.recognizer)(context=list(row.context), supported_language="en")
        if row.only_patterns:
            recognizer.patterns = [recognizer.patterns[index] for index in row.only_patterns]
        registry.add_recognizer(recognizer)
        if row.needs_context:
            needs_context.update(recognizer.supported_entities)
    analyzer = presidio.AnalyzerEngine(
        registry=registry,
        nlp_engine=_words_only_engine(presidio),
        supported_languages=["en"],
        context_aware_enhancer=presidio.context_aware_enhancers.LemmaContextAwareEnhancer(
            context_matching_mode="whole_word"
        ),
    )
    return PatternEngine(analyzer, frozenset(needs_context))
