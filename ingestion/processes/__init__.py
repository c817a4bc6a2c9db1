"""The stages of ingestion in processes of their own, each with the least that it needs.

    stages.py    ``ProcessStages``, what production drives
    programs.py  what the children of each kind run, under which limits
    pool.py      as many children of one kind as the work asks for, each driven by a thread · turns.py  whose turn it is
    birth.py     how children come to be: by themselves, or forked from a template · process.py  until their end
    worker.py    one child as its parent sees it: asked, watched, killed
    wire.py      what crosses between the two, and what is believed of it · channel.py  frames over a descriptor
    child.py     one child as it sees itself · parser.py text.py model.py  the three kinds
    template.py  what children are forked from, as it sees itself · forking.py  the fork
    sandbox.py   what a child gives up before it meets a document · privileges.py landlock.py seccomp.py limits.py

Nothing that a child writes is trusted: it is JSON of a known shape and vectors of a known size, or the child is
killed. Nothing is ever unpickled. A parser or text worker that has met one tenant's document never meets another's.
"""
