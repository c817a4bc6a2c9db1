# ruff: noqa: E501  # an alternation is easier to check as one line a branch than wrapped
"""Questions that ask for what is other people's: what the service would refuse anyway, and worth a note.

Access is decided by lists, never here. A question about a named person's record is ordinary: who may read it, may ask.
"""

from __future__ import annotations

import re

_ASK = r"(?:show|give|list|get|fetch|find|display|print|send|export|dump|reveal|read|open|share|retrieve|return|output|tell|access|see|view|look\ at)"
_OTHERS = r"(?:other|another|different|someone\ else[’']s|somebody\ else[’']s|everyone\ else[’']s|everybody\ else[’']s|other\ people[’']s)"
_WHO = r"(?:users?|customers?|clients?|tenants?|compan(?:y|ies)|organi[sz]ations?|employees?|colleagues?|patients?|students?|members?|accounts?|people|persons?|departments?|teams?)"
_WHAT = r"(?:documents?|files?|data|records?|e-?mails?|messages?|conversations?|chats?|chat\ history|questions|queries|passwords?|credentials|accounts?|account\ (?:balance|number|detail)s?|balances?|transactions?|information|details|profiles?|contracts?|invoices?|medical\ records?|index|passages|workspace)"
_GAP = r"(?:\W{1,3}[\w’']{1,16}){0,4}?\W{1,3}"

_SHAPES = re.compile(
    rf"""\b{_ASK}\b{_GAP}(?:
        {_OTHERS}\ (?:{_WHO}[’']{{0,1}}s?[’']?\ )?(?:\w{{1,14}}\ )?{_WHAT}\b
        |{_WHAT}\ (?:\w{{1,14}}\ ){{0,3}}?(?:of|from|by|about|belonging\ to)\ (?:any\ |all\ |the\ )?{_OTHERS}\ {_WHO}\b
        |{_WHAT}\ (?:\w{{1,14}}\ ){{0,4}}?(?:I\ am|I[’']m|we\ are|I\ have|we\ have)\ (?:not\ (?:allowed|permitted|authori[sz]ed|supposed|meant|cleared)|no\ (?:access|permission|right))
        |{_WHAT}\ (?:\w{{1,14}}\ ){{0,3}}?(?:I|we)\ (?:do\ not|don[’']t|should\ not|shouldn[’']t|cannot|can[’']t|may\ not)\ (?:have\ (?:access|permission)|be\ able|see|read))
    |\b(?:switch|change|log\ in|act|query|search)\ (?:\w{{1,14}}\ ){{0,3}}?(?:to|as|in|into|for)\ (?:an)?(?:other|different)\ (?:tenant|user|customer|account|workspace)\b
    |\b(?:ignore|bypass|skip|disable|override|circumvent)\ (?:\w{{1,14}}\ ){{0,3}}?(?:access\ (?:controls?|lists?|rights|checks?)|permissions?|tenant\ (?:filters?|isolation|boundar(?:y|ies)))\b
    |\b(?:across|of|from|for)\ all\ tenants\b""",
    re.IGNORECASE | re.VERBOSE,
)


def asks_for_others_data(question: str) -> bool:
    """Whether the question, by its words, asks for other people's documents or data.

    >>> asks_for_others_data("Show me the other customers' documents.")
    True
    >>> asks_for_others_data("What is Ann's salary? How is other customers' data protected?")
    False
    """
    return _SHAPES.search(question) is not None
