"""What the children of each kind run, and what a request may take of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.processes.birth import Program
from ingestion.processes.limits import MIB, Limits
from ingestion.processes.wire import ParserConfig, encode
from rag_service.detect.recognizers import load_recognizers

if TYPE_CHECKING:
    from rag_service.settings import Settings

_PARSER = Limits(80, cpu_s=40, memory_bytes=2048 * MIB, output_bytes=128 * MIB, requests=2000, s_per_mib=8)
_TEXT = Limits(240, cpu_s=120, memory_bytes=4096 * MIB, output_bytes=512 * MIB, requests=2000, s_per_mib=240)
_MODEL = Limits(240, cpu_s=120, memory_bytes=None, output_bytes=512 * MIB, requests=20_000, s_per_mib=15)


@dataclass(frozen=True, slots=True)
class Programs:
    """What the children of each kind run."""

    parser: Program
    text: Program
    model: Program


PROGRAMS = Programs(
    parser=Program("ingestion.processes.parser", _PARSER, per_tenant=True),
    text=Program("ingestion.processes.text", _TEXT, per_tenant=True),
    model=Program("ingestion.processes.model", _MODEL),
)


def programs_for(settings: Settings) -> Programs:
    """What the children run, with the limits that the settings give to parsers."""
    limits = replace(
        _PARSER,
        cpu_s=settings.parser_seconds,
        wall_s=2.0 * settings.parser_seconds,
        memory_bytes=settings.parser_memory_mb * MIB,
        output_bytes=max(_PARSER.output_bytes, (settings.max_upload_mb + 64) * MIB),  # a member may be as large
    )
    config = encode(ParserConfig(settings.active_content))
    recognizers, _ = load_recognizers(settings.recognizers)
    return replace(
        PROGRAMS,
        parser=replace(PROGRAMS.parser, limits=limits, config=config),
        text=replace(PROGRAMS.text, config=recognizers),
    )
