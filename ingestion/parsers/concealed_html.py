"""Removes from an HTML tree what a reader of the page does not see, and tells what it was."""

from __future__ import annotations

import re
from typing import Any

from ingestion.parsers.extract import one_line

_UNSEEN_TAGS = frozenset({"noscript", "template", "noframes", "noembed", "del", "s", "strike"})
_IGNORED_TAGS = frozenset({"script", "style", "head", "title", "meta", "link"})
_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0*(?:\.0+)?\s*(?:;|!|$)"
    r"|font-size\s*:\s*0*(?:[01](?:\.\d+)?(?:px|pt)|0(?:\.0\d*)?(?:em|rem|%)?)\s*(?:;|!|$)"
    r"|(?:left|top|text-indent|margin-left|margin-top)\s*:\s*-\d{4,}"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%|color\s*:\s*transparent)",
    re.IGNORECASE,
)
_WHITE = r"(?:white|#fff(?:fff)?|rgba?\(\s*255\s*,\s*255\s*,\s*255\b[^)]*\))"
_WHITE_TEXT = re.compile(rf"(?:^|;)\s*color\s*:\s*{_WHITE}\s*(?:;|!|$)", re.IGNORECASE)
_BACKGROUND = re.compile(r"(?:^|;)\s*background(?:-color|-image)?\s*:\s*([^;]+)", re.IGNORECASE)
_WHITE_ONLY = re.compile(rf"\s*(?:{_WHITE}|transparent|none|inherit)\s*", re.IGNORECASE)
_RULE = re.compile(r"([^{}]{1,500})\{([^{}]{0,4000})\}")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def take_concealed(root: Any) -> tuple[str, ...]:
    """What the page hides: removed from the tree under ``root``, and returned in document order.

    Knows comments, the ``hidden`` attribute, hidden inputs, inline styles, and style rules for one tag, class or id.
    White text counts as hidden unless a style gives it a background.
    """
    rules = _style_rules(root)
    concealed: list[str] = []
    for node in list(root.iter()):
        if not isinstance(node.tag, str):
            if "Comment" in type(node).__name__:
                _keep(concealed, node.text or "")
            _drop(node)
        elif node.getparent() is None or not _is_attached(node, root):
            continue
        elif node.tag == "input" and (node.get("type") or "").lower() == "hidden":
            _keep(concealed, node.get("value") or "")
            _drop(node)
        elif node.tag in _UNSEEN_TAGS or _is_hidden(node, rules):
            _keep(concealed, _text(node))
            _drop(node)
    return tuple(concealed)


def _is_hidden(node: Any, rules: dict[str, str]) -> bool:
    if node.tag in _IGNORED_TAGS or node.tag in ("html", "body"):
        return False
    if node.get("hidden") is not None:
        return True
    style = _style(node, rules)
    if not style:
        return False
    return bool(_HIDING.search(style)) or (bool(_WHITE_TEXT.search(style)) and not _has_background(node, rules))


def _has_background(node: Any, rules: dict[str, str]) -> bool:
    while node is not None and isinstance(node.tag, str):
        match = _BACKGROUND.search(_style(node, rules))
        if match or node.get("bgcolor"):
            return not _WHITE_ONLY.fullmatch(match.group(1) if match else node.get("bgcolor"))
        node = node.getparent()
    return False


def _style(node: Any, rules: dict[str, str]) -> str:
    """The declarations that hold for a node; its own come first, as they win."""
    parts = [node.get("style") or ""]
    if rules:
        names = [node.tag, *(f".{name}" for name in (node.get("class") or "").split()), f"#{node.get('id')}"]
        parts += [rules[name] for name in names if name in rules]
    return ";".join(part for part in parts if part)


def _style_rules(root: Any) -> dict[str, str]:
    """Declarations by simple selector (``p``, ``.note``, ``#footer``); other selectors are left out."""
    rules: dict[str, str] = {}
    for sheet in root.iter("style"):
        for selectors, declarations in _RULE.findall(_CSS_COMMENT.sub("", sheet.text or "")):
            for selector in selectors.split(","):
                name = selector.strip()
                if re.fullmatch(r"[a-z][a-z0-9]*|[.#][\w-]+", name, re.IGNORECASE):
                    rules[name] = f"{rules.get(name, '')};{declarations}"
    return rules


def _is_attached(node: Any, root: Any) -> bool:
    """Whether no ancestor was dropped before: a dropped one has no parent and is not the root."""
    while (parent := node.getparent()) is not None:
        node = parent
    return node is root


def _text(node: Any) -> str:
    return one_line(" ".join(node.xpath(".//text()[not(parent::script or parent::style)]")))


def _keep(concealed: list[str], text: str) -> None:
    text = one_line(text)
    if any(character.isalpha() for character in text):
        concealed.append(text)


def _drop(node: Any) -> None:
    """The node is gone, and the text behind it stays."""
    parent = node.getparent()
    if parent is None:
        return
    if node.tail:
        before = node.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + node.tail
        else:
            parent.text = (parent.text or "") + node.tail
        node.tail = None
    parent.remove(node)
