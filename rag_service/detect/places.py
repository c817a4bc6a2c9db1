"""Countries, the states of the United States, and what their people are called: lists, for places without context."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_COUNTRIES = """
Afghanistan|Albania|Algeria|Andorra|Angola|Antigua and Barbuda|Argentina|Armenia|Australia|Austria|Azerbaijan|
Bahamas|Bahrain|Bangladesh|
Barbados|Belarus|Belgium|Belize|Benin|Bermuda|Bhutan|Bolivia|Bosnia and Herzegovina|Bosnia|Botswana|Brazil|Brunei|
Bulgaria|Burkina Faso|
Burundi|Cambodia|Cameroon|Canada|Cape Verde|Central African Republic|Chile|China|Colombia|Comoros|Costa Rica|
Croatia|Cuba|Cyprus|
Czech Republic|Czechia|Denmark|Djibouti|Dominica|Dominican Republic|Ecuador|Egypt|El Salvador|Equatorial Guinea|
Eritrea|Estonia|Eswatini|
Ethiopia|Fiji|Finland|France|French Polynesia|Gabon|Gambia|Germany|Ghana|Gibraltar|Greece|Greenland|Grenada|
Guadeloupe|Guam|Guatemala|
Guinea-Bissau|Guinea|Guyana|Haiti|Honduras|Hong Kong|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|
Ivory Coast|
Cote d'Ivoire|Jamaica|Japan|Kazakhstan|Kenya|Kiribati|Kosovo|Kuwait|Kyrgyzstan|Kyrgyz Republic|Laos|Latvia|Lebanon|
Lesotho|Liberia|Libya|
Liechtenstein|Lithuania|Luxembourg|Macao|Macau|Madagascar|Malawi|Malaysia|Maldives|Mali|Malta|Marshall Islands|
Martinique|Mauritania|
Mauritius|Mayotte|Mexico|Micronesia|Moldova|Monaco|Mongolia|Montenegro|Montserrat|Morocco|Mozambique|Myanmar|
Namibia|Nauru|Nepal|
Netherlands Antilles|Netherlands|New Caledonia|New Zealand|Nicaragua|Nigeria|Niger|Niue|North Korea|North Macedonia|
Macedonia|Norway|Oman|
Pakistan|Palau|Palestine|Panama|Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|
Romania|Russian Federation|
Russia|Rwanda|Saint Kitts and Nevis|Saint Lucia|Saint Helena|Samoa|San Marino|Saudi Arabia|Senegal|Serbia|
Seychelles|Sierra Leone|
Singapore|Slovakia|Slovenia|Solomon Islands|Somalia|South Africa|South Korea|South Sudan|Spain|Sri Lanka|Sudan|
Suriname|Swaziland|
Svalbard|Sweden|Switzerland|Syria|Syrian Arab Republic|Taiwan|Tajikistan|Tanzania|Thailand|Timor-Leste|Togo|Tokelau|
Tonga|
Trinidad and Tobago|Tunisia|Turkey|Türkiye|Turkmenistan|Tuvalu|Uganda|Ukraine|United Arab Emirates|United Kingdom|
United States of America|
United States|Uruguay|Uzbekistan|Vanuatu|Vatican City|Venezuela|Vietnam|Viet Nam|Western Sahara|Yemen|Zambia|
Zimbabwe|American Samoa|Anguilla|Antarctica|Aruba|Bouvet Island|British Indian Ocean Territory|British Virgin Islands|
Brunei Darussalam|Cayman Islands|Christmas Island|Cocos Islands|Cook Islands|Curaçao|Côte d'Ivoire|
Democratic Republic of the Congo|Republic of the Congo|DR Congo|Falkland Islands|Faroe Islands|French Guiana
|French Southern Territories|
Guernsey|Heard Island and McDonald Islands|Isle of Man|Lao People's Democratic Republic|Libyan Arab Jamahiriya
|Norfolk Island|
Northern Mariana Islands|Palestinian Territories|Palestinian Territory|Pitcairn Islands|Réunion
|Saint Barthelemy|Saint Martin|
Saint Pierre and Miquelon|Saint Vincent and the Grenadines|Sao Tome and Principe|São Tomé and Príncipe
|Slovak Republic|
South Georgia and the South Sandwich Islands|Svalbard & Jan Mayen Islands|Turks and Caicos Islands|
United States Virgin Islands|United States Minor Outlying Islands|US Virgin Islands|Wallis and Futuna
|Republic of Korea|
Republic of Ireland|People's Republic of China|England|Scotland|
Wales|Northern Ireland|Great Britain|Deutschland|Österreich|Schweiz|España|Italia|Nederland|België|Sverige|Norge|
Danmark|Suomi|Polska|
Brasil|México|U\\.S\\.A\\.|U\\.S\\.|U\\.K\\.|USA|UK|UAE
""".replace("\n", "")
_STATES = """
Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|
Indiana|Iowa|Kansas|
Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|
New Hampshire|New Jersey|
New Mexico|New York City|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|
South Carolina|South Dakota|
Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|Ontario|Quebec|British Columbia|
Alberta|Manitoba|
Saskatchewan|Nova Scotia|New South Wales|Queensland|Tasmania|Bavaria|Catalonia|Tuscany|Normandy|Los Angeles|
San Francisco|Chicago|Boston|
Seattle|Houston|Dallas|Miami|Philadelphia|Toronto|Vancouver|Montreal|London|Manchester|Birmingham|Liverpool|
Edinburgh|Glasgow|Dublin|Paris|
Lyon|Marseille|Berlin|Hamburg|Munich|Frankfurt|Cologne|Vienna|Zurich|Geneva|Rome|Milan|Naples|Turin|Madrid|
Barcelona|Valencia|Seville|
Lisbon|Porto|Amsterdam|Rotterdam|Brussels|Antwerp|Copenhagen|Stockholm|Gothenburg|Oslo|Helsinki|Warsaw|Krakow|
Prague|Budapest|Bucharest|
Sofia|Athens|Istanbul|Ankara|Moscow|Kyiv|Kiev|Tel Aviv|Jerusalem|Cairo|Lagos|Nairobi|Johannesburg|Cape Town|
Casablanca|Dubai|Abu Dhabi|
Riyadh|Doha|Tehran|Baghdad|Mumbai|Delhi|New Delhi|Bangalore|Bengaluru|Chennai|Kolkata|Hyderabad|Karachi|Lahore|
Dhaka|Bangkok|Kuala Lumpur|
Jakarta|Manila|Hanoi|Beijing|Shanghai|Shenzhen|Guangzhou|Seoul|Tokyo|Osaka|Kyoto|Sydney|Melbourne|Brisbane|Perth|
Auckland|Wellington|
Mexico City|Bogotá|Lima|Santiago|Buenos Aires|São Paulo|Rio de Janeiro|Europe|Asia|Africa|North America|
South America|Latin America
""".replace("\n", "")
_PEOPLES = """
Afghan|Albanian|Algerian|American|Angolan|Argentinian|Argentine|Armenian|Australian|Austrian|Azerbaijani|
Bangladeshi|Belarusian|Belgian|
Bolivian|Bosnian|Brazilian|British|Bulgarian|Burmese|Cambodian|Cameroonian|Canadian|Chilean|Chinese|Colombian|
Congolese|Croatian|Cuban|
Cypriot|Czech|Danish|Dominican|Dutch|Ecuadorian|Egyptian|Emirati|English|Eritrean|Estonian|Ethiopian|Filipino|
Filipina|Finnish|French|
Georgian|German|Ghanaian|Greek|Guatemalan|Haitian|Honduran|Hungarian|Icelandic|Indian|Indonesian|Iranian|Iraqi|
Irish|Israeli|Italian|
Jamaican|Japanese|Jordanian|Kazakh|Kenyan|Korean|Kurdish|Kuwaiti|Laotian|Latvian|Lebanese|Liberian|Libyan|
Lithuanian|Malaysian|Maltese|
Mexican|Moldovan|Mongolian|Moroccan|Namibian|Nepali|Nepalese|Nicaraguan|Nigerian|Norwegian|Omani|Pakistani|
Palestinian|Panamanian|
Paraguayan|Persian|Peruvian|Polish|Portuguese|Qatari|Romanian|Russian|Rwandan|Saudi|Scottish|Senegalese|Serbian|
Singaporean|Slovak|
Slovakian|Slovene|Slovenian|Somali|South African|Spanish|Sudanese|Swedish|Swiss|Syrian|Taiwanese|Tanzanian|Thai|
Tibetan|Tunisian|Turkish|
Ugandan|Ukrainian|Uruguayan|Uzbek|Venezuelan|Vietnamese|Welsh|Yemeni|Zambian|Zimbabwean|European|African|Asian|Arab|
Latino|Latina|Hispanic|
Muslim|Christian|Catholic|Protestant|Jewish|Hindu|Buddhist|Sikh|Mormon|Baptist|Lutheran|Methodist|Evangelical|
Orthodox|Sunni|Shia|Shiite|
Atheist|Republican|Democrat|Democratic|Libertarian|Labour|Tory|Conservative Party|Communist|Socialist
""".replace("\n", "")
_PLACE = re.compile(rf"(?<![\w-])(?:the\s)?(?P<place>{_COUNTRIES}|{_STATES})(?![\w-]|\.\w)")
_PEOPLE = re.compile(
    rf"(?<![\w-])(?:{_PEOPLES})(?:s|es)?(?![\w-]|\s(?:Republic|Guiana|Polynesia|Samoa|Southern|Virgin|Indian|"
    rf"Ocean|Islands?|Sea|Kingdom|Empire)\b)"
)


def find_places(text: str) -> Iterator[Finding]:
    """Countries and well-known regions and cities, written with capitals.

    >>> [found.kind for found in find_places("From Kenya to New York.")]
    ['location', 'location']
    """
    for match in _PLACE.finditer(text):
        yield Finding("location", *match.span("place"), 0.55)


def find_peoples(text: str) -> Iterator[Finding]:
    """Nationalities, religions and parties, written with capitals.

    >>> [found.kind for found in find_peoples("a Kenyan writer")]
    ['nrp']
    """
    for match in _PEOPLE.finditer(text):
        yield Finding("nrp", *match.span(), 0.7)
