"""Which of our kinds a data set's label means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rag_service.detect.entities import ENTITIES
from rag_service.domain.errors import InvalidRequest

_LABELS: Mapping[str, str] = {
    "person": "PER NAME FIRSTNAME LASTNAME MIDDLENAME GIVENNAME SURNAME FULLNAME PATIENT DOCTOR STAFF HCW",
    "location": "GPE LOC FAC FACILITY GEOLOC CITY COUNTRY STATE COUNTY TOWN REGION PLACE LOCATIONOTHER LOCATIONCITY "
    "LOCATIONSTATE LOCATIONCOUNTRY",
    "street_address": "ADDRESS STREET STREETNAME STREETNUMBER BUILDING BUILDINGNUM BUILDINGNUMBER SECONDARYADDRESS "
    "SECADDRESS LOCATIONADDRESS LOCATIONADDRESSSTREET LOCATIONSTREET FULLADDRESS MAILINGADDRESS",
    "postal_code": "ZIPCODE ZIP POSTCODE POSTAL LOCATIONZIP LOCATIONADDRESSZIP",
    "organization": "ORG ORGANISATION COMPANY CORPORATION CORP GROUP GRP HOSPITAL PATORG VENDOR COMPANYNAME",
    "date_time": "DATE TIME DATETIME DATEOFBIRTH BIRTHDATE BIRTHDAY DOB BOD DATEBIRTH DATEINTERVAL",
    "nrp": "NORP NATIONALITY RELIGION ETHNICITY POLITICALAFFILIATION POLITICS ORIGIN RACE RACEETHNICITY",
    "age": "PERSONAGE AGEOVER89",
    "title": "PREFIX SALUTATION HONORIFIC NAMEPREFIX",
    "url": "DOMAINNAME DOMAIN WEBSITE LINK URI HOSTNAME",
    "email_address": "EMAIL MAIL EMAILADDRESS",
    "phone_number": "PHONE TELEPHONE TELEPHONENUM TELEPHONENUMBER PHONENUM PHONENUMBER MOBILE FAX FAXNUMBER CELL",
    "credit_card": "CARD CARDNUMBER CREDITCARDNUMBER CREDITCARDNUM DEBITCARD PAYMENTCARD",
    "iban_code": "IBAN IBANNUMBER",
    "us_bank_number": "ACCOUNTNUM ACCOUNTNUMBER BANKACCOUNT BANKNUMBER BANKACCOUNTNUMBER USBANKNUMBER",
    "crypto": "BITCOIN BITCOINADDRESS CRYPTOADDRESS WALLET BTC",
    "ip_address": "IP IPV4 IPV6 IPADDRESS IPADDR",
    "mac_address": "MAC MACADDRESS",
    "us_ssn": "SSN SOCIALNUM SOCIALNUMBER SOCIALSECURITYNUMBER SOCIALSECURITY",
    "us_passport": "PASSPORT PASSPORTNUM PASSPORTNUMBER",
    "us_driver_license": "DRIVERLICENSE DRIVERLICENSENUM DRIVERLICENSENUMBER DRIVERSLICENSE DRIVERLICENCE "
    "DRIVINGLICENCE DRIVINGLICENSE LICENSE",
    "us_itin": "TAXNUM TAXNUMBER TAXID TIN ITIN TAXIDENTIFICATIONNUMBER",
    "de_id_card": "IDCARD IDCARDNUM IDCARDNUMBER NATIONALID NATIONALIDNUMBER NATIONALIDENTITYNUMBER",
    "credential": "PASSWORD SECRET APIKEY TOKEN PASS CREDENTIALS",
}
_MEANT: Mapping[str, str] = {label: kind for kind, labels in _LABELS.items() for label in labels.split()}
_OWN: Mapping[str, str] = {kind.upper().replace("_", ""): kind for kind in ENTITIES}
_FAMILIES: Mapping[str, frozenset[str]] = {
    "us_passport": frozenset({kind for kind in ENTITIES if kind.endswith("_passport")}),
    "us_driver_license": frozenset({"us_driver_license", "uk_driving_licence", "it_driver_license"}),
    "us_ssn": frozenset({"us_ssn", "uk_nino", "ca_sin", "de_social_security", "kr_rrn", "us_itin"}),
    "us_itin": frozenset(
        {"us_itin", "de_tax_id", "es_nif", "es_nie", "it_fiscal_code", "in_pan", "au_tfn", "it_vat_code"}
    ),
    "de_id_card": frozenset(
        {"de_id_card", "it_identity_card", "es_nif", "es_nie", "pl_pesel", "sg_nric_fin", "in_aadhaar",
         "tr_national_id", "th_tnin", "ng_nin", "za_id_number",
         "fi_personal_identity_code", "se_personnummer", "kr_rrn"}
    ),
}  # fmt: skip
"""Labels that name no country mean what any country calls so."""


def kinds_of(labels: Iterable[str], chosen: Mapping[str, str]) -> dict[str, str | None]:
    """Each label with its kind; ``None`` for one that we do not look for. ``chosen`` goes before what is known.

    >>> kinds_of(["GPE", "person", "LASTNAME1", "creative-work"], {})
    {'GPE': 'location', 'person': 'person', 'LASTNAME1': 'person', 'creative-work': None}
    """
    found: dict[str, str | None] = {}
    for label in labels:
        name = re.sub(r"[\W_]", "", label.upper())
        found[label] = (chosen[label] if label in chosen else _kind(name) or _kind(name.rstrip("0123456789"))) or None
    return found


def judged_as(kinds: Mapping[str, str | None]) -> dict[str, str]:
    """Kinds that count as the one a label maps to: a passport of any country for PASSPORT, unless it has a label.

    >>> judged_as({"PASSPORT": "us_passport", "UK_PASSPORT": "uk_passport"})["de_passport"]
    'us_passport'
    """
    asked = {kind for kind in kinds.values() if kind}
    general = {kind for label, kind in kinds.items() if kind and not re.match("(?i)US_", label)}
    found: dict[str, str] = {}
    for kind in sorted(general & _FAMILIES.keys()):
        for member in _FAMILIES[kind] - asked:
            found.setdefault(member, kind)
    return found


def _kind(name: str) -> str | None:
    return _OWN.get(name) or _MEANT.get(name)


def read_choices(pairs: Iterable[str]) -> dict[str, str]:
    """``LABEL=kind`` as given on a command line; ``LABEL=`` says that a label is not looked for.

    Raises:
        InvalidRequest: without a sign of equality, or of a kind that does not exist.
    """
    chosen: dict[str, str] = {}
    for pair in pairs:
        label, equals, kind = pair.partition("=")
        if not (label and equals) or (kind and kind not in ENTITIES):
            raise InvalidRequest(f"--map takes LABEL=kind, where kind is one of {', '.join(sorted(ENTITIES))}")
        chosen[label] = kind
    return chosen
