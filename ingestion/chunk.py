"""Cuts a screened document into passages: by heading and page, within a token budget, between sentences."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingestion.apart import parted_from, spans_alone
from rag_service.domain.document import Block, BlockKind, Chunk, Finding, ScreenedDocument
from rag_service.sentences import sentence_spans

DEFAULT_BUDGET = 190
MAX_HEADING = 200
PIECE = 50_000
LONGEST_TOKEN = 20
"""Characters; a longer token counts once for each such length."""
_PATH = " > "

Span = tuple[int, int]


def chunk(
    document: ScreenedDocument, token_starts: Callable[[str], list[int]], *, budget: int = DEFAULT_BUDGET
) -> list[Chunk]:
    """Ordered passages that do not overlap and together hold every character that is not white space.

    No passage has more than ``budget`` tokens. A passage lies on one page, and a new heading begins a new one unless
    the one before is still small. Headings stay with what follows them, which gives the passage its page and section.
    A block that is too long is cut between sentences (a table between rows), else at line ends, else at white space,
    else between tokens.

    What only a sentence is suspected of (``ALONE``) makes a passage of its own: where the suspicion is wrong, the text
    around it is still there to answer from.

    ``token_starts`` gives the offset of each token of a text; it is called for a piece at a time.
    """
    scrubbed = document.document
    pack = _Packer(scrubbed.text, _counted(scrubbed.text, token_starts), budget)
    alone = spans_alone(scrubbed.text, document.suspicions)
    for block in _tiled(scrubbed.text, scrubbed.blocks):
        for part, is_alone in parted_from(block, alone, scrubbed.text):
            pack.add(part, is_alone=is_alone)
    suspicions = Suspicions(document.suspicions)
    chunks = []
    for ordinal, (start, end, block) in enumerate(pack.finished()):
        chunks.append(
            Chunk(
                ordinal=ordinal,
                start=start,
                end=end,
                text=scrubbed.text[start:end],
                heading=heading_of(scrubbed.title, block.section),
                page=block.page,
                section=block.section,
                suspicions=suspicions.touching(start, end),
            )
        )
    return chunks


@dataclass(frozen=True, slots=True)
class _Passage:
    start: int
    end: int
    anchor: Block
    """The first block that is not a heading: its page and section are the passage's."""
    only_titles: bool
    is_alone: bool = False


class _Packer:
    """Collects blocks into passages, one pass over the text."""

    def __init__(self, text: str, token_starts: Sequence[int], budget: int) -> None:
        self._text = text
        self._starts = token_starts
        self._budget = max(budget, 1)
        self._done: list[_Passage] = []
        self._open: _Passage | None = None

    def add(self, block: Block, *, is_alone: bool = False) -> None:
        """The block stands in the open passage, or in new ones; one that ``is_alone`` shares its own with nothing."""
        if is_alone:
            self._close()
            self._done += [_Passage(start, end, block, False, is_alone=True) for start, end in self._pieces(block)]
            return
        if self._open is not None and self._parts_from_open(block):
            self._close()
        if self._open is not None and self._tokens(self._open.start, block.end) > self._budget:
            whole = self._tokens(block.start, block.end) <= self._budget
            if whole and not self._open.only_titles:
                self._close()
        for start, end in self._pieces(block):
            self._append(start, end, block)

    def finished(self) -> Iterator[tuple[int, int, Block]]:
        """Passages with the block that gives page and section; small ones join a neighbour where they fit."""
        self._close()
        merged: list[_Passage] = []
        for passage in self._done:
            if merged and self._may_join(merged[-1], passage):
                merged[-1] = replace(merged[-1], end=passage.end, only_titles=False)
            else:
                merged.append(passage)
        return ((passage.start, passage.end, passage.anchor) for passage in merged)

    def _tokens(self, start: int, end: int) -> int:
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def _parts_from_open(self, block: Block) -> bool:
        opened = self._open
        if opened is None or opened.only_titles:
            return False
        if block.page != opened.anchor.page:
            return True
        return block.kind is BlockKind.TITLE and self._tokens(opened.start, opened.end) * 4 >= self._budget

    def _append(self, start: int, end: int, block: Block) -> None:
        opened = self._open
        if opened is not None and self._tokens(opened.start, end) <= self._budget:
            titles = opened.only_titles and block.kind is BlockKind.TITLE
            anchor = block if opened.only_titles and not titles else opened.anchor
            self._open = replace(opened, end=end, anchor=anchor, only_titles=titles)
            return
        self._close()
        self._open = _Passage(start, end, block, block.kind is BlockKind.TITLE)

    def _close(self) -> None:
        if self._open is not None:
            self._done.append(self._open)
            self._open = None

    def _may_join(self, before: _Passage, after: _Passage) -> bool:
        small = self._budget // 6
        if before.is_alone or after.is_alone or before.anchor.page != after.anchor.page:
            return False
        if self._tokens(before.start, after.end) > self._budget:
            return False
        return self._tokens(after.start, after.end) < small or self._tokens(before.start, before.end) < small

    def _pieces(self, block: Block) -> Iterator[Span]:
        """The block in pieces that each fit, the first of them into what the open passage has left."""
        room = self._budget
        if self._open is not None:
            room -= self._tokens(self._open.start, block.start)
        if room <= 0 or self._tokens(block.start, block.end) <= room:
            room = self._budget
        finest_first = (_words, _lines) if block.kind is BlockKind.TABLE else (_words, _lines, _sentences)
        yield from self._split((block.start, block.end), room, list(finest_first))

    def _split(self, span: Span, room: int, cutters: list[Callable[[str, Span], list[Span]]]) -> Iterator[Span]:
        """Runs of the coarsest units that fit; a unit that does not fit by itself is split by finer ones."""
        if self._tokens(*span) <= room:
            yield span
            return
        if not cutters:
            yield from self._cut_between_tokens(span, room)
            return
        *finer, cut = cutters
        run: Span | None = None
        for unit in cut(self._text, span):
            if run is not None and self._tokens(run[0], unit[1]) <= room:
                run = (run[0], unit[1])
                continue
            if run is not None:
                yield run
                room = self._budget
            run = unit
            if self._tokens(*unit) > room:
                parts = list(self._split(unit, room, finer))
                yield from parts[:-1]
                run, room = parts[-1], self._budget
        if run is not None:
            yield run

    def _cut_between_tokens(self, span: Span, room: int) -> Iterator[Span]:
        start, end = span
        while self._tokens(start, end) > room:
            cut = self._starts[bisect_left(self._starts, start) + room]
            yield start, cut
            start, room = cut, self._budget
        yield start, end


def _counted(text: str, token_starts: Callable[[str], list[int]]) -> list[int]:
    """The tokens' offsets, found piece by piece, as a tokenizer takes some hundred bytes a character.

    A run of letters that the tokenizer takes for one unknown word counts as many, so that no passage is endless.
    """
    starts: list[int] = []
    begin = 0
    while begin < len(text):
        end = _piece_end(text, begin)
        for start in (*token_starts(text[begin:end]), end - begin):
            at = begin + start
            starts += range(starts[-1] + LONGEST_TOKEN, at, LONGEST_TOKEN) if starts else ()
            starts.append(at)
        begin = end
        starts.pop()  # the end of a piece is no token
    return starts


def _piece_end(text: str, begin: int) -> int:
    """Where a piece ends: at white space, if there is any in its second half."""
    end = min(len(text), begin + PIECE)
    if end == len(text):
        return end
    cut = max(text.rfind("\n", begin + PIECE // 2, end), text.rfind(" ", begin + PIECE // 2, end))
    return cut + 1 if cut > 0 else end


def _tiled(text: str, blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks trimmed of white space, and text that no block holds as blocks of its own."""
    at, before = 0, Block(0, 0, BlockKind.TEXT, None, None)
    for block in (*blocks, Block(len(text), len(text), BlockKind.TEXT, None, None)):
        for candidate in (replace(before, start=at, end=block.start, kind=BlockKind.TEXT), block):
            start, end = _trimmed(text, max(candidate.start, at), candidate.end)
            if start < end:
                yield replace(candidate, start=start, end=end)
                at = end
        before = block


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _sentences(text: str, span: Span) -> list[Span]:
    return [(span[0] + start, span[0] + end) for start, end in sentence_spans(text[slice(*span)])]


def _lines(text: str, span: Span) -> list[Span]:
    return _parted(text[slice(*span)].splitlines(keepends=True), span[0])


def _words(text: str, span: Span) -> list[Span]:
    pieces = text[slice(*span)].split()
    spans, at = [], span[0]
    for piece in pieces:
        at = text.index(piece, at)
        spans.append((at, at + len(piece)))
        at += len(piece)
    return spans


def _parted(pieces: Sequence[str], start: int) -> list[Span]:
    spans = []
    for piece in pieces:
        if stripped := piece.strip():
            left = start + len(piece) - len(piece.lstrip())
            spans.append((left, left + len(stripped)))
        start += len(piece)
    return spans


def heading_of(title: str, section: str | None) -> str:
    """The title and the section path, each part once, at most ``MAX_HEADING`` characters."""
    parts: dict[str, str] = {}
    for part in (title, *(section or "").split(_PATH)):
        if part.strip():
            parts.setdefault(part.strip().casefold(), part.strip())
    return _PATH.join(parts.values())[:MAX_HEADING].strip()


class Suspicions:
    """Which kinds of findings touch a span."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = sorted(findings, key=lambda finding: finding.start)
        self._starts = [finding.start for finding in self._findings]
        # The furthest end so far: where it lies before a span, nothing earlier can reach into it.
        self._reach = [0]
        for finding in self._findings:
            self._reach.append(max(self._reach[-1], finding.end))

    def touching(self, start: int, end: int) -> tuple[str, ...]:
        last = bisect_left(self._starts, end)
        first = bisect_right(self._reach, start) - 1
        found = {finding.kind for finding in self._findings[max(first, 0) : last] if finding.end > start}
        return tuple(sorted(found))
