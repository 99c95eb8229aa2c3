"""`neurova run`: a supervisor, its workers, and what makes new ones when they end.

    Supervisor ── Slot (a listening socket) ── Child ═ Leash ── worker
        │                                   the parent's end ═ the child's
        └ signals, turns, deadlines

A child is started by `spawn`, so it inherits nothing but what it is given.
"""
