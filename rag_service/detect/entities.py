"""Every kind of personal data that can be found, in a line each: the words that policies, counts and settings use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CREDENTIAL = "credential"
CUSTOM = "custom"

_EVERYWHERE = {
    "email_address": "an e-mail address",
    "phone_number": "a telephone number, of any country",
    "credit_card": "a payment card's number (checksum)",
    "iban_code": "an international bank account number (checksum)",
    "us_bank_number": "an account number beside a word that says so",
    "aba_routing_number": "a bank's routing number in the United States",
    "crypto": "the address of a wallet",
    "ip_address": "an IPv4 or IPv6 address",
    "mac_address": "a network card's address",
    "medical_license": "a licence to prescribe in the United States (DEA)",
    CREDENTIAL: "a password, key, token, private key or connection string",
    CUSTOM: "what the recognizers of RAG_RECOGNIZERS find that name no other kind",
}
_NATIONAL = {
    "us_ssn": "United States: social security number",
    "us_itin": "United States: individual taxpayer number",
    "us_mbi": "United States: Medicare beneficiary",
    "us_passport": "United States: passport",
    "us_driver_license": "United States: driver's licence",
    "uk_nhs": "United Kingdom: NHS number",
    "uk_nino": "United Kingdom: national insurance number",
    "uk_driving_licence": "United Kingdom: driving licence",
    "uk_passport": "United Kingdom: passport",
    "es_nif": "Spain: NIF",
    "es_nie": "Spain: NIE",
    "es_passport": "Spain: passport",
    "it_fiscal_code": "Italy: codice fiscale",
    "it_vat_code": "Italy: partita IVA",
    "it_passport": "Italy: passport",
    "it_identity_card": "Italy: identity card",
    "it_driver_license": "Italy: driving licence",
    "in_pan": "India: permanent account number",
    "in_aadhaar": "India: Aadhaar",
    "in_passport": "India: passport",
    "in_voter": "India: voter's card",
    "au_tfn": "Australia: tax file number",
    "au_medicare": "Australia: Medicare",
    "sg_nric_fin": "Singapore: NRIC or FIN",
    "pl_pesel": "Poland: PESEL",
    "fi_personal_identity_code": "Finland: henkilötunnus",
    "se_personnummer": "Sweden: personnummer",
    "kr_rrn": "Korea: resident registration number",
    "de_tax_id": "Germany: tax id",
    "de_social_security": "Germany: pension insurance number",
    "de_id_card": "Germany: identity card",
    "de_passport": "Germany: passport",
    "de_health_insurance": "Germany: health insurance number",
    "ca_sin": "Canada: social insurance number",
    "tr_national_id": "Turkey: TCKN",
    "th_tnin": "Thailand: national id",
    "ng_nin": "Nigeria: national id",
    "za_id_number": "South Africa: identity number",
}
_NAMED = {
    "person": "a person's name",
    "location": "a place: city, region, country, building",
    "street_address": "a street with its number, or a post-office box",
    "postal_code": "a postal code beside what tells that it is one",
    "organization": "a company, authority or other organisation",
    "date_time": "a date or a time of day",
    "nrp": "a nationality, religion or political group",
    "age": "somebody's age",
}
_ASKED_FOR = {
    "title": "a form of address before a name (Mr, Dr)",
    "url": "a link or the name of a host",
}

ENTITIES: Mapping[str, str] = MappingProxyType(_EVERYWHERE | _NATIONAL | _NAMED | _ASKED_FOR)
"""Kind to what it is. ``Finding.kind`` is one of these."""

IDENTIFIERS: frozenset[str] = frozenset(_EVERYWHERE | _NATIONAL)
"""What is found by its form, in any language."""

NEEDS_LANGUAGE: frozenset[str] = frozenset({"person", "location", "organization", "date_time", "nrp"})
"""What is found well only in the languages of ``SUPPORTED_LANGUAGES``, as it takes a model or word lists."""

NAMED: frozenset[str] = frozenset(_NAMED)
"""What is told by the words around it, or by a model."""
