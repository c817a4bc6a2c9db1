"""What a tenant allows: set by the operator, sealed with the tenant's name, in force from the next question on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.domain.errors import InvalidRequest
from rag_service.domain.policy import AnswerPii, AnswerPolicy, FailedDraft, Injected, Links, QuestionPii, Unsupported
from tests.rag import Rag

DEFAULTS = {
    "injected_questions": "flag",
    "question_pii": "allow",
    "answer_pii": "allow",
    "unsupported": "remove",
    "links": "cited",
    "failed_draft": "extractive",
    "forbidden_terms": [],
    "max_answer_words": 400,
}


@pytest.fixture
def rag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rag:
    monkeypatch.setenv("RAG_MASTER_KEY_FILE", str(tmp_path / "master.key"))
    return Rag(tmp_path / "data")


@given(
    st.builds(
        AnswerPolicy,
        injected_questions=st.sampled_from(Injected),
        question_pii=st.sampled_from(QuestionPii),
        answer_pii=st.sampled_from(AnswerPii),
        unsupported=st.sampled_from(Unsupported),
        links=st.sampled_from(Links),
        failed_draft=st.sampled_from(FailedDraft),
        forbidden_terms=st.lists(st.from_regex(r"[a-zé0-9]{1,20}", fullmatch=True), unique=True, max_size=4).map(tuple),
        max_answer_words=st.integers(1, 2000),
    )
)
def test_a_policy_is_read_as_it_was_written(policy: AnswerPolicy) -> None:
    assert AnswerPolicy.parse(policy.as_json()) == policy


@pytest.mark.parametrize(
    "values",
    [
        {"links": "all"},
        {"forbidden_terms": ["  "]},
        {"forbidden_terms": ["%%"]},
        {"forbidden_terms": "heron"},
        {"forbidden_terms": ["x" * 101]},
        {"forbidden_terms": ["x"] * 501},
        {"max_answer_words": 0},
        {"max_answer_words": True},
        {"max_answer_words": "80"},
        {"tone": "friendly"},
    ],
)
def test_a_policy_that_cannot_be_used_is_refused(values: dict[str, object]) -> None:
    if values.get("forbidden_terms") == ["x"] * 501:
        values = {"forbidden_terms": [f"x{number}" for number in range(501)]}
    with pytest.raises(InvalidRequest):
        AnswerPolicy.parse(values)


def test_an_operator_shows_changes_and_resets_a_policy(rag: Rag) -> None:
    rag.run("tenant", "create", "acme")
    assert rag.json("tenant", "policy", "acme") == {"tenant": "acme", "policy": DEFAULTS}
    changed = rag.json("tenant", "policy", "acme", "--links", "none", "--forbid", "Project Heron", "--forbid", "osprey")
    assert changed["policy"] == {**DEFAULTS, "links": "none", "forbidden_terms": ["Project Heron", "osprey"]}
    again = rag.json("tenant", "policy", "acme", "--allow", "osprey", "--max-answer-words", "80")["policy"]
    assert again == {**changed["policy"], "forbidden_terms": ["Project Heron"], "max_answer_words": 80}
    assert rag.json("tenant", "show", "acme")["tenant"] == "acme", "the name is still the name"
    assert (
        rag.json("tenant", "policy", "acme", "--max-answer-words", "0", status=1)["error"]["type"] == "InvalidRequest"
    )
    assert rag.json("tenant", "policy", "acme", "--reset")["policy"] == DEFAULTS


def test_terms_come_from_a_file_and_nothing_of_a_policy_is_readable_on_disk(rag: Rag, tmp_path: Path) -> None:
    rag.run("tenant", "create", "bolt")
    terms = tmp_path / "terms.txt"
    terms.write_text("Merger Kestrel\n\nosprey\n")
    told = rag.json("tenant", "policy", "bolt", "--forbid-file", str(terms))
    assert told["policy"]["forbidden_terms"] == ["Merger Kestrel", "osprey"]
    rag.json("tenant", "policy", "bolt", "--forbid-file", str(tmp_path / "absent"), status=1)
    held = b"".join(path.read_bytes() for path in rag.folder.rglob("*") if path.is_file())
    assert b"Kestrel" not in held


@pytest.mark.sqlite
def test_who_writes_sql_takes_no_policy_away(rag: Rag) -> None:
    rag.run("tenant", "create", "cove")
    rag.json("tenant", "policy", "cove", "--forbid", "osprey")
    with sqlite3.connect(rag.folder / "rag.db") as database:
        database.execute("UPDATE tenants SET sealed_name = substr(sealed_name, 1, 40)")
    assert rag.json("tenant", "policy", "cove", status=1)["error"]["type"] in {"SealBroken", "NotFound"}
