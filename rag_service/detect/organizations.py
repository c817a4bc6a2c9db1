"""Companies, authorities and schools: whose names say what they are, or of whom the words around say it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.detect.known_organizations import KNOWN_ORGANIZATIONS
from rag_service.detect.person_cues import TITLES
from rag_service.detect.places import find_peoples, find_places
from rag_service.domain.document import Finding

_CAPITAL = "A-ZÀ-ÖØ-ÞĆČĎĐĘĚĞİŁŃŇŐŘŚŠŞŤŮŰŹŻŽ"
_WORD = rf"[{_CAPITAL}0-9][\w'’.&-]{{0,30}}"
_FORMS = (
    r"Inc|Incorporated|Ltd|Limited|LLC|L\.L\.C|LLP|PLC|plc|Corp|Corporation|Co|Company|GmbH|AG|KG|OHG|e\.V|KGaA|"
    r"SE|SA|S\.A|SAS|SARL|S\.A\.R\.L|"
    r"S\.L|SL|S\.L\.U|S\.L\.L|S\.A\.U|S\.Com|C\.B|SpA|S\.p\.A|S\.r\.l|Srl|SRL|s\.n\.c|S\.A\.S|"
    r"BV|B\.V|NV|N\.V|VOF|V\.O\.F|AB|HB|Oy|Oyj|ApS|A/S|AS|ASA|I/S|K/S|Sp\. z o\.o|Sp\.k|s\.r\.o|a\.s|v\.o\.s|k\.s|"
    r"Kft|Zrt|Nyrt|Bt|Kkt|d\.o\.o|d\.d|j\.d\.o\.o|s\.p|OÜ|UAB|SIA|Ltda|S/A|Lda|EIRELI|"
    r"Tbk|Pty Ltd|Pvt Ltd|Pte Ltd|Sdn Bhd|A\.Ş|Ltd\. Şti|Tic|San|S\.A\. de C\.V|S\.C|Stiftung"
)
_LEGAL = re.compile(
    rf"(?<![\w-])(?:{_WORD}(?:,?[ ](?:(?:and|und|et|y|e|en|&|of|der|de|van)[ ])?)){{1,5}}"
    rf"(?:(?:&|und)\sCo\.?\s)?(?:{_FORMS})(?!\w)(?:[ ]de[ ]C\.V\.?)?"
    r"(?:\s(?:&\sCo\.?\s)?(?:KG|KGaA|Ltd)\b\.?)?"
)
_SONS = re.compile(
    rf"(?<![\w-]){_WORD},?[ ](?:and|&|und|y|e|et|og|och|en)[ ]"
    r"(?:Sons|Partners|Co\.?|Associates|Söhne|Brothers|Company|[Aa]sociados|[Aa]ssociados|Filhos|Hijos|[Ff]ils|"
    r"Figli|Zonen|Sønner|Söner)(?!\w)"
)
_AMPERSAND = re.compile(
    rf"(?<![\w-])(?:(?:[{_CAPITAL}][\w'’-]{{2,24}}|van|de|von)[ ]){{1,2}}&[ ](?:van[ ]|de[ ]|"
    rf"von[ ])?[{_CAPITAL}][\w'’-]{{2,24}}(?![\w-])"
)
_SCHOOLS = re.compile(
    rf"(?<![\w-])(?:(?:The[ ])?(?:University|College|Bank|Ministry|Department|Institute|Museum|"
    rf"Hospital|Bureau|Office|School|Academy|Church|House)[ ]of[ ](?:the[ ])?{_WORD}(?:[ ](?:and[ ])?{_WORD}){{0,2}}"
    rf"|(?:{_WORD}[ ]){{1,3}}(?:University|College|Hospital|Institute|Airlines|Airways|Air[ ]Lines|Industries|"
    rf"Holdings?|Group|"
    r"Foundation|Bancorp|Motors|Logistics|Traders|Technologies|Pharmaceuticals|Pharma|Consulting|Realty|Bakery|"
    r"Electronics|Enterprises|Ventures|Studios|Pictures|Records|Entertainment|Telecom|Petroleum|Steel|"
    r"Credit[ ]Union|Insurance|Bank|Brewery|Breweries|Landscaping|Plumbing|Supermarkets?|Tribune|Gazette|Herald|"
    r"Dental[ ]Practice|Clinic|Medical[ ]Cent(?:er|re)|High[ ]School|Police[ ]Department|Police|Council|"
    r"Chamber[ ]of[ ]Commerce|Association|Federation|Society)(?!\w))"
)
_PLAIN = rf"[{_CAPITAL}][\w'’&-]{{0,30}}(?:\.\w{{1,10}}){{0,3}}"  # a stop that ends a sentence ends the name
_NAME = (
    rf"(?P<name>{_PLAIN}(?:(?:,[ ](?=(?:{_PLAIN},?[ ]){{1,2}}(?:and|&|und|y|e|et|en)[ ])"
    rf"|[ ](?:(?:&|and|und|y|et|of|de|van)[ ])?){_PLAIN}){{0,4}})"
)
_BEFORE = re.compile(
    rf"""
    (?:\b(?:[Ww]ork(?:s|ed|ing)?|[Ee]mployed|[Ii]ntern(?:s|ed|ing)?|[Jj]obs?|[Ii]nternship|[Cc]areer|[Ss]hift
        |[Ii]nterview(?:ed)?|accountant|engineer|analyst|consultant|manager|nurse|lawyer|developer)[ ](?:for|at|by)
      |\b[Ee]mployed[ ]by|\b(?:[Aa]cquired|[Mm]anufactured|[Oo]perated|[Ii]nsured|[Aa]udited)[ ]by
      |\b(?:[Ss]hares|[Ss]tock|[Ss]hareholders|[Ss]ubsidiary|[Ee]mployees|[Hh]eadquarters|[Cc]ustomers
      |[Bb]ranch(?:es)?
        |[Ss]tores|CEO|CFO|CTO|COO|chief[ ]executive(?:[ ]officer)?|[Cc]hair(?:man|woman)|[Ff]ounder|[Cc]o-founder
        |[Ss]pokes(?:man|woman|person)|[Ee]xecutives|[Tt]akeover|[Aa]cquisition|[Mm]anagement|[Bb]oard)[ ](?:of
        |for|at|from)
      |\b(?:[Mm]erger|[Jj]oint[ ]venture|[Pp]artnership|[Cc]ontract|[Aa]ccount|[Ss]ubscription|[Mm]embership
      |[Pp]olicy)[ ]with
      |\b[Oo]n[ ]behalf[ ]of[ ]the[ ]firm|\boffices?[ ]of|\b(?:[Nn]earest|[Cc]losest)|\b(?:[Bb]ought
      |[Ss]hop(?:ped|ping)?)(?:[ ](?:it|them|this))?[ ]at
      |\b(?:[Tt]he|[Aa])[ ](?:firm|company|bank|corporation|agency|retailer|manufacturer|airline|startup
      |law[ ]firm|brand)
        (?:[ ]called|[ ]named)?
      |\b[Oo]ur[ ](?:customer|client|supplier|insurer|partner|competitor)
      |(?:^|\n)[ \t*|]{{0,6}}(?:Employer|Company|Firm|Organi[sz]ation|Vendor|Supplier|Bank|Insurer|Carrier
      |School|University
        |Institution)(?:[ ][Nn]ame)?[ ]{{0,2}}:)
    [ ]{{1,3}}(?:the[ ])?{_NAME}
    """,
    re.VERBOSE,
)
_AFTER = re.compile(
    rf"(?<![\w'’-]){_NAME}"
    r"(?=[ ](?:shareholders|employees|executives|headquarters|stores|spokes(?:man|woman|person)|CEO|is[ ]hiring|"
    r"are[ ]hiring"
    r"|is[ ]looking[ ]for[ ](?:an?|new)[ ]|went[ ]bankrupt|filed[ ]for[ ]bankruptcy|has[ ]laid[ ]off|laid[ ]off"
    r"|reported[ ](?:an?[ ])?(?:record|loss|profit|higher|lower|quarterly)|acquired|and[ ]its[ ]subsidiaries)\b"
    r"|,[ ]represented[ ]by|,?[ ]\((?:the[ ])?[\"“](?:Employer|Company|Supplier|Vendor|Lender|Bank|Insurer|"
    r"Contractor|Provider)"
    r"|,[ ](?:an?|the)[ ](?:[\w-]{1,20}[ ]){0,3}(?:company|firm|corporation|bank|manufacturer|retailer|subsidiary)\b)"
)
_KNOWN = re.compile(rf"(?<![\w-])(?:{'|'.join(KNOWN_ORGANIZATIONS)})(?![\w-]|\.\w)")
_LOWER = re.compile(r"\b[^\W\d_A-Z][^\W\d_]{1,30}")
_NO_NAME = re.compile(
    rf"(?:{TITLES}|The|This|That|These|Those|My|Your|His|Her|Its|Our|Their|A|An|I|It|He|She|We|You|They|In|On|"
    rf"At|If|When|As|And|But|"
    r"All|Any|Each|Every|No|Some|Head|Senior|Junior|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|"
    r"February|March|April|May|June|July|August|September|October|November|December|Who|What|Which|Where|"
    r"Directors|Trustees|Regents|Governors|Education|"
    r"How|Why|Does|Did|Do|Has|Have|Can|Could|Will|Would|Should|Is|Are|Was|Were|Please|Contact|Date|Name|Address|"
    r"Phone|Number)(?!\w)"
)


def find_organizations(text: str) -> Iterator[Finding]:
    """Names with a legal form, those of schools, hospitals and the like, those that everybody knows, and those that
    the words before or after them are only said of.

    >>> text = "Ask Miller and Sons, or Bauer GmbH. Ann works for Corvane."
    >>> sorted(text[found.start : found.end] for found in find_organizations(text))
    ['Bauer GmbH', 'Corvane', 'Miller and Sons']
    """
    for pattern, score in ((_LEGAL, 0.88), (_SONS, 0.88), (_AMPERSAND, 0.6), (_KNOWN, 0.87), (_SCHOOLS, 0.65)):
        for match in pattern.finditer(text):
            start = _name_start(text, *match.span())
            if start < match.end() and (pattern is not _AMPERSAND or is_in_prose(text, *match.span())):
                yield Finding("organization", start, match.end(), score)
    for pattern in (_BEFORE, _AFTER):
        for match in pattern.finditer(text):
            name = match["name"].rstrip(".'’&-")
            if name.endswith(("'s", "’s")):
                name = name[:-2]
            if not name or _NO_NAME.match(name) or _is_place(name):
                continue
            yield Finding("organization", match.start("name"), match.start("name") + len(name), 0.87)


def _name_start(text: str, start: int, end: int) -> int:
    """Where the name begins, after what begins a sentence or names the department before a comma."""
    while leading := _NO_NAME.match(text, start, end):
        start = leading.end() + 1
    before, comma, _ = text[start:end].rpartition(", ")
    first = before.split(", ")[0]
    return start + len(first) + 2 if comma and " " in first else start


def is_in_prose(text: str, start: int, end: int) -> bool:
    """Whether the line says more than what was found: headings and cells are full of capitals that name nobody.

    >>> is_in_prose("Summer & Fall 2025", 0, 13), is_in_prose("They bought it from Bauer & Fink", 20, 32)
    (False, True)
    """
    low, high = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    around = f"{text[low:start]} {text[end : high if high >= 0 else len(text)]}"
    return len(_LOWER.findall(around)) >= 2


def is_known_organization(name: str) -> bool:
    """Whether everybody knows it by this name."""
    return _KNOWN.fullmatch(name) is not None


def _is_place(name: str) -> bool:
    return any(one.end - one.start == len(name) for find in (find_places, find_peoples) for one in find(name))
