"""Fits the weights of ``rag_service.query.extract_weights`` to companies' questions with known supporting facts."""
