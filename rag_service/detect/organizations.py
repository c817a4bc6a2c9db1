"""Companies, authorities and schools whose names say what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_CAPITAL = "A-ZÀ-ÖØ-ÞĆČĎĐĘĚĞİŁŃŇŐŘŚŠŞŤŮŰŹŻŽ"
_WORD = rf"[{_CAPITAL}0-9][\w'’.&-]{{0,30}}"
_FORMS = (
    r"Inc|Incorporated|Ltd|Limited|LLC|L\.L\.C|LLP|PLC|plc|Corp|Corporation|Co|Company|GmbH|AG|KG|OHG|e\.V|KGaA|SE|SA|S\.A|SAS|SARL|S\.A\.R\.L|"
    r"S\.L|SL|S\.L\.U|SpA|S\.p\.A|S\.r\.l|Srl|SRL|"
    r"BV|B\.V|NV|N\.V|VOF|AB|Oy|Oyj|ApS|A/S|AS|ASA|I/S|Sp\. z o\.o|s\.r\.o|a\.s|Ltda|"
    r"Pty Ltd|Pvt Ltd|Pte Ltd|A\.Ş|Stiftung"
)
_LEGAL = re.compile(
    rf"(?<![\w-])(?:{_WORD}(?:,?[ ](?:(?:and|und|et|y|e|&|of|der|de|van)[ ])?)){{1,5}}"
    rf"(?:(?:&|und)\sCo\.?\s)?(?:{_FORMS})\b"
    r"(?:\s(?:&\sCo\.?\s)?(?:KG|KGaA|Ltd)\b\.?)?"
)
_SONS = re.compile(
    rf"(?<![\w-]){_WORD},?[ ](?:and|&|und)[ ](?:Sons|Partners|Co\.?|Associates|Söhne|Brothers|Company)(?!\w)"
)
_SCHOOLS = re.compile(
    rf"(?<![\w-])(?:(?:The[ ])?(?:University|College|Bank|Ministry|Department|Institute|Museum|"
    rf"Hospital)[ ]of[ ](?:the[ ])?{_WORD}(?:[ ]{_WORD}){{0,2}}"
    rf"|(?:{_WORD}[ ]){{1,3}}(?:University|College|Hospital|Institute|Airlines|Airways|Industries|Holdings?|Group|"
    r"Foundation|Bancorp)(?!\w))"
)


def find_organizations(text: str) -> Iterator[Finding]:
    """Names with a legal form, and those of schools, hospitals and the like.

    >>> text = "Ask Miller and Sons, or Bauer & Fink GmbH."
    >>> [text[found.start : found.end] for found in find_organizations(text)]
    ['Bauer & Fink GmbH', 'Miller and Sons']
    """
    for pattern, score in ((_LEGAL, 0.86), (_SONS, 0.86), (_SCHOOLS, 0.65)):
        for match in pattern.finditer(text):
            yield Finding("organization", *match.span(), score)
