"""One module a family of formats: each reads content of a known type into an ``Extract``.

Parsing libraries are imported only here, and only when a file of their format arrives. What they raise is turned
into a ``Refused`` by ``ingestion.parse``.
"""
