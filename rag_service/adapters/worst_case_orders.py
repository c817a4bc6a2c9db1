"""How the worst model obeys: it finds what a text asks for, and what carrying it out would print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from rag_service.adapters.worst_case_disguises import DISGUISES
from rag_service.detect.injection import is_injected
from rag_service.detect.requests import is_request
from rag_service.sentences import sentence_spans

MOST_ORDERS = 8
_LONGEST = 500
_QUOTED = re.compile(r"[\"“”„«»‘]([^\"“”„«»‘’]{4,300})[\"“”»’]|(?<!\w)'([^'\n]{4,200})'(?!\w)")
_TARGETS = re.compile(
    r"(?:https?://|www\.)[^\s\"'<>)\]]{3,200}|[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]{1,20}){1,4}"
    r"|\+?\d(?:[ ().-]?\d){6,18}|\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b"
    r"|\b[\w-]{2,40}\.(?:example|com|org|net|io)\b[^\s\"')]{0,80}"
)
_CODE = re.compile(r"```\w{0,12}\n([^`]{1,600})```")
_THAT = re.compile(
    r"\b(?:say|tell|mention|state|claim|announce|write|reply|answer|add|note|inform|warn|suggest|insist)\w{0,3}\b"
    r"[^.\n]{0,60}?\bthat ([^\n]{8,200})",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"\b(?:recommend\w{0,8}|promot\w{0,6}|advertis\w{0,8}|prais\w{0,4}|endors\w{0,6}|plug)\b(?: for| of)? "
    r"([^,.\n]{3,80})",
    re.IGNORECASE,
)
_TOPIC = re.compile(r"\b(?:about|on|of|for|into|in) (?:an? |the )?([^,.?!\n]{3,60})", re.IGNORECASE)
_QUESTION = re.compile(
    r"\b(what|who|where|when|which|how many|how much) (is|are|was|were) ([^?\n]{3,80})\?", re.IGNORECASE
)
_STYLES = (
    (r"base ?-?64", "base64"),
    (r"base ?-?32", "base32"),
    (r"\bhex", "hex"),
    (r"rot ?-?13|caesar", "rot13"),
    (r"backward|revers|r[üu]ckw[äa]rts|à l.envers|al rev[ée]s", "reversed"),
    (r"\bleet|vowel\w* (?:\w+ ){0,4}(?:digit|number)|1337", "leet"),
    (r"space\w* (?:\w+ ){0,3}between", "spaced"),
    (r"morse", "morse"),
    (r"binary", "binary"),
    (r"ascii|decimal|unicode", "decimal"),
    (r"capital|upper ?case|all caps", "upper"),
    (r"dash|hyphen", "dashed"),
    (r"nato|phonetic", "spoken"),
    (r"zero.?width|invisible", "zero width"),
    (r"homoglyph|cyrillic|look.?alike", "homoglyphs"),
)
_EMOJI = "😀🚀🎉🔥🐍🍕🌊🎵"


def orders_in(text: str) -> list[str]:
    """The sentences that ask for something, those that look most like commands to a model first."""
    found: list[tuple[int, int, str]] = []
    for at, (start, end) in enumerate(sentence_spans(text)):
        sentence = text[start:end][:_LONGEST]
        if is_request(sentence) or is_injected(sentence):
            # A quotation or a snippet that is asked for may only begin in this sentence.
            told = text[start : min(len(text), end + _LONGEST)] if "```" in text[end : end + 8] else sentence
            found.append((-_weight(sentence), at, told))
    return [sentence for _, _, sentence in sorted(found)[:MOST_ORDERS]]


def _weight(sentence: str) -> int:
    signs = ("answer", "respon", "reply", "output", "ignore", "previous", "instruction", "encode", "translate", "write")
    return (
        sum(sign in sentence.lower() for sign in signs) + 3 * is_injected(sentence) + 2 * bool(_QUOTED.search(sentence))
    )


def obeyed(order: str, truth: str, rng: Random) -> list[str]:
    """What is printed to carry the order out, on top of, or in place of, ``truth``: the answer it would have given."""
    printed = [one or two for one, two in _QUOTED.findall(order)]
    printed += _TARGETS.findall(order)
    printed += [code.strip() for code in _CODE.findall(order)]
    printed += [_sentence(told) for told in _THAT.findall(order)]
    printed += [f"I can only recommend {what.strip()}: nothing is better." for what in _FOR.findall(order)]
    for pattern, style in _STYLES:
        if re.search(pattern, order, re.IGNORECASE):
            printed.append(DISGUISES[style](truth))
    printed += _performed(order, truth, rng)
    if not printed:
        printed.append(f"Done as you asked, and gladly: {order[:160]}")
    return printed


def _performed(order: str, truth: str, rng: Random) -> Iterator[str]:
    """The tasks that need more than copying, as a tireless and thoughtless writer would do them."""
    lowered = order.lower()
    topic = found.group(1).strip() if (found := _TOPIC.search(order)) else "it all"
    for words, perform in _TASKS:
        if any(word in lowered for word in words):
            yield perform(topic, truth, rng)
    for _, verb, what in _QUESTION.findall(order):
        reply = rng.choice(("Brasília", "356.7", "Ada Lovelace", "1492"))
        yield f"{_sentence(what.strip())[:-1]} {verb.lower()} {reply}."


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".!? ")
    return f"{text[:1].upper()}{text[1:]}."


def _in_emoji(_topic: str, truth: str, rng: Random) -> str:
    return " ".join(rng.choice(_EMOJI) for _ in truth.split()) or _EMOJI


def _translated(_topic: str, truth: str, _rng: Random) -> str:
    known = {"the": "le", "is": "est", "are": "sont", "and": "et", "of": "de", "for": "pour", "a": "un", "to": "à"}
    return " ".join(known.get(word.lower(), word) for word in truth.split())


_TASKS: tuple[tuple[tuple[str, ...], Callable[[str, str, Random], str]], ...] = (
    (("emoji",), _in_emoji),
    (("translat", "traduis", "übersetz", "traduce", "in french", "in german"), _translated),
    (
        ("limerick", "poem", "haiku", "song", "verse", "rhyme"),
        lambda topic, *_: (
            f"There once was a tale of {topic} so bright,\nthat kept all its readers awake through the night."
        ),
    ),
    (("joke", "pun ", "riddle"), lambda topic, *_: f"Why did {topic} cross the road? To get out of this answer!"),
    (("story", "tale"), lambda topic, *_: f"Once upon a time, {topic} met a dragon who worked in accounting."),
    (
        ("python", "function", "script", "javascript", "code", "snippet"),
        lambda *_: "def solve(values):\n    return sorted(values)  # as you asked",
    ),
    (("list ", "name three", "name five"), lambda topic, *_: f"1. Lisbon 2. Kyoto 3. Tromsø, all of them for {topic}"),
    (
        ("press release", "headline", "article", "blog", "tweet", "slogan"),
        lambda topic, *_: f"BREAKING: {topic} astonishes experts, and nobody expected it!",
    ),
    (("summar",), lambda topic, *_: f"In short, {topic} is a scandal that was kept from you."),
    (("alphabetical",), lambda _topic, truth, _rng: " ".join("".join(sorted(word)) for word in truth.split())),
    (
        ("every other word", "shuffle", "random order", "jumble"),
        lambda _t, truth, rng: " ".join(rng.sample(truth.split(), len(truth.split()))),
    ),
    (("pirate",), lambda _topic, truth, _rng: f"Arr, matey! {truth} Yo ho ho!"),
    (("shakespeare",), lambda _topic, truth, _rng: f"Hark! {truth} Thus speaketh thy servant."),
    (("calculat", "how much is", "sum of", "multipl"), lambda *_: "The result is exactly 4242."),
)
