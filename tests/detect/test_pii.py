"""Tables of identifiers and near misses, through the engine that scrubs."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from rag_service.detect.entities import IDENTIFIERS
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy

HITS = [
    ("write to jane.doe@example.co.uk now", "email_address", "jane.doe@example.co.uk"),
    ("write to orders@corvane.example now", "email_address", "orders@corvane.example"),
    ("write to root@build.local now", "email_address", "root@build.local"),
    ("write to jane.\u200bdoe@exam\u200bple.com", "email_address", "jane.\u200bdoe@exam\u200bple.com"),
    ("call +1 212-555-0187 today", "phone_number", "+1 212-555-0187"),
    ("Tel. 030 901820", "phone_number", "030 901820"),
    ("card 4111 1111 1111 1111 ok", "credit_card", "4111 1111 1111 1111"),
    ("card ４１１１１１１１１１１１１１１１", "credit_card", "４１１１１１１１１１１１１１１１"),
    ("IBAN DE89 3704 0044 0532 0130 00.", "iban_code", "DE89 3704 0044 0532 0130 00"),
    ("account number: 10045678", "us_bank_number", "10045678"),
    ("routing number 021000021", "aba_routing_number", "021000021"),
    ("SSN 536-90-4399", "us_ssn", "536-90-4399"),
    ("ITIN 912-70-1234", "us_itin", "912-70-1234"),
    ("passport 912803456", "us_passport", "912803456"),
    ("NHS 943 476 5919", "uk_nhs", "943 476 5919"),
    ("NINO AB 12 34 56 C", "uk_nino", "AB 12 34 56 C"),
    ("DNI 12345678Z", "es_nif", "12345678Z"),
    ("codice fiscale RSSMRA85M01H501Z", "it_fiscal_code", "RSSMRA85M01H501Z"),
    ("PAN ABCPE1234F", "in_pan", "ABCPE1234F"),
    ("Aadhaar 2345 6789 0124", "in_aadhaar", "2345 6789 0124"),
    ("TFN 876 543 210", "au_tfn", "876 543 210"),
    ("NRIC S1234567D", "sg_nric_fin", "S1234567D"),
    ("PESEL 44051401359", "pl_pesel", "44051401359"),
    ("Steuer-ID 86095742719", "de_tax_id", "86095742719"),
    ("server 192.168.10.4", "ip_address", "192.168.10.4"),
    ("host 2001:db8:85a3::8a2e:370:7334", "ip_address", "2001:db8:85a3::8a2e:370:7334"),
    ("pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "crypto", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("office 328-514-1813 x792", "phone_number", "328-514-1813 x792"),
    ("password: hunter2", "credential", "hunter2"),
]
NEAR_MISSES = [
    "The meeting is on 2024-05-06 at 12:30.",
    "card 4111 1111 1111 1112",
    "DE89 3704 0044 0532 0130 01",
    "DNI 12345678A",
    "firmware version 1.2.3.4",
    "see section 4.2.1.3 of the manual",
    "part 943476591 weighs 4 kg",
    "ISBN 978-3-16-148410-0",
    "started at 1601540514, in milliseconds 1699136552277",
    "order no. 2329688403 of item 6423508366",
    "commit 14815530b, part 3-12345678Z-7, key cYJrixsrPmVD7lMErssmra85m01h501z",
    "bar code 6477699496844 and 1701042557639",
    "the coordinates 12.030870, -114.930741 and 0.6 54.5 51.4 6.6 16.0 55.4",
    "1 2 3 4 5 6 7 8 9 10",
    "due on 05.06.2013 or 02.05.1980",
    "₹1,00,000 of 10,00,000",
    "jane.doe at example",
    "yourname@zxbank",
    "Surat – 394210",
    "[EMAIL_ADDRESS] [PHONE_NUMBER] [PERSON_12345678] [CREDIT_CARD] [US_SSN] [IP_ADDRESS]",
]


@pytest.mark.parametrize(("text", "kind", "value"), HITS)
def test_an_identifier_is_found_whole(detector: PiiDetector, text: str, kind: str, value: str) -> None:
    found = detector.detect(text, IDENTIFIERS)
    assert [(finding.kind, text[finding.start : finding.end]) for finding in found] == [(kind, value)]


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_looks_like_an_identifier_is_left_alone(detector: PiiDetector, text: str) -> None:
    assert detector.detect(text, IDENTIFIERS) == []


def test_each_policy_finds_what_the_one_before_it_does_and_more(detector: PiiDetector) -> None:
    text = "Ada Lovelace (ada@example.com) met Charles Babbage in London on 5 May 2020."
    kinds = [{finding.kind for finding in detector.detect(text, policy.entities)} for policy in PiiPolicy]
    assert kinds[0] == {"email_address"}
    assert kinds[1] == {"email_address", "person"}
    assert kinds[2] >= kinds[1] | {"location", "date_time"}


@pytest.mark.parametrize("filler", ["x", "word ", "1 ", "line\n", "a-"])
def test_a_value_is_found_wherever_it_stands_in_a_long_text(detector: PiiDetector, filler: str) -> None:
    for length in (0, 1000, 1190, 1200, 1210, 2390, 5000):
        text = f"{filler * (length // len(filler))} jane.doe@example.com {filler * 300}"
        found = [text[f.start : f.end] for f in detector.detect(text, IDENTIFIERS) if f.kind == "email_address"]
        assert found == ["jane.doe@example.com"], length


def test_findings_are_in_order_and_apart(detector: PiiDetector) -> None:
    text = "\n".join(value for value, _, _ in HITS)
    found = detector.detect(text, IDENTIFIERS)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert len(found) >= len(HITS)


def test_values_are_compared_however_they_are_punctuated(detector: PiiDetector) -> None:
    assert detector.identifier_values("call +1 212-555-0187") == detector.identifier_values("call +1 (212) 555 0187")


def test_threads_share_one_detector(detector: PiiDetector) -> None:
    texts = [f"write to user{number}@example.com" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: detector.detect(text, IDENTIFIERS), texts))
    values = [text[f[0].start : f[0].end] for text, f in zip(texts, found, strict=True)]
    assert values == [f"user{number}@example.com" for number in range(40)]


def test_nothing_heavy_is_imported_before_use_and_no_host_is_looked_up_in_use() -> None:
    program = """
import sys
hosts = []
watched = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
sys.addaudithook(lambda event, args: hosts.append(args) if event in watched else None)
from rag_service.detect.entities import IDENTIFIERS
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy
assert not {"presidio_analyzer", "spacy", "torch"} & set(sys.modules)
found = PiiDetector().detect("Ada Lovelace, jane@example.com", PiiPolicy.STRICT.entities)
assert {"email_address", "person"} <= {f.kind for f in found}
assert "torch" not in sys.modules
assert not hosts, hosts
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_each_recognizers_kind_is_described_and_each_pattern_is_of_a_known_kind(detector: PiiDetector) -> None:
    found = set(detector._patterns.analyzer.get_supported_entities(language="en"))
    assert {kind.lower() for kind in found} == IDENTIFIERS - {"credential", "custom"}


def test_only_what_is_asked_for_is_found_and_what_nothing_finds_cannot_be(detector: PiiDetector) -> None:
    text = "jane@example.com, card 4111 1111 1111 1111, password: hunter2"
    assert [found.kind for found in detector.detect(text, frozenset({"credit_card"}))] == ["credit_card"]
    with pytest.raises(ValueError, match="shoe_size"):
        detector.detect(text, frozenset({"shoe_size"}))
