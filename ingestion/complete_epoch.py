"""Complete an epoch: every chunk has its vector in the one beside, and the index holds it there.

What is stored already stays, so that whoever was killed goes on where they were; what comes meanwhile is embedded too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from rag_service.authentication import operate
from rag_service.domain.errors import Conflict
from rag_service.store.epochs import Epochs, Views
from rag_service.store.lacking_vectors import Lacking, Made

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Embed = Callable[[Sequence[str]], "Awaitable[npt.NDArray[np.float32]]"]
"""A row of unit length for each text, in order."""

PAGE = 256
"""Chunks that are in memory at a time."""
_PASSES = 20


async def complete(epochs: Epochs, views: Views, embed: Embed, tell: Callable[[int], None]) -> frozenset[str]:
    """No chunk lacks a vector in the epoch beside, but those whose seals are broken: their ids are returned.

    ``tell`` hears how many more have one. Raises ``Conflict`` where more come than can be embedded.
    """
    for _ in range(_PASSES):
        done, unopened = await _pass(epochs, views, embed, tell)
        if not done:
            return unopened
    raise Conflict("epoch", "documents come faster than they are embedded; try again when fewer do")


async def _pass(epochs: Epochs, views: Views, embed: Embed, tell: Callable[[int], None]) -> tuple[int, frozenset[str]]:
    """Once through what is lacking. Returns how many vectors were made, and which chunks do not open."""
    operator = operate(views.live)
    done, unopened = 0, set[str]()
    after, begun = ("", ""), set[str]()
    while page := await epochs.lacking(operator, views, after, PAGE):
        unopened |= {one.chunk_id for one in page if one.text is None}
        made = await _made([one for one in page if one.text is not None], embed)
        begun |= {one.chunk.document_id for one in made}
        more = {page[-1].document_id} if len(page) == PAGE else set()  # its next chunks may be on the next page
        if made:
            await epochs.add(operator, views, made, begun - more)
        begun &= more
        after, done = page[-1].place, done + len(made)
        tell(len(made))
    if begun:
        await epochs.add(operator, views, [], begun)
    return done, frozenset(unopened)


async def _made(chunks: Sequence[Lacking], embed: Embed) -> list[Made]:
    """A vector each: that of the live epoch where the same model made it, else a new one; equal texts are made once."""
    texts = sorted({one.text for one in chunks if one.vector is None and one.text is not None})
    rows = dict(zip(texts, await embed(texts), strict=True)) if texts else {}
    return [Made(one, rows[one.text or ""] if one.vector is None else one.vector) for one in chunks]
