"""Names that the words around them give away (forms of address, greetings, closings, forms), and forms of address."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_CAPITAL = "A-ZÀ-ÖØ-ÞĆČĎĐĘĚĞİŁŃŇŐŘŚŠŞŤŮŰŹŻŽ"
_WORD = rf"(?:[{_CAPITAL}](?:[\w'’]{{1,24}}|\.)(?:-[{_CAPITAL}][\w'’]{{1,24}})?)"
_NAME = (
    rf"(?P<name>{_WORD}(?:[ ]{{1,2}}(?:(?:van|von|de|der|den|da|del|della|di|dos|la|le|al|bin|ten|zu)"
    rf"[ ]){{0,2}}{_WORD}){{0,3}})"
)
TITLES = (
    r"(?:Mr|Mrs|Ms|Mx|Messrs|Dr|Prof|Rev|Hon|Sr|Sra|Srta|Sig|Dott|Mme|Mlle)\b\.?"
    r"|(?:Miss|Sir|Madam|Lady|Lord|Dame|Professor|Doctor|Herr|Frau|Fräulein|Señor|Señora|Monsieur|Madame|Signor|"
    r"Signora)\b"
)
_TITLED = re.compile(rf"(?<![\w.])(?P<title>{TITLES})(?:[ ](?:Dr|Prof)\.?)?[ ]{{1,2}}{_NAME}")
_CUES = re.compile(
    rf"""
    (?:(?:[Mm]y|[Hh]is|[Hh]er|[Tt]he)[ ](?:full[ ]|first[ ]|last[ ]|middle[ ])?name(?:['’]s|[ ]is)
      |[Ii]['’]?[ ]?am[ ]called|[Tt]his[ ]is|[Ss]igned[ ]by|[Ss]incerely[ ]yours)
      [ ,:]{{1,3}}{_NAME}(?=[^\w]|$)
    | (?:^|\n)[ \t]{{0,8}}(?:Dear|Hi|Hello|Hey|Hallo|Liebe[r]?|Hola|Ciao|Bonjour|Caro|Cara|Cher|Chère
    |Querid[oa])[ ]{_NAME.replace("P<name>", "P<name2>")}[ ]{{0,2}}[,!:\n-]
    | (?:^|\n)[ \t>*|]{{0,8}}(?:(?:Full[ ]|First[ ]|Last[ ]|Sur|Customer[ ]|Patient[ ]|Contact[ ]|Employee[ ]
    |Account[ ])?[Nn]ame|Patient|Contact|Attn|Attention|Applicant
      |Tenant|Landlord|Beneficiary|Recipient|Employee|Signed|Signature|Witness|From|To
      |Cc)[ ]{{0,2}}:\**[ \t]{{0,4}}{_NAME.replace("P<name>", "P<name3>")}[ \t]{{0,4}}(?=[<(,|\n]|$)
    | (?:[Rr]egards|[Ss]incerely|[Tt]hanks|[Tt]hank[ ]you|[Cc]heers|[Ww]ishes|[Yy]ours|[Tt]ruly|[Ff]aithfully
    |[Ll]ove|[Gg]rüßen|[Gg]rüße)[ ]{{0,2}}[,.!]?[ ]{{0,2}}\n{{1,3}}[ \t]{{0,8}}
      {_NAME.replace("P<name>", "P<name4>")}[ \t]{{0,4}}(?=[\n,|]|$)
    """,
    re.VERBOSE,
)
_NOT_NAMES = frozenset(
    """all team everyone everybody sir madam customer support colleague colleagues friend friends there user users sales
    customers students student parents guests members member applicant hiring manager service services valued
    subject date
    the a an our your this that please thank thanks dear hello hi hr it i we you if in on at to from re n/a none no
    yes
    department office director board committee dean ladies gentlemen""".split()
)


def find_titles(text: str) -> Iterator[Finding]:
    """Forms of address that stand before a name.

    >>> text = "Ask Dr. Lovelace, sir."
    >>> [text[found.start : found.end] for found in find_titles(text)]
    ['Dr.']
    """
    for match in _TITLED.finditer(text):
        yield Finding("title", *match.span("title"), 0.9)


def find_cued_names(text: str) -> Iterator[Finding]:
    """Names after a form of address, a greeting, a closing, or the label of a form.

    >>> text = "Ask Dr. Lovelace. My name is Grace Hopper."
    >>> [text[found.start : found.end] for found in find_cued_names(text)]
    ['Lovelace', 'Grace Hopper']
    """
    for pattern, groups in ((_TITLED, ("name",)), (_CUES, ("name", "name2", "name3", "name4"))):
        for match in pattern.finditer(text):
            for group in groups:
                if match[group] and not _NOT_NAMES & set(re.split(r"[\s.]+", match[group].casefold())):
                    yield Finding("person", *match.span(group), 0.8)
