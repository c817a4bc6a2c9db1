"""``python -m eval.poisoning DATA_DIR``: poisoned and honest documents in companies, asked with vetting and without.

``DATA_DIR`` holds ``tenants/<name>`` (as for ``eval.tenant_questions``) and ``attacks/poisonedrag/nq.json``. All goes
through the production ingestion and question path in a temporary folder. Only the half of the targets on which
nothing was chosen is reported; ``--chosen`` reports the other.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from eval.bar import Bar
from eval.poisoning.measure import ask_targets, search_cost
from eval.poisoning.questions import Target, company_targets, poisonedrag_targets
from eval.poisoning.worlds import pages_about, plant
from eval.tenant_questions import Company, read_company
from ingestion.batch import Intake, Watcher, find_files, ingest_files
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from rag_service.domain.identity import EVERYONE
from rag_service.settings import load_settings
from rag_service.wiring import Service, open_service


async def run(data: Path, formats: tuple[str, ...], most: int | None, *, chosen: bool) -> dict[str, Any]:
    """The report. ``most`` takes that many targets of each kind."""
    companies = [read_company(folder) for folder in sorted((data / "tenants").iterdir()) if folder.is_dir()]
    targets = poisonedrag_targets(data / "attacks" / "poisonedrag" / "nq.json")
    of_half = [target for target in targets if target.is_for_choosing == chosen][:most]
    for company in companies:
        own = [target for target in company_targets(company.folder) if target.is_for_choosing == chosen]
        of_half += own[:most]
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        # Held documents would leave nothing to attack with: what answers do with them is what is measured.
        settings = load_settings(data_dir=Path(folder, "data"), master_key=secrets.token_hex(32), hold_suspects=False)
        async with open_service(settings) as service:
            return await measure(companies, of_half, service, formats)


async def measure(
    companies: list[Company], targets: list[Target], service: Service, formats: tuple[str, ...]
) -> dict[str, Any]:
    """Ingests, plants, asks."""
    names = [company.name for company in companies]
    for company in companies:
        tenant = await service.store.tenants.create(company.name, "identifiers")
        roots = [company.folder / "documents" / one for one in formats]
        files = list(find_files(roots, None))
        intake = Intake(tenant, "operator", "operator", [EVERYONE])
        async with ingesting(service, ProcessStages(service.settings)):
            await ingest_files(files, intake, service.store, 2**26, Watcher(lambda *_: True))
    cost = {company.name: await search_cost(company, service) for company in companies}
    pages = pages_about(targets, names)
    with Bar() as bar:
        bar.begin("planting", len(pages))
        refused = await plant(pages, service, ProcessStages(service.settings), bar.advance)
        bar.begin("asking", len(targets))
        asked = await ask_targets(targets, names, service, bar.advance)
    return {"targets": len(targets), "pages": len(pages), "pages_refused": refused, "search_cost": cost, **asked}


def told(report: dict[str, Any]) -> str:
    """The report as a table for people."""
    lines = [f"{'world':48} {'':11} {'attack':>8} {'right':>7} {'poison':>7} {'honest removed':>15}"]
    for world, arms in report["worlds"].items():
        for arm, rates in arms.items():
            low, high = rates["attack_success"]["ci95"]
            lines.append(
                f"{world:48} {arm:11} {rates['attack_success']['mean']:8.3f} {rates['right']['mean']:7.3f} "
                f"{rates['poison_among_used']['mean']:7.3f} {rates['honest_documents_removed']:15.4f}"
                f"   attack {low:.3f} to {high:.3f} of {rates['questions']}"
            )
    for company, cost in report["search_cost"].items():
        lines.append(f"{company:48} nDCG@10 lost {cost['lost']['mean']:.4f} of {cost['nDCG@10']['undefended']:.4f}")
    lines.append(
        f"one call: {report['vet_cpu_ms']['p50']:.2f} ms of processor at p50, {report['vet_cpu_ms']['p95']:.2f} at p95"
    )
    return "\n".join(lines)


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.poisoning", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")
    parser.add_argument("--chosen", action="store_true", help="the half on which constants were chosen")
    parser.add_argument("--targets", type=int, help="at most so many of each kind")
    parser.add_argument("--formats", default="md", help="of the companies' documents, by comma")
    given = parser.parse_args()
    report = asyncio.run(run(given.data, tuple(given.formats.split(",")), given.targets, chosen=given.chosen))
    print(json.dumps(report, indent=2) if given.json else told(report))  # noqa: T201  # its answer


if __name__ == "__main__":
    main()
