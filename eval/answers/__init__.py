"""Answers, measured: correctness, citations, groundedness, refusal, and the time of each stage."""
