"""As much of CSS as it takes to tell whether a reader sees a text: rules, lengths, colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Declarations = dict[str, str]
Colour = tuple[int, int, int, float]

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_LENGTH = re.compile(r"(-?\d{0,9}(?:\.\d{1,9})?)(px|pt|em|rem|ex|ch|cm|mm|in|pc|vw|vh|%)?")
_IN_PIXELS = {
    "px": 1.0,
    "pt": 4 / 3,
    "cm": 37.8,
    "mm": 3.78,
    "in": 96.0,
    "pc": 16.0,
    "rem": 16.0,
    "vw": 10.0,
    "vh": 8.0,
}
_SIMPLE = re.compile(r"[a-z][a-z0-9]*|[.#][\w-]+|\*", re.IGNORECASE)
_NUMBERS = re.compile(r"\d{1,4}(?:\.\d{1,6})?%?|\.\d{1,6}")
_ALWAYS = re.compile(
    r"@(?:media\s+(?:only\s+)?(?:screen|all|not\s+print)?(?:\s{0,9}(?:and)?\s{0,9}\(\s{0,9}min-width\s{0,9}:\s{0,9}"
    r"(?:[0-2]?\d{1,2}px|1?\d(?:r?em)|0)\s{0,9}\))?\s*|layer\b.*|supports\b.*)",
    re.IGNORECASE | re.DOTALL,
)
"""What holds on every screen: nobody reads on one that is narrower than 300 pixels."""
_VARIABLE = re.compile(r"var\(\s{0,9}(--[\w-]{1,99})\s{0,9}(?:,([^()]{0,200}))?\)")
_NESTED_VARIABLES = 4
_LONGEST_VALUE = 200
_CALCULATED = re.compile(r"\Acalc\(\s{0,9}([-.\w%]{1,20})\s{0,9}\)")
_FONT_SIZE = re.compile(r"(?:\A|\s)(\d{0,9}(?:\.\d{1,9})?(?:px|pt|r?em|ex|ch|cm|mm|in|pc|vw|vh|%)|0)(?=[\s/])")
IMPORTANT = "!"
"""Stands before the name of a property that no later rule and no element's own style changes."""
_MOST_SELECTED = 2_000_000
"""Elements times steps of the selectors of several parts that are looked at, the deeper the dearer."""
_USUAL_DEPTH = 30
_MOST_SELECTORS = 2000
_STEPS = re.compile(r"[\s>+~:\[]+")
_LATER = 100
"""Steps that ``~`` and ``:nth-`` count as: each looks through the other children."""
_NAMED = {
    "white": (255, 255, 255),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 128, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "yellow": (255, 255, 0),
    "navy": (0, 0, 128),
    "floralwhite": (255, 250, 240),
    "mintcream": (245, 255, 250),
    "azure": (240, 255, 255),
    "aliceblue": (240, 248, 255),
    "seashell": (255, 245, 238),
}


class Sheet:
    """The rules of a page that hold without condition, asked element by element."""

    def __init__(self, root: Any) -> None:
        self._by_name: dict[str, Declarations] = {}
        self._by_node: dict[Any, Declarations] = {}
        nodes = _weight(root)
        budget, selectors_left = _MOST_SELECTED, _MOST_SELECTORS
        for style in root.iter("style"):
            for selectors, body in _rules(_COMMENT.sub("", style.text or "")):
                declared = declarations(body)
                for selector in selectors.split(","):
                    name = selector.strip()
                    if _SIMPLE.fullmatch(name):
                        self._by_name.setdefault(name, {}).update(declared)
                    elif name and len(name) < 200 and selectors_left and budget >= (cost := nodes * _steps(name)):
                        budget, selectors_left = budget - cost, selectors_left - 1
                        self._select(root, name, declared)

    def of(self, node: Any) -> Declarations:
        """What is declared for the element; its own style wins."""
        found: Declarations = {}
        if self._by_name:
            names = ["*", node.tag, *(f".{name}" for name in (node.get("class") or "").split()), f"#{node.get('id')}"]
            for name in names:
                found.update(self._by_name.get(name, {}))
        if self._by_node:
            found.update(self._by_node.get(node, {}))
        if own := node.get("style"):
            found.update(declarations(own))
        return {**found, **{name[1:]: value for name, value in found.items() if name.startswith(IMPORTANT)}}

    def _select(self, root: Any, selector: str, declared: Declarations) -> None:
        from cssselect import SelectorError
        from lxml.cssselect import CSSSelector
        from lxml.etree import XPathError

        try:
            for node in CSSSelector(selector, translator="html")(root):
                self._by_node.setdefault(node, {}).update(declared)
        except (SelectorError, XPathError):  # no selector of an element, or none that we know
            return


def _weight(root: Any) -> int:
    """What it takes to go through the elements once: they are met from each of those around them."""
    nodes, deepest, stack = 0, 0, [(root, 1)]
    while stack:
        node, depth = stack.pop()
        nodes, deepest = nodes + 1, max(deepest, depth)
        stack.extend((child, depth + 1) for child in node)
    return nodes * max(1, deepest // _USUAL_DEPTH)


def _steps(selector: str) -> int:
    """How often a selector goes through the elements of a page, about."""
    return 1 + len(_STEPS.findall(selector)) + _LATER * (selector.count("~") + selector.count(":nth-"))


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Selectors and bodies; what stands under a condition on the device or the window is left out."""
    at, skipped, depth = 0, 0, 0
    for brace in re.finditer(r"[{}]", sheet):
        head = sheet[at : brace.start()].strip().rsplit(";", 1)[-1].strip()
        if brace.group() == "{":
            depth += 1
            if not skipped and head.startswith("@") and not _ALWAYS.fullmatch(head):
                skipped = depth
            selectors = head
        else:
            if not skipped and depth and not selectors.startswith("@"):
                yield selectors, sheet[at : brace.start()]
            skipped = 0 if skipped == depth else skipped
            depth = max(depth - 1, 0)
            selectors = "@"
        at = brace.end()


def declarations(body: str) -> Declarations:
    """Properties and values, in lower case; what is important a second time, under ``!`` and its name.

    >>> declarations("COLOR: #FFF !important; font: 700 0/0 serif")
    {'color': '#fff', '!color': '#fff', 'font': '700 0/0 serif', 'font-size': '0'}
    """
    found: Declarations = {}
    for one in body.lower().split(";"):
        name, colon, value = one.partition(":")
        if not colon:
            continue
        name, value, is_important = name.strip(), value.replace("!important", "").strip(), "!important" in value
        stated = {name: value}
        if name == "font" and (size := _FONT_SIZE.search(value)):
            stated["font-size"] = size.group(1)
        found |= stated
        if is_important:
            found |= {IMPORTANT + key: held for key, held in stated.items()}
    return found


def with_variables(style: Declarations, variables: Declarations) -> Declarations:
    """The declarations with the values that variables have there, or else what stands in for them; others stay.

    >>> with_variables({"color": "var(--ink, var(--paper))"}, {"--paper": "#fff"})
    {'color': '#fff'}
    """

    def value_of(match: re.Match[str]) -> str:
        stands = match.group(0) if match.group(2) is None else match.group(2).strip()
        return variables.get(match.group(1), stands)

    def resolved(value: str) -> str:
        for _ in range(_NESTED_VARIABLES):
            if "var(" not in value or len(value) > _LONGEST_VALUE:
                break
            value = _VARIABLE.sub(value_of, value)
        return value

    return {name: resolved(value) if "var(" in value else value for name, value in style.items()}


def pixels(value: str | None, *, of: float = 16.0) -> float | None:
    """A length in pixels, relative ones to ``of``; ``None`` where it is none.

    >>> pixels("-999px"), pixels(".1em"), pixels("50%", of=10.0), pixels("auto")
    (-999.0, 1.6, 5.0, None)
    """
    match = _LENGTH.match(_CALCULATED.sub(r"\1", value or ""))
    if match is None or match.group(1) in ("", "-", ".", "-."):
        return None
    number, unit = float(match.group(1)), match.group(2)
    if unit in ("em", "ex", "ch"):
        return number * of
    if unit == "%":
        return number / 100 * of
    return number * _IN_PIXELS.get(unit or "px", 1.0)


def colour(value: str | None) -> Colour | None:
    """Red, green, blue and how opaque; ``None`` where it is not known.

    >>> colour("#fff"), colour("rgba(0, 0, 0, .5)"), colour("hsl(0 0% 100%)"), colour("var(--ink)")
    ((255, 255, 255, 1.0), (0, 0, 0, 0.5), (255, 255, 255, 1.0), None)
    """
    value = (value or "").strip().lower()
    if value == "transparent":
        return 0, 0, 0, 0.0
    if value in _NAMED:
        return *_NAMED[value], 1.0
    if re.fullmatch(r"#?[0-9a-f]{3,8}", value):
        digits = value.lstrip("#")
        digits = "".join(2 * digit for digit in digits) if len(digits) in (3, 4) else digits
        if len(digits) in (6, 8):
            parts = [int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)]
            return parts[0], parts[1], parts[2], parts[3] / 255 if len(parts) == 4 else 1.0
        return None
    if value.startswith(("rgb", "hsl")) and len(value) < 80:
        return _function(value)
    return None


def _function(value: str) -> Colour | None:
    parts = _NUMBERS.findall(value)
    if len(parts) not in (3, 4):
        return None
    opaque = _share(parts[3]) if len(parts) == 4 else 1.0
    if value.startswith("hsl"):
        import colorsys

        red, green, blue = colorsys.hls_to_rgb(float(parts[0].rstrip("%")) / 360, _share(parts[2]), _share(parts[1]))
        return round(red * 255), round(green * 255), round(blue * 255), opaque
    red, green, blue = (_share(part) * 255 if part.endswith("%") else float(part) for part in parts[:3])
    return round(red), round(green), round(blue), opaque


def _share(part: str) -> float:
    return float(part.rstrip("%")) / 100 if part.endswith("%") else float(part)
