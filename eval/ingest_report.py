"""The figures of the ingestion bench, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table


def shown(figures: Mapping[str, Any]) -> str:
    """Tables of what the stages cost, what the command took, and what others took."""
    bare, ingest = figures["bare"], figures["ingest"]
    text = StringIO()
    console = Console(file=text, width=120)
    table = Table("format", "files", *bare["stages"], title="bare cost, ms of processor a file")
    for suffix, one in bare["formats"].items():
        table.add_row(suffix, str(one["files"]), *(f"{ms:.1f}" for ms in one["cpu_ms"].values()))
    table.add_row("all, s", str(figures["files"]), *(f"{cost['cpu_s']:.1f}" for cost in bare["stages"].values()))
    console.print(table)
    console.print(
        f"bare {bare['sum']['wall_s']:.1f} s, on {bare['cores']} cores {bare['spread_s']:.1f} s; `rag ingest` "
        f"{ingest['s']:.1f} s ({ingest['files_per_s']:.2f} files/s): ratio {figures['ratio']:.2f}, of processor time "
        f"{figures['cpu_ratio']:.2f}; {figures['refused']} refused; the machine did {ingest['others_cpu_s']:.0f} s of "
        "other work meanwhile",
        highlight=False,
    )
    table = Table("process", "seen", "peak MiB", title="memory")
    for one in ingest["processes"]:
        table.add_row(one["process"], str(one["seen"]), f"{one['peak_mib']:.0f}")
    table.add_row("all together", "", f"{ingest['together_mib']:.0f}")
    console.print(table)
    for comparison in figures.get("beside", ()):
        console.print(_beside(comparison))
    return text.getvalue()


def _beside(comparison: Mapping[str, Any]) -> Table:
    """``cut off`` is text that no vector knows of. The others neither scrub, screen, seal nor store to disk."""
    heads = ("", "files", "skipped", "s", "of the processor", "files/s", "chunks", "tokens", "tokens/s", "cut off")
    table = Table(*heads, "takes times ours", title=f"beside others: {comparison['files']} files")
    for one in (comparison["ours"], *comparison["theirs"]):
        table.add_row(
            one["name"],
            str(one["files"]),
            str(one["skipped"]),
            f"{one['s']:.1f}",
            f"{one['cpu_s']:.1f}",
            f"{one['files_per_s']:.2f}",
            str(one["chunks"]),
            str(one["tokens"]),
            str(one["tokens_per_s"]),
            f"{100 * one['unread_share']:.0f} %",
            f"{one.get('times_ours', 1.0):.2f}",
        )
    return table
