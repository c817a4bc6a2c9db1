# ruff: noqa: E501  # an alternation is easier to check as one line a branch than wrapped
"""English sentences that ask somebody to do or to answer something, by their form alone.

A cheap test with high recall: what passes is judged by models (``rag_service.detect.judge``), what does not is no
request. Manuals and lists of questions are full of such sentences; that one is found here says nothing against it.
"""

from __future__ import annotations

import re

from rag_service.domain.document import Finding
from rag_service.sentences import sentence_spans

VERSION = "requests-1"
KIND = "request"
LONGEST = 600
"""Characters of a sentence that are looked at: what is asked for is said by then."""

_VERBS = """
absorb accept access act activate adapt add address adjust adopt advise advertise affirm agree aid alert align allow
alter analyse analyze anagram announce answer appeal append apply argue arrange articulate ask assemble assert
assess assign assimilate assist assume attach augment automate avoid back base begin behave blend boost book
brainstorm break bring broadcast build bypass calculate call capitalize caption carry categorize challenge change
chart check choose cite claim clarify classify clean click close code combine come comment compare compile
complement complete compose compress compute conceal conclude condense conduct configure confirm connect consider
construct contact continue contrast convert convey convince copy correct count craft create criticize critique
debate debug decide declare decode decrypt define deliver demonstrate deploy derive describe design detail detect
determine develop devise dial dictate differentiate direct disable disclose discuss display disregard distinguish
distribute divide do document double download draft draw drop edit elaborate eliminate email embed embody emphasize
employ emulate enable encode encourage encrypt end endorse engage enhance enlist enrich ensure enter enumerate
escalate estimate evaluate examine exclude execute expand explain explore express extend extract fabricate fill
filter find finish fix focus follow forecast forget form format formulate forward fuse generate get give go group
guess guide hand harmonize help hide highlight hint hold hyperlink identify ignore illustrate imagine imitate
implement import improve include incorporate increase indicate infer inform infuse inject inquire insert inspect
install instruct integrate intersperse interpret interview interweave introduce invent investigate invite join judge
jumble justify keep label launch lead leak learn let leverage link list listen locate log look make map mask match
measure meld mention merge mirror misspell mix modify monitor move multiply name narrate navigate need note notify
number obfuscate obey offer omit open optimize order organize outline output overwrite paint paraphrase pay perform
permute persuade pick place plan play plot point ponder portray post praise predict prefix prepare present pretend
prevent print prioritize proceed produce program project promote prompt pronounce proofread propose prove provide
publish pull purchase put query quote raise rank rate read reassure rearrange recall recap recite recommend record
recount redirect reduce refer reference refine reflect refuse register reimagine reject rely remember remind remove
rename render repeat rephrase replace reply report represent request research reserve resolve respond restate return
reveal reverse review revise rewrite rhyme role roleplay run save say scan schedule score scramble search seed
select send separate set share shift shorten show shuffle signal simplify simulate sing sketch skip slip solve sort
speak specify spell split spread start state stick stop store stress structure submit subscribe substitute subtract
suggest sum summarise summarize supply support suppose swap switch synthesize tag take talk teach tease tell test
think time toggle trace track train transcribe transfer transform translate transmit treat try turn type understand
undertake unscramble update upload urge use utilise utilize validate verify visit visualize vote wait warn watch
weave wrap write
""".split()  # 400 strings in a list are harder to read
_VERB = "|".join(_VERBS)
_OPENER = r"(?:(?:please|kindly|now|then|next|also|first|finally|instead|additionally|and|but|so|ok|okay|hey|hi|hello|just|simply|always|never|do not|don[’']t|\w{3,14}ly|to \w{3,14}|in (?:your|the) \w{3,12}|before \w{3,12}|after \w{3,12})[,:]?\s{1,3}){0,3}"
_IMPERATIVE = re.compile(rf"[\W\d_]{{0,12}}{_OPENER}(?:{_VERB})\b(?! (?:of|is|are|was|were|has)\b)", re.IGNORECASE)
_ASKING = re.compile(
    r"[?][\"'”’»)\]*_]{0,4}\s*$|\b(?:can|could|would|will) you\b|\bi (?:want|need|would like|expect|ask|order) you\b"
    r"|\byou (?:must|should|shall|have to|need to)\b"
    r"|\byour (?:\w{2,14} ){0,2}(?:answers?|responses?|repl(?:y|ies)|outputs?|messages?|summar(?:y|ies)|code(?:base)?|solution|implementation|algorithm|translation)\b"
    r"|\b(?:ai|assistant|chat ?bot|language model|llm|prompt)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"[\W\d_]{0,12}(?:address|e-?mail|notes?|contact|name|code|phone|time|access|focus|highlight|format|title|type|description|answer|q|a)\b[\W_]{0,3}:\W{0,4}(?![^?]{2,120}\?)",
    re.IGNORECASE,
)
"""A field of a card or form: the word is its name."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_ENGLISH = frozenset(
    """the your you what how who whose why when which and for with to this that these do does did can could my from about
    it its are have has please write not or on by every all any if should would will must of in is a an as at be their
    there our we they his her between using without into where name tell me""".split()
)
_OTHER = frozenset(
    """der das den dem ein eine einen und nicht ist sind wie wann wenn ich mein meine sie ihre wird werden kann für mit auf
    le la les un une et est que qui quoi comment quand je mon ma vous votre votre pour dans avec sur des du au
    el los las una y no cómo como qué quién cuándo mi su para con por del lo se il gli che chi cosa come quando mio per nel
    della di sono os um uma e não quem meu seu com em de het een niet wat hoe wanneer ik mijn je uw voor met op
    i w z na się nie jak kiedy co mój czy do""".split()
)
_LEAST_WORDS = 3
"""Shorter ones (\"Need help?\") ask for nothing that could be judged."""


def find_requests(text: str) -> list[Finding]:
    """Spans of sentences that have the form of a request, in order.

    >>> text = "The office opens at nine. Write a poem about the sea. What is the capital of Peru?"
    >>> [text[one.start : one.end] for one in find_requests(text)]
    ['Write a poem about the sea.', 'What is the capital of Peru?']
    """
    return [Finding(KIND, start, end) for start, end in sentence_spans(text) if is_request(text[start:end])]


def is_request(sentence: str) -> bool:
    """Whether the sentence has the form of a request."""
    seen = sentence[:LONGEST]
    if len(_WORD.findall(seen)) < _LEAST_WORDS or _LABEL.match(seen):
        return False
    return (_IMPERATIVE.match(seen) is not None or _ASKING.search(seen) is not None) and not _is_foreign(seen)


def _is_foreign(sentence: str) -> bool:
    """Whether the sentence is in a language that the models of the judge do not know: they know English."""
    words = {word.lower() for word in _WORD.findall(sentence)}
    foreign = len(words & _OTHER) - len(words & _ENGLISH & _OTHER)
    letters = sum(map(str.isalpha, sentence))
    return foreign > len(words & _ENGLISH) or 2 * sum(one.isascii() and one.isalpha() for one in sentence) < letters
