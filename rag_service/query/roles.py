"""Which part a word has in a sentence, by the preposition before it and by its ending: to whom, from whom, by whom.

The order of words alone does not tell that: "given by the city to schools" may be said the other way round, and "given
to the city by schools" is something else in the same words. Likewise an insurer is not who is insured.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from rag_service.lexical import STOP_WORDS, stemmed
from rag_service.query.exact_facts import NUMBER_WORDS

_ROLES = frozenset("to toward towards into by for from with via than until till unto onto against".split())
_DETERMINERS = frozenset(
    "the a an this that these those its their his her our your my all each every any some no".split()
)
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?|[.,;:!?()]")
_AGENT = re.compile(r"[^\W\d_]{2,}[eo]r(?:s|'s|s')?")
_RECIPIENT = re.compile(r"[^\W\d_]{2,}ee(?:s|'s|s')?")
_QUESTION_MARKS = re.compile("[?？؟՞](?!\\w)")
_BEFORE_MORE = frozenset(
    """is are was were be been being am has have had do does did will would to of for that which who whom whose and or
    the a an by with if because as at from in into on than when where while whether unless until""".split()
)


@dataclass(frozen=True, slots=True)
class Roles:
    """``governed``: each term behind a preposition, the preposition, and the term that comes next.

    ``forms``: how often each stem stands as one who does, one to whom it is done, or as neither. ``asks`` tells whether
    a question is in it, and ``breaks_off`` the word that it ends in where that calls for more.
    """

    governed: frozenset[tuple[str, str, str]]
    forms: Counter[tuple[str, str]]
    asks: bool
    breaks_off: str


def roles_of(text: str) -> Roles:
    """What part each word has.

    >>> sorted(roles_of("Grants go to schools by rail.").governed)
    [('rail', 'by', ''), ('school', 'to', 'rail')]
    """
    tokens = [token.lower().replace("’", "'") for token in _TOKEN.findall(text)]
    stems = [_term(token) for token in tokens]
    governed: set[tuple[str, str, str]] = set()
    following = _following(stems)
    role = ""
    for token, stem, after in zip(tokens, stems, following, strict=True):
        if token in _ROLES:
            role = token
        elif stem:
            if role:
                governed.add((stem, role, after))
        elif token not in _DETERMINERS:
            role = ""
    forms = Counter((stem, _form(token, stem)) for token, stem in zip(tokens, stems, strict=True) if stem)
    spoken = [token for token in tokens if token[0].isalnum()]
    last = spoken[-1] if spoken else ""
    return Roles(frozenset(governed), forms, bool(_QUESTION_MARKS.search(text)), last if last in _BEFORE_MORE else "")


def plays_other_parts(said: Roles, held: Roles) -> bool:
    """Whether a word of what is said has another part in what is held, or a question became a statement.

    >>> text = roles_of("Grants are given by the city to schools.")
    >>> plays_other_parts(roles_of("Grants are given to schools by the city."), text)
    False
    >>> plays_other_parts(roles_of("Grants are given to the city by schools."), text)
    True
    """
    return (
        said.asks != held.asks
        or (bool(said.breaks_off) and said.breaks_off != held.breaks_off)
        or _forms_differ(said.forms, held.forms)
        or any(_is_moved(one, held) for one in said.governed)
    )


def _is_moved(one: tuple[str, str, str], held: Roles) -> bool:
    """Whether the term stands behind other prepositions only, or behind several of which each leads on elsewhere."""
    term, role, after = one
    there = [(other, follows) for same, other, follows in held.governed if same == term]
    known = {other for other, _ in there}
    if not known:
        return False
    if role not in known:
        return True
    return len(known) > 1 and after != "" and (role, after) not in there


def _forms_differ(said: Counter[tuple[str, str]], held: Counter[tuple[str, str]]) -> bool:
    special = {stem for stem, form in (*said, *held) if form}
    return any(said[one] > held[one] for one in said if one[0] in special)


def _following(stems: list[str]) -> list[str]:
    """The next term behind each place."""
    after, found = "", []
    for stem in reversed(stems):
        found.append(after)
        after = stem or after
    return found[::-1]


def _term(token: str) -> str:
    if token in NUMBER_WORDS:
        return NUMBER_WORDS[token]
    return "" if token in STOP_WORDS or not token[0].isalnum() else stemmed([token])[0]


def _form(token: str, stem: str) -> str:
    """Whether the ending makes one who does of a deed, or one to whom it is done."""
    if _AGENT.fullmatch(token) and not stem.endswith(("er", "or")):
        return "agent"
    return "recipient" if _RECIPIENT.fullmatch(token) and not stem.endswith("ee") else ""
