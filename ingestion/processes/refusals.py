"""Which broken limits speak against the file, and in what words."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("parse", "timeout"): ("parser_timeout", "Reading the file takes longer than a file may take."),
    ("parse", "memory"): ("parser_memory", "Reading the file takes more memory than a file may take."),
    ("parse", "output"): ("output_too_large", "The file holds more text than can be taken from one file."),
    ("unpack", "timeout"): ("parser_timeout", "Unpacking the file takes longer than a file may take."),
    ("unpack", "memory"): ("parser_memory", "Unpacking the file takes more memory than a file may take."),
    ("unpack", "output"): ("output_too_large", "The file holds more than can be taken from one file."),
    ("scrub", "timeout"): ("scrub_timeout", "Looking for personal data in the file takes longer than it may take."),
    ("scrub", "memory"): ("scrub_memory", "Looking for personal data in the file takes more memory than it may take."),
    ("scrub", "output"): ("output_too_large", "The file holds more text than can be taken from one file."),
}
"""By stage and limit. A model that breaks one is taken to be the model's own trouble."""
