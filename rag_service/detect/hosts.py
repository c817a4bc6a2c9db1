"""Links and names of hosts in running text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

SUFFIXES = frozenset(
    """com org net edu gov mil int info biz io co ai app dev me tv name pro xyz online site shop
    store tech blog cloud eu
    news     agency design digital email events expert finance global group health help jobs life link live llc ltd
    marketing media
    mobi museum network one page plus press software solutions space studio support systems team today tools top
    travel uk
    us ca au nz ie de at ch fr be nl lu es pt it gr se no dk fi pl cz sk hu ro bg hr si rs ua ru by lt lv ee tr il
    ae sa eg za ng ke
    gh ma in pk bd lk np cn hk tw jp kr sg my th vn ph id br ar cl pe mx ve uy cr pa do example test local
    internal""".split()
)
_TAIL = ".,;:!?)]}>\"'’”*"
_LINK = re.compile(r"\b(?:https?|ftps?|sftp|wss?)://[^\s<>\"'`|]{1,500}|\bwww\.[^\s<>\"'`|]{3,300}", re.IGNORECASE)
_HOST = re.compile(
    r"(?<![\w@./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,4}(?P<suffix>[a-z]{2,9})(?![\w@-]|\.\w)"
    r"(?:[/?#][^\s<>\"'`|]{0,300})?"
)


def find_links(text: str) -> Iterator[Finding]:
    """Links, and hosts with a suffix that is one.

    >>> text = "See https://a.example/x, shop.example.com or read.me.first."
    >>> [text[found.start : found.end] for found in find_links(text)]
    ['https://a.example/x', 'shop.example.com']
    """
    taken = 0
    for match in _LINK.finditer(text):
        taken = match.start() + len(match.group().rstrip(_TAIL))
        yield Finding("url", match.start(), taken, 0.9)
    for match in _HOST.finditer(text):
        if match["suffix"] in SUFFIXES and not match.group().replace(".", "").isdigit():
            yield Finding("url", match.start(), match.start() + len(match.group().rstrip(_TAIL)), 0.7)
