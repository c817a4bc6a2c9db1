"""``python -m rag_service`` is `rag`."""

from rag_service.cli import main

main()
