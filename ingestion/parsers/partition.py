"""``unstructured`` without its network, its model downloads, its telemetry and its chatter.

Its classifier of elements asks spaCy for sentences and part-of-speech tags to tell prose from titles. We take
headings from what the format says (tags, styles, placeholders), so rules serve in spaCy's place. That matters:
building even an empty spaCy pipeline loads every installed plugin, Presidio's and so torch among them (10 s, 400 MB).
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from rag_service.sentences import sentence_spans

_OPTIONS = {"languages": [""], "detect_language_per_element": False}
"""No language detection: nothing uses it, and it costs more than the parse."""

_TOKENIZER = "unstructured.nlp.tokenize"
_WORD = re.compile(r"\w+|[^\w\s]")


def partition(family: str, **source: Any) -> Sequence[Any]:
    """The elements that ``unstructured`` finds, by ``partition_<family>``."""
    function: Callable[..., Sequence[Any]] = getattr(family_module(family), f"partition_{family}")
    return function(**source, **_OPTIONS)


def family_module(family: str) -> ModuleType:
    """The library's module for these formats, imported so that it neither reaches out nor prints."""
    _prepare()
    module = importlib.import_module(f"unstructured.partition.{family}")
    if hasattr(module, "logging"):  # some log through the root logger, which would set up a handler on stderr
        module.logging = logging.getLogger("unstructured")  # type: ignore[attr-defined]  # in place of the module
    return module


@cache
def _prepare() -> None:
    """Whatever would reach out or load a model is replaced before the library is imported."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["SCARF_NO_ANALYTICS"] = "1"
    logging.getLogger("unstructured").setLevel(logging.CRITICAL)
    # The original module imports spaCy, and downloads a model when it finds none.
    tokenizer = ModuleType(_TOKENIZER)
    vars(tokenizer).update(sent_tokenize=_sentences, word_tokenize=_WORD.findall, pos_tag=_untagged)
    sys.modules[_TOKENIZER] = tokenizer


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def _untagged(text: str) -> list[tuple[str, str]]:
    """No word is known to be a verb: what then passes for a title is decided by the parsers, not by the tagger."""
    return [(word, "") for word in _WORD.findall(text)]
