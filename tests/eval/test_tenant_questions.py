"""Two companies through `rag ingest` and HTTP, as child processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.datasets.beir import DatasetMissing
from eval.served import temporary_installation
from eval.tenant_questions import measure, read_company

COMPANIES = {
    "acorn": {
        "Parental leave": "Parental leave at Acorn lasts twenty weeks and is paid in full.",
        "Company cars": "Acorn leases electric company cars to sales staff for three years.",
    },
    "birch": {
        "Parental leave": "Birch grants ten weeks of parental leave at half pay.",
        "Laboratory keys": "The laboratory keys of Birch are kept by the porter at the east gate.",
    },
}
QUESTIONS = {
    "acorn": {
        "a1": ("How long does parental leave last?", "Parental leave"),
        "a2": ("Who gets company cars?", "Company cars"),
    },
    "birch": {"b1": ("Where are the laboratory keys kept?", "Laboratory keys")},
}


def write_companies(folder: Path) -> Path:
    for name, documents in COMPANIES.items():
        for kind in ("md", "html"):
            (folder / name / "documents" / kind).mkdir(parents=True)
        for title, text in documents.items():
            (folder / name / "documents" / "md" / f"{title}.md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
            page = f"<html><body><h1>{title}</h1><p>{text}</p></body></html>"
            (folder / name / "documents" / "html" / f"{title}.html").write_text(page, encoding="utf-8")
        (folder / name / "documents" / "empty.md").write_text("", encoding="utf-8")
        (folder / name / "qrels").mkdir()
        asked = QUESTIONS[name]
        lines = [json.dumps({"_id": query, "text": text}) for query, (text, _) in asked.items()]
        (folder / name / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows = [f"{query}\tThe {name}/{title}.md\t1" for query, (_, title) in asked.items()]
        (folder / name / "qrels" / "test.tsv").write_text(
            "\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n", encoding="utf-8"
        )
    return folder


@pytest.mark.slow
def test_each_company_finds_its_own_documents_and_no_others(tmp_path: Path) -> None:
    folder = write_companies(tmp_path)
    companies = [read_company(folder / name) for name in COMPANIES]
    with temporary_installation() as installation:
        report = measure(companies, installation, wrong_every=1)
    assert report["ingest"]["files"] == 10
    assert sum(report["ingest"]["refused"].values()) == 2
    search, query = report["search"], report["query"]
    assert (search["measures"]["nDCG@10 limit=10"], search["measures"]["R@10 limit=100"]) == (1.0, 1.0)
    assert (search["other_tenants"], search["texts_that_differ"]) == (0, 0)
    assert search["results"] > 0
    assert (query["questions"], query["others_asked"]) == (3, 3)
    assert (query["answered"], query["first_citation_right"], query["quotes_that_differ"]) == (1.0, 1.0, 0)
    assert query["quotes"] >= 3


def test_a_folder_without_questions_is_told(tmp_path: Path) -> None:
    write_companies(tmp_path)
    (tmp_path / "acorn" / "queries.jsonl").unlink()
    with pytest.raises(DatasetMissing):
        read_company(tmp_path / "acorn")
