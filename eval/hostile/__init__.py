"""Files that an enemy would send, made in code, and one `rag ingest` over them and a folder of real ones.

bombs.py      all of them, by name · archives.py packages.py pdfs.py texts.py mails.py worn.py  how each is made
run.py        the run: a service, one ingestion, a question afterwards · report.py  what came of it
"""
