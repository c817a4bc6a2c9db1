"""Streets with their numbers as several countries write them, post-office boxes, and postal codes.

All by form alone. What a model finds of other addresses is joined to them elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_CAPITAL = "A-ZÀ-ÖØ-ÞĆČĎĐĘĚĞİŁŃŇŐŘŚŠŞŤŮŰŹŻŽ"
_WORD = rf"[{_CAPITAL}][\w'’.-]{{0,30}}"
_SUFFIX = """
Alley|Ally?|Avenue|Ave|Bend|Bnd|Boulevard|Blvd|Branch|Bridge|Brook|Bypass|Canyon|Causeway|Center|Centre|Chase|
Circle|Cir|
Close|Common|Corner|Corners|Course|Court|Courts|Ct|Cove|Creek|Crescent|Cres|Crest|Crossing|Crossroad|Cutting|Dale|
Divide|Drive|Drives|
Dr|Driveway|End|Estate|Estates|Expressway|Extension|Fall|Falls|Field|Fields|Flat|Flats|Ford|Forest|Forge|Fork|Forks|
Freeway|
Garden|Gardens|Gate|Gateway|Glen|Glens|Green|Greens|Grove|Groves|Harbor|Haven|Heath|Heights|Highway|Hwy|Hill|Hills|
Hollow|
Inlet|Island|Junction|Key|Keys|Knoll|Knolls|Lake|Lakes|Landing|Lane|Ln|Lock|Locks|Lodge|Loop|Manor|Meadow|Meadows|
Mews|Mill|
Mills|Mission|Motorway|Mount|Mountain|Oval|Orchard|Overpass|Parade|Park|Parks|Parkway|Pkwy|Pass|Passage|Path|Pike|
Pine|Pines|Place|
Pl|Plain|Plains|Plaza|Point|Points|Port|Ports|Prairie|Promenade|Quay|Radial|Ramp|Ranch|Rapid|Rapids|Rest|Ridge|
Ridges|Rise|River|
Road|Roads|Rd|Route|Row|Shoal|Shoals|Shore|Shores|Skyway|Spring|Springs|Spur|Square|Squares|Sq|Station|Stravenue|
Stream|Street|Streets|
St|Summit|Terrace|Ter|Throughway|Trace|Track|Trafficway|Trail|Trl|Tunnel|Turnpike|Underpass|Union|Unions|Valley|
Valleys|Vale|
Via|Viaduct|View|Views|Village|Villages|Ville|Vista|Walk|Walks|Wall|Way|Ways|Well|Wells|Wharf|Yard|
Quays|Strip|Tarn|Mall|Esplanade|Grange|Nook|Link|Gully|Reach|Highlands|Subdivision
""".replace("\n", "")
_UNIT = (
    r"(?:\s?[,.]?\s{1,2}(?:Apt|Apto|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|Room|Rm|Level|Appartamento|Wohnung|"
    r"Whg|App|Piso|Puerta|"
    r"Bldg|Edif|Edificio|Depto|Interior|Int|Local|Bloco|Andar|Esc|Bte|bus|lgh)"
    r"\.?\s?\#?\s?[\w-]{1,8}|,?\s\#\s?\d{1,6})"
)
_HOUSE = r"\d{1,6}(?:[-/]\d{1,5})?\s?[A-Za-z]?(?:[ ](?:bis|ter)|½)?"
_STREET = re.compile(
    rf"""
    # 12 North High Street, Apt 4
    (?:(?:Flat|Unit|Apt|Suite|Studio|Level|House[ ]No|H\.[ ]?No|Plot[ ]No)\.?\s[\w-]{{1,6}},?\s{{1,2}})?
    (?<![\w.,/#-])\d{{1,6}}[A-Za-z]?(?:[-/]\d{{1,5}})?,?\s(?:[NSEW]{{1,2}}\.?\s)?(?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd
      |th)|of|the)\s){{1,4}}
      (?:{_SUFFIX})\b\.?(?:\s(?:North|South|East|West|[NSEW]{{1,2}})\b\.?)?(?:{_UNIT}){{0,2}}
    # Studio 4, Morris Mountain
    | \b(?:Flat|Unit|Studio|Suite|Apt)\.?\s\d{{1,5}}[A-Za-z]?,?\s(?:{_WORD}\s){{1,3}}(?:{_SUFFIX})\b
    # 12, rue de la Paix
    | (?<![\w.,/-])\d{{1,4}}(?:\s(?:bis|ter))?,?\s(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Bb]d|[Pp]lace|[Cc]hemin
    |[Aa]llée|[Ii]mpasse|[Qq]uai|[Cc]ours|[Rr]oute)
      (?:\s(?!Suite|Apt|Unit|Appartement)(?:de|du|des|la|le|les|{_WORD}|[dl]['’]{_WORD})){{1,6}}(?:{_UNIT}){{0,2}}
    # Calle Mayor 5, Via Roma, 12, Rua das Flores, 33
    | \b(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Paseo|Camino|Ronda|Cuesta|Pasaje|Callejón|Glorieta|Rambla|Via|Viale
    |V\.le|Piazza|Corso|Vicolo|Largo|
      Strada|Contrada|Borgo|Canale|Stretto|Rotonda|Incrocio|Rua|Travessa|Praça|Alameda|Estrada|Rodovia
      |Calzada|Diagonal|Circunvalación|Prolongación|Privada|Retorno|Carrera|Cra\.|Jl\.|Jalan|Jln\.|Gang|Gg\.
      |plac|aleja|Str\.|Strada|Șoseaua
      |Bulevardul|Aleea|[Uu]lica|ul\.|al\.
        |pl\.|os\.)
      (?:\s(?:de|del|della|dei|delle|di|da|das|do|dos|la|las|los|el|{_WORD})){{1,6}},?\s(?:n[º°.]\s?
        |No:?\s?)?{_HOUSE}\b(?:{_UNIT}){{0,2}}
    # boxes
    | \bP\.?\s?O\.?\s?Box\s\d{{1,6}} | \b(?:Postfach|Apartado|Casella\sPostale|Boîte\sPostale|BP|Postbus|Postboks
    |Box)\s\d{{2,6}}\b
    | \b(?:PSC|CMR|Unit)\s\d{{1,5}},?\s{{1,2}}Box\s\d{{1,5}}(?:\s{{1,2}}(?:APO|FPO|DPO)\s(?:AA|AE|AP)\s\d{{5}})?
    | \b(?:USNS|USS|USNV|USCGC|USNS)\s{_WORD}\s{{1,2}}(?:APO|FPO|DPO)\s(?:AA|AE|AP)\s\d{{5}}
    """,
    re.VERBOSE,
)
_JOINED = re.compile(
    rf"(?:straße|strasse|straat|gasse|gatan|vägen|stigen|gränd|gade|vej|gata|veien|vegen|katu|kuja|polku|backen|"
    rf"gården|torget|allén|"
    rf"laan|gracht|plein|kade|dijk|"
    rf"str\.|allee|platz|damm|ufer|weg|steeg|singel|dreef|\b(?:Straße|Strasse|Str\.|Weg|Allee|Platz|Gasse|Ring|"
    rf"Damm|[Uu]tca|[Úú]t|[Úú]tja|[Tt]ér|[Kk]örút|[Uu]lica|[Cc]esta|[Tt]rg|[Nn]áměstí|[Tt]řída|Sokak|Sok\.|"
    rf"Caddesi|Cad\.|Cd\.|Sk\.))"
    rf"\s{_HOUSE}\b(?:{_UNIT}){{0,2}}"
)
_NAME_BEFORE = re.compile(rf"(?:(?:{_WORD}|\d{{1,3}}\.)[ -]){{0,3}}(?:[{_CAPITAL}][\w'’-]{{0,40}})?$")
_POSTAL = re.compile(
    rf"""
    (?<![\w-])(?:[A-Z]{{2}}[ ]\d{{5}}(?:-\d{{4}})?)(?![\w-])                                            # IL 62704
    | (?<![\w-])(?:GIR\s?0AA|[A-PR-UWYZ](?:\d[\dA-HJKPSTUW]?
    |[A-HK-Y]\d[\dABEHMNPRV-Y]?)\s\d[ABD-HJLNP-UW-Z]{{2}})(?![\w-])  # SW1A 1AA
    | (?<![\w-])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d(?![\w-])                 # K1A 0B1
    | (?<=[,\n ])\d{{5}}-\d{{4}}(?![\w-])                                                                # 62704-1234
    | (?<![\w.-])\d{{4}}[ ][A-Z]{{2}}(?=[ ]{{1,2}}{_WORD})  # 1012 AB Amsterdam
    """,
    re.VERBOSE,
)
_CODE_AFTER_WORD = re.compile(
    r"\b(?:zip|zip ?code|post ?code|postal ?code|plz|postleitzahl|code postal|código postal|codice postale|"
    r"cap|eircode|pin ?code)s?\b"
    r"[^\d\n]{0,24}?\b(?P<code>[A-Za-z]{0,2}-?\d[A-Za-z0-9]{1,5}(?:[ -][A-Za-z0-9]{2,4})?)\b(?!\s?%)",
    re.IGNORECASE,
)


def find_streets(text: str) -> Iterator[Finding]:
    """Streets with numbers, and boxes.

    >>> text = "Send it to 12 North High Street, Apt 4, or to P.O. Box 77."
    >>> [text[found.start : found.end] for found in find_streets(text)]
    ['12 North High Street, Apt 4', 'P.O. Box 77']
    """
    for match in _STREET.finditer(text):
        yield Finding("street_address", *match.span(), 0.9)
    for match in _JOINED.finditer(text):  # Hauptstraße 12, Kerkstraat 5: what ends in "street" begins before it
        before = text[max(0, match.start() - 80) : match.start()]
        if name := _NAME_BEFORE.search(before):
            start = match.start() - len(name.group())
            if name.group() or text[match.start()].isupper():
                yield Finding("street_address", start, match.end(), 0.9)


def find_postal_codes(text: str) -> Iterator[Finding]:
    """Codes whose form is theirs alone, and those after a word for them.

    >>> text = "ZIP code: 62704, or SW1A 1AA"
    >>> [text[found.start : found.end] for found in find_postal_codes(text)]
    ['62704', 'SW1A 1AA']
    """
    for match in _CODE_AFTER_WORD.finditer(text):
        yield Finding("postal_code", *match.span("code"), 0.9)
    for match in _POSTAL.finditer(text):
        start = match.start() + (3 if re.match(r"[A-Z]{2} \d", match.group()) else 0)
        yield Finding("postal_code", start, match.end(), 0.8)
