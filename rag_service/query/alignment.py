"""What a sentence does with the words of the text it is compared with: who does what to whom, and what is turned round.

Meaning by cosine hardly tells "A pays B" from "B pays A", or open from closed; these rules do, and nothing that a model
of meaning says overrules them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_service.lexical import STOP_WORDS, terms, words
from rag_service.query.exact_facts import NUMBER_WORDS, TURNS

_PAIRS = """increase decrease; increase reduce; rise fall; raise lower; grow shrink; gain lose; gain loss; profit loss;
open closed; open close; allow forbid; allowed forbidden; allow prohibit; permit prohibit; permitted prohibited;
permit forbid; allow deny; grant deny; approve reject; approve refuse; approve deny; accept reject; accept refuse;
accept decline; include exclude; including excluding; enable disable; activate deactivate; start stop; start end;
begin end; begin finish; first last; early late; earlier later; earliest latest; always never; always sometimes;
required optional; mandatory optional; compulsory voluntary; necessary optional; free paid; free charged; cheap
expensive; cheaper dearer; high low; higher lower; highest lowest; maximum minimum; max min; large small; larger
smaller; largest smallest; big small; long short; longer shorter; longest shortest; fast slow; faster slower; hot
cold; warm cold; warm cool; wet dry; full empty; inside outside; internal external; indoor outdoor; public private;
buy sell; purchase sell; purchase sale; lend borrow; lender borrower; employer employee; buyer seller; send receive;
sender receiver; deposit withdraw; deposit withdrawal; credit debit; import export; arrive depart; arrival departure;
enter leave; join leave; connect disconnect; lock unlock; attach detach; add remove; add delete; install uninstall;
push pull; left right; top bottom; front rear; front back; upper lower; north south; east west; northern southern;
eastern western; morning evening; day night; daily monthly; daily weekly; weekly monthly; monthly yearly; monthly
annual; monthly quarterly; quarterly annual; male female; man woman; men women; husband wife; parent child; adult
child; old new; older newer; old young; senior junior; domestic international; national international; local global;
temporary permanent; partial full; partly fully; single joint; single double; single multiple; direct indirect; legal
illegal; valid invalid; true false; right wrong; correct incorrect; safe dangerous; safe unsafe; good bad; better
worse; best worst; positive negative; success failure; succeed fail; pass fail; win lose; agree disagree; encourage
discourage; present absent; online offline; manual automatic; hard soft; strong weak; light heavy; light dark; black
white; wide narrow; rich poor; easy difficult; simple complex; pre post; major minor; undergraduate graduate; before
after; above below; more less; with without; credited debited; exempt liable; guilty innocent; alive dead; life death;
ascending descending; upload download; encrypt decrypt; expand contract; extend shorten; renew cancel; hire dismiss;
keep discard; preserve destroy; protect endanger; secure insecure; eligible ineligible;
fixed variable; fixed floating"""
_OPPOSITES: dict[str, frozenset[str]] = {}
for _pair in _PAIRS.split(";"):
    _one, _other = (next(iter(terms(word)), word) for word in _pair.split())
    if _one != _other:
        _OPPOSITES[_one] = _OPPOSITES.get(_one, frozenset()) | {_other}
        _OPPOSITES[_other] = _OPPOSITES.get(_other, frozenset()) | {_one}
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "mis", "de", "anti", "under", "over")
_LIGHT = frozenset(
    terms(
        """also please note therefore thus hence however additionally moreover furthermore overall specifically namely
        indeed get gets got according accordance passage passages document documents text states stated mentions
        mentioned says said follows following summary answer"""
    )
)
"""Words with which a model leads into a sentence or joins it; they tell nothing of their own."""
_DIRECTIONS = frozenset("from off out onto outside inside between against behind beyond".split())
_UNORDERED = frozenset("a an the and or as that which who is are was were be been".split())
_MOST_ORDERED = 60
_WRITTEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
LONGEST_WORD = 20
"""Letters of a word that the support lacks: a longer one could carry a message, encoded."""


def opposes(missing: frozenset[str], held: frozenset[str]) -> bool:
    """Whether a word that the text lacks is the opposite of one that it holds.

    >>> opposes(frozenset({"close"}), frozenset({"open"})), opposes(frozenset({"unpaid"}), frozenset({"paid"}))
    (True, True)
    """
    for one in missing:
        if _OPPOSITES.get(one, frozenset()) & held:
            return True
        if any(one == prefix + other or other == prefix + one for prefix in _PREFIXES for other in held):
            return True
    return False


def in_order(text: str) -> tuple[str, ...]:
    """The words whose order tells something, for ``is_turned_round``."""
    return tuple(word for word in words(text) if word not in _UNORDERED)[:_MOST_ORDERED]


def is_turned_round(sentence: Sequence[str], text: Sequence[str]) -> bool:
    """Whether two things that stand around a third have changed places: roles, ends of a way, values of two subjects.

    A passive turns them round rightly, and must; a clause that was moved to the front turns nothing round.

    >>> is_turned_round(in_order("Bolt pays Acme."), in_order("Acme pays Bolt."))
    True
    >>> is_turned_round(in_order("Acme is paid by Bolt."), in_order("Bolt paid Acme."))
    False
    >>> is_turned_round(in_order("Before travel ask the desk."), in_order("Ask the desk before travel."))
    False
    """
    if not {word for word in sentence if word in _DIRECTIONS} <= set(text):
        return True
    is_passive = ("by" in sentence) != ("by" in text)
    here, there = _places(sentence, text)
    shared = sorted(here, key=here.__getitem__)
    ends = [word for word in shared if word not in STOP_WORDS and word not in TURNS]
    turned = any(
        there[second] < there[middle] < there[first]
        for at, first in enumerate(ends)
        for second in ends[at + 1 :]
        if there[second] < there[first]
        for middle in shared
        if here[first] < here[middle] < here[second]
    )
    return turned != is_passive


def _places(sentence: Sequence[str], text: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Where the words stand that each has once: as they are written, or else by their stems."""
    here = {word: at for at, word in enumerate(sentence) if sentence.count(word) == 1 == text.count(word)}
    there = {word: text.index(word) for word in here}
    ours = [_stem(word) if word not in here else "" for word in sentence]
    theirs = [_stem(word) if word not in here else "" for word in text]
    for at, (word, stem) in enumerate(zip(sentence, ours, strict=True)):
        if stem and ours.count(stem) == 1 == theirs.count(stem):
            here[word], there[word] = at, theirs.index(stem)
    return here, there


def _stem(word: str) -> str:
    return word if word in STOP_WORDS or word in TURNS else (terms(word) or [word])[0]


def content_terms(text: str) -> frozenset[str]:
    """The content terms; numbers and turning words are compared exactly instead."""
    kept = " ".join(word for word in words(text) if word not in NUMBER_WORDS and word not in TURNS)
    return frozenset(term for term in terms(kept) if not term[0].isdecimal())


def ordinary_terms(text: str) -> frozenset[str]:
    """The short terms that are never written with a capital or a digit in this text, or in a script without case."""
    special = {
        term
        for word in _WRITTEN.findall(text)
        if len(word) > LONGEST_WORD or not (word.islower() and word.replace("’", "").replace("'", "").isalpha())
        for term in terms(word)
    }
    return frozenset(terms(text)) - special


def without_light(missing: frozenset[str]) -> frozenset[str]:
    """The words among these that say something."""
    return missing - _LIGHT
