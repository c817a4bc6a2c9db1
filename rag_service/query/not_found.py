"""Whether a draft says no more than that the passages do not answer, in the words that models find for it."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Characters of a draft that says only so."""

_NOTHING = re.compile(
    r"(?:(?:sorry|unfortunately|i apologi[sz]e)\b,? (?:but )?)?(?:"
    r"(?:the |an? |any )?(?:answer|information|result|this|that|it)?\s?(?:is |was |could |can )?\s?"
    r"not? ?(?:be )?found\b"
    r"|no (?:\w{1,12} ){0,2}(?:answer|information|match|result)s?\b"
    r"|(?:none|n/?a|unknown)(?=[.!]?$)|nothing (?:was )?found\b"
    r"|(?:i|we) (?:could|can|did|do|was|were|am|are)(?: ?not|n['’]t| unable to) "
    r"(?:find|answer|know|locate|see|have)\b"
    r"|(?:the |these |those |given |provided |your ){0,3}(?:passages?|documents?|context|texts?|sources?) "
    r"(?:do(?:es)? not|don['’]t|doesn['’]t) "
    r"(?:answer|contain|mention|provide|say|specify|state|tell|include|hold|give|address|have)\b"
    r"|(?:die antwort wurde |keine antwort |nichts )?(?:nicht )?gefunden\b|ich weiß (?:es )?nicht\b"
    r"|no (?:se )?(?:encontrad[oa]|encontró|encuentra|lo sé)\b|(?:(?:non|pas) trouvée?|introuvable|aucune réponse)\b"
    r"|non trovat[oa]\b|não encontrad[oa]\b|niet gevonden\b|nie znaleziono\b"
    r"|не найден[оа]?\b|未找到|没有找到|見つかりません"
    r")[^.!?\n]{0,140}[.!?。]?",
    re.IGNORECASE,
)


def says_not_found(draft: str) -> bool:
    """Whether that is all that the draft says.

    >>> says_not_found("**Not found.**"), says_not_found("The passages do not mention a fare.")
    (True, True)
    >>> says_not_found("No refunds are paid.")
    False
    """
    text = unicodedata.normalize("NFKC", draft[: LONGEST + 1])
    text = re.sub(r"[*_`\"“”#>\[\]{}()]|^\s*(?:answer|a)\s*:", " ", text, flags=re.IGNORECASE)
    text = " ".join(text.split())
    return len(draft.strip()) <= LONGEST and _NOTHING.fullmatch(text) is not None
