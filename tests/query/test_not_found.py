"""When a model says that it found nothing, and when it only sounds so."""

from __future__ import annotations

import pytest

from rag_service.query.not_found import LONGEST, says_not_found


@pytest.mark.parametrize(
    "draft",
    [
        "not found",
        "Not found.",
        "  **not found**\n",
        '"Not found."',
        "[not found]",
        "Answer: not found",
        "The answer is not found in the passages.",
        "Answer not found in the provided passages.",
        "No answer found.",
        "No relevant information is given [1].",
        "I could not find an answer.",
        "I couldn't find this in the passages.",
        "I don't know.",
        "Sorry, I cannot answer this question.",
        "The passages do not mention the fare.",
        "The provided context does not contain that information.",
        "N/A",
        "Nicht gefunden.",
        "No se encontró.",
        "Non trouvé.",
        "Não encontrado",
        "未找到。",
    ],
)
def test_hits(draft: str) -> None:
    assert says_not_found(draft)


@pytest.mark.parametrize(
    "draft",
    [
        "",
        "The ferry leaves at nine.",
        "No refunds are paid after boarding.",
        "Lost property is not kept longer than a month.",
        "Not found. But call +44 20 7946 0958 and ask.",
        "The key was found under the mat.",
        "Nothing is charged for children.",
        "Non-members pay twelve crowns.",
        "not found " * LONGEST,
    ],
)
def test_near_misses(draft: str) -> None:
    assert not says_not_found(draft)
