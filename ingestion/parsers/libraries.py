"""The parsing libraries, imported before there is a file."""

from __future__ import annotations

import importlib

from ingestion.parsers.partition import family_module

_MODULES = (
    *("markdown_it", "lxml.etree", "lxml.html", "pypdfium2", "docx", "pptx", "openpyxl"),
    *("olefile", "oxmsg", "chardetng_py"),
    "unstructured.nlp.english_words",
)
_FAMILIES = ("html", "docx", "pptx")


def import_libraries() -> None:
    """Whatever a format needs is imported: a process that is forked now parses its first file at once."""
    for family in _FAMILIES:
        family_module(family)
    for module in _MODULES:
        importlib.import_module(module)
