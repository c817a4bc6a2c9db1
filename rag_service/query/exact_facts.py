"""What a sentence may never say otherwise than its passage does: amounts, turns of meaning, active forms, signs.

Words can be compared by share; these cannot, because one of them turns a true sentence into a false or harmful one.
Every pattern here reads each character a bounded number of times.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from rag_service.lexical import STOP_WORDS, terms

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBER_WORDS = (
    {word: str(number) for number, word in enumerate(_ONES.split())}
    | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
    | {word: word for word in "half quarter dozen hundred thousand million billion trillion".split()}
    | {word + "s": word for word in "dozen hundred thousand million billion trillion".split()}
)
_UNITS = frozenset(
    terms(
        "second minute hour day night week fortnight month quarter year decade cent euro eur pound gbp dollar usd "
        "franc chf yen percent percentage gram kilogram kg tonne metre meter kilometre kilometer km "
        "mile litre liter degree watt kilowatt kw kwh volt amp horsepower hp mph kmh byte kb mb gb tb inch foot feet "
        "yard ounce pound stone hectare acre point star grade credit mark"
    )
)
_NOT = frozenset({"not", "cannot"})
TURNS = _NOT | frozenset(
    """no never none neither nor without hardly barely rarely seldom scarcely unless except only all some before after
    above below under over more less fewer most least against until minimum maximum minus negative must may might
    should can could shall if provided providing otherwise whether when whenever once than every each any either up
    exactly approximately nearly almost roughly non anti ex former formerly previously false falsely alleged allegedly
    supposedly doubt doubts denies denied claims""".split()
)
"""Words that turn a meaning. Many are stop words, so that no comparison of content words would miss them."""

_TOKEN = re.compile(
    r"(?P<number>(?:(?<![\w)\]])[-−+±])?[€$£¥]?\d+(?:[.,:/-]\d+)*(?:[^\W\d_]{1,12}|\s?[%‰°])?)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)|(?P<pause>[.,;:!?()\[\]])"
)
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
_ACTIVE = re.compile(
    r"\](?=[(:\[])|!\[|<(?=[^\W\d_]|[/!?])|//|\\|@|&(?=[#\w])|\w\.(?=[^\W\d_])"
    r"|(?<![^\W_])[^\W\d_][\w+-]{0,30}:(?=\S)"
)
_BEFORE, _BEHIND = "\"'“”‘’(", "\"'“”‘’(),;:.!?"
_PER = frozenset({"a", "an", "per"})
_TIMES = frozenset({"once", "twice", "thrice", "times"})
_UNIT_WITHIN = 2
"""A unit may stand one word after its number: "five working days"."""


@dataclass(frozen=True, slots=True)
class Exact:
    """``amounts`` and ``active`` must all stand in the support; ``turns`` must be the same ones."""

    amounts: frozenset[str]
    active: frozenset[str]
    turns: frozenset[tuple[str, str]]


def exact_facts(text: str) -> Exact:
    """The amounts with sign, scale and unit; the active forms; each turning word with what follows it.

    >>> facts = exact_facts("Never pay 1,200 million euros before five working days, see https://pay.example/x.")
    >>> sorted(facts.amounts), sorted(facts.active), sorted(facts.turns)
    (['1200 million euro', '5 day'], ['https://pay.example/x'], [('before', '5'), ('never', 'pay')])
    """
    tokens = [(str(match.lastgroup), match.group().lower().replace("’", "'")) for match in _TOKEN.finditer(text)]
    values = [_amount(kind, token) for kind, token in tokens]
    amounts: set[str] = set()
    at = 0
    while at < len(tokens):
        start = at
        while at < len(tokens) and values[at]:
            at += 1
        if at > start:
            amounts.add(" ".join(filter(None, [*values[start:at], _unit_after(tokens, values, at)])))
        at += 1
    turns: set[tuple[str, str]] = set()
    turns |= _rates(tokens, values)
    following = ""
    for (kind, token), value in zip(reversed(tokens), reversed(values), strict=True):
        turn = "not" if token in _NOT or token.endswith("n't") else token
        if turn in TURNS:
            turns.add((turn, following))
        elif value or (kind == "word" and token not in STOP_WORDS):
            following = value or terms(token)[0]
    return Exact(frozenset(amounts), active_forms(text), frozenset(turns))


def _rates(tokens: list[tuple[str, str]], values: list[str]) -> set[tuple[str, str]]:
    """What an amount is for: "twice a day", "5 euros per month"; without it the amount is another."""
    found = set()
    for at in range(1, len(tokens) - 1):
        before, unit = tokens[at - 1][1], _unit_after(tokens, values, at + 1)
        is_amount = values[at - 1] or before in _TIMES or _unit_after(tokens, values, at - 1)
        if tokens[at][1] in _PER and unit and is_amount:
            found.add(("per", unit))
    return found


def active_forms(text: str) -> frozenset[str]:
    """Whatever a reader's program could follow, load or run, as the whole run of characters it stands in.

    >>> sorted(active_forms("See ![a[b]](//evil.example/x) or evil.example, at 9:30 e-mail no one."))
    ['![a[b]](//evil.example/x', 'evil.example']
    """
    # Compatibility forms of the dot, the at sign and the slash are what browsers make of them.
    runs = unicodedata.normalize("NFKC", text).casefold().split()
    trimmed = (run.lstrip(_BEFORE).rstrip(_BEHIND) for run in runs)
    return frozenset(run for run in trimmed if _ACTIVE.search(run))


def signs(text: str) -> Counter[str]:
    """Symbols, invisible and unassigned characters and numerals that are no digits: they can spell or reverse text.

    >>> sorted(signs("a ⓢ 5² \\u202e €"))
    ['²', '\\u202e', '€', 'ⓢ']
    """
    return Counter(
        character
        for character in text
        if not character.isspace()
        and ((category := unicodedata.category(character))[0] in "SC" or category in {"No", "Me"})
    )


def _amount(kind: str, token: str) -> str:
    if kind == "number":
        spelled = _THOUSANDS.sub("", token).replace("−", "-")
        return re.sub(r"\s?%", " percent", spelled)
    return NUMBER_WORDS.get(token, "") if kind == "word" else ""


def _unit_after(tokens: list[tuple[str, str]], values: list[str], at: int) -> str:
    for place in range(at, min(at + _UNIT_WITHIN, len(tokens))):
        kind, token = tokens[place]
        if kind != "word" or values[place]:
            return ""
        stems = terms(token)
        if stems and stems[0] in _UNITS:
            return stems[0]
    return ""
