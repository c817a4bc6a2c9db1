"""Ranked retrieval by document, measured with ir-measures.

nDCG@10: gain / best possible gain, each the sum of ``grade / log2(rank + 1)`` over ten ranks (Järvelin and
Kekäläinen 2002). R@k: share of the relevant found within k ranks. RR@10: 1 / rank of the first relevant within ten.
AP: mean over the relevant of the precision at their ranks. The library: MacAvaney et al., "Streamlining Evaluation
with ir-measures" (ECIR 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10", "AP")


def per_query(
    judgements: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """The value of every measure for every judged query; a query without a ranking has 0.

    ``rankings`` are document ids best first, no id twice.

    >>> values = per_query({"q": {"right": 1, "other": 1}}, {"q": ["wrong", "right"]})
    >>> values["R@10"]["q"], values["RR@10"]["q"], values["AP"]["q"]
    (0.5, 0.5, 0.25)
    """
    import ir_measures

    scored = {
        query: {document: 1.0 / rank for rank, document in enumerate(documents, start=1)}
        for query, documents in rankings.items()
    }
    grades = {query: dict(found) for query, found in judgements.items()}
    wanted = [ir_measures.parse_measure(name) for name in MEASURES]
    values = {name: dict.fromkeys(judgements, 0.0) for name in MEASURES}
    for metric in ir_measures.iter_calc(wanted, grades, scored):
        values[str(metric.measure)][metric.query_id] = float(metric.value)
    return values


def by_document(passages: Iterable[str]) -> list[str]:
    """A ranking of passages as a ranking of their documents: each stands where its best passage stood.

    >>> by_document(["b", "a", "b", "c"])
    ['b', 'a', 'c']
    """
    return list(dict.fromkeys(passages))
