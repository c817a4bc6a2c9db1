"""The language of a text, by its script and by the small words that only one language uses: no model, no data files.

Whoever removes names must know where none can be found: English is what the models of names were made for.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

from rag_service.detect.windows import paragraphs

SUPPORTED_LANGUAGES = frozenset({"en"})
"""The languages (ISO 639-1) in which ``NEEDS_LANGUAGE`` kinds are looked for with a known quality."""

UNKNOWN = "und"
"""A text of words in none of the languages known here (ISO 639-2)."""

_SMALL_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(word for word in words.split() if len(word) > 1)
    for language, words in {
        "en": "the of and to in is for that with are on be this by from or an have has was were you your will"
        " not can which"
        " at if it as all any their when must may should how what please before after each more than",
        "de": "der die das und ist nicht ein eine einen mit von für auf den dem des im zu sich auch werden wird"
        " sind bei oder"
        " nach wie über durch aus zum zur haben sie ich wir kann",
        "fr": "le la les des et est une dans pour que qui sur avec pas vous nous au aux ce cette sont par plus"
        " être du en ou"
        " votre vos il elle mais ses",
        "es": "el la los las de y es una por para con que del se no su sus al más como está son pero este esta"
        " en lo ser han",
        "it": "il lo gli la le di e è un una per con che del della dei delle non si sono nel nella alla più"
        " come anche questo",
        "pt": "o os as de e é um uma para com que do da dos das não se em no na nos mais como são ao pelo pela"
        " você este",
        "nl": "de het een en van is dat niet voor met op zijn aan er ook worden wordt naar bij uit of deze door"
        " kan hebben",
        "sv": "och att det som en är på för med av inte den till om har ett kan från eller vid ska de vi",
        "da": "og at det som en er på for med af ikke den til om har et kan fra eller ved skal de vi blev",
        "nb": "og å det som en er på for med av ikke den til om har et kan fra eller ved skal de vi ble",
        "fi": "ja on ei että se oli ovat kun joka myös tai mutta hän olla niin kuin sekä ovat voi",
        "pl": "i w na z do nie się jest że to o jak po ale od za przez dla są oraz który które",
        "cs": "a v na se je že to s z do o k i za pro ale jako by jsou nebo který které podle",
        "hu": "a az és hogy nem is egy ez meg van volt de csak mint vagy kell lehet",
        "ro": "și de la în cu nu un o pe care este sunt din pentru mai sau prin ale fi",
        "tr": "ve bir bu için ile da de çok olarak daha olan gibi kadar ya veya değil en her",
        "id": "yang dan di untuk dengan dari ini itu pada tidak adalah ke akan dapat atau oleh dalam",
        "vi": "và của là có không được cho với một các những này người trong khi đã để từ",
        "sw": "na ya wa kwa ni katika la za kuwa hii yake huo cha kama lakini au",
        "ca": "el la els les de i és una per amb que del no es al més com aquest aquesta són en",
    }.items()
}
_SCRIPTS: Mapping[str, str] = {
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARABIC": "ar",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "GUJARATI": "gu",
    "THAI": "th",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
    "ARMENIAN": "hy",
    "GEORGIAN": "ka",
    "ETHIOPIC": "am",
}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SAMPLE = 20_000
_FEW_WORDS = 12
_LEAST_SMALL = 0.1
_LEAST_DISTINCT = 3
_PROSE = 0.6
_MOSTLY = 0.5
"""The share from which on words of no known language count: lists of terms look like such."""
_NOTABLE = 0.2
"""The share of a text from which on a language that is not its main one counts."""


def detected_language(text: str) -> str:
    """The text's language (ISO 639-1), or ``und``. Too short a text is taken for English, with which it would"
        " be searched.

    Where an unsupported language has a fifth of the text or more, it is that: nobody shall believe that all of the text
    was searched.

    >>> detected_language("Der Vertrag ist von beiden Seiten und mit Datum zu unterschreiben, sonst gilt er nicht.")
    'de'
    >>> detected_language("The contract must be signed by both parties.")
    'en'
    """
    shares = languages_in(text)
    known = (
        shares.items() - {(UNKNOWN, shares.get(UNKNOWN, 0.0))} if shares.get(UNKNOWN, 0.0) < _MOSTLY else shares.items()
    )
    foreign = {language: share for language, share in known if language not in SUPPORTED_LANGUAGES}
    if sum(foreign.values()) >= _NOTABLE:
        return max(foreign, key=lambda language: foreign[language])
    return "en"


def languages_in(text: str) -> Mapping[str, float]:
    """Each language with its share of the letters, paragraph by paragraph; paragraphs too short to tell do not"
    " count."""
    letters: Counter[str] = Counter()
    for sample in _samples(text):
        unsure: list[str] = []
        for piece in paragraphs(sample):
            passage = sample[piece.start : piece.end]
            if language := _language(passage):
                letters[language] += sum(map(str.isalpha, passage))
            else:
                unsure.append(passage)
        joined = "\n".join(unsure)
        if language := _language(joined):  # headings, cells and lines of a list, which say something together
            letters[language] += sum(map(str.isalpha, joined))
    total = letters.total()
    return {language: count / total for language, count in letters.most_common()} if total else {}


def _samples(text: str) -> list[str]:
    """All of a text that is not long; of a long one its beginning, its end and parts between."""
    if len(text) <= 5 * _SAMPLE:
        return [text]
    step = (len(text) - _SAMPLE) // 4
    return [text[index * step : index * step + _SAMPLE] for index in range(5)]


def _language(passage: str) -> str | None:
    """The passage's language, ``und`` for words in none that is known, or None for too little to tell."""
    if script := _foreign_script(passage):
        return script
    words = [word.casefold() for word in _WORD.findall(passage)]
    if len(words) < _FEW_WORDS:
        return None
    counts = Counter(words)
    found = {language: sum(counts[word] for word in small) for language, small in _SMALL_WORDS.items()}
    best = max(found, key=lambda language: found[language])
    distinct = sum(word in counts for word in _SMALL_WORDS[best])
    if found[best] >= _LEAST_SMALL * len(words) and distinct >= _LEAST_DISTINCT:
        return "en" if found["en"] == found[best] else best
    lower = sum(word[0].islower() for word in _WORD.findall(passage))
    is_prose = lower >= _PROSE * len(words) and len(words) >= 4 * _FEW_WORDS  # and no table of names or numbers
    return UNKNOWN if is_prose and found["en"] < _LEAST_SMALL * len(words) else None


def _foreign_script(passage: str) -> str | None:
    counts: Counter[str] = Counter()
    letters = [character for character in passage if character.isalpha()]
    for character in letters:
        if not character.isascii():
            script = unicodedata.name(character, "").split(" ", 1)[0].split("-", 1)[0]
            if script != "LATIN":
                counts[_SCRIPTS.get(script, UNKNOWN)] += 1
    if not counts or 3 * counts.total() < len(letters):
        return None
    if counts["ja"]:
        return "ja"  # which is written with Chinese characters as well
    return counts.most_common(1)[0][0]
