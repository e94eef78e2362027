"""The checks of `runlog doctor` that ask a server."""

from __future__ import annotations

from collections.abc import Iterator

from runlog.commands.doctor_findings import NOTE, OK, WRONG, Finding
from runlog.errors import RunlogError
from runlog.http import probe
from runlog.http.store import HttpStore
from runlog.text_tables import counted

LITTLE, MUCH = 3.0, 60.0  # seconds that clocks may differ, and beyond which times are misread


def findings(store: HttpStore) -> Iterator[Finding]:
    """Check whether the server answers, who the user is there, its clock, and what waits for it."""
    try:
        greeting = probe.greet(store.session)
    except RunlogError as error:
        yield Finding(WRONG, "server", error.message)
    else:
        version = f"version {greeting.version}" if greeting.version else "version unknown"
        yield Finding(OK, "server", f"answers in {greeting.seconds * 1000:.0f} ms, {version}")
        yield _log_in(store)
        if greeting.ahead is not None:
            yield _clock(greeting.ahead)
    yield from _waiting(store.uri)


def _log_in(store: HttpStore) -> Finding:
    try:
        found = probe.log_in(store.session)
    except RunlogError as error:
        return Finding(WRONG, "log-in", error.message)
    if not found.is_known:
        return Finding(OK, "log-in", "experiments can be read")
    who = "the server has no log-ins"
    if found.user is not None:
        who = f"as {found.user}, with the role {found.role}"
    if found.read_only:
        return Finding(NOTE, "log-in", f"{who}; nothing can be logged, only read")
    return Finding(OK, "log-in", who)


def _clock(ahead: float) -> Finding:
    by = abs(ahead)
    if by < LITTLE:
        return Finding(OK, "clock", "the server's and this machine's agree")
    amount = f"{by:.0f} s" if by < 600 else f"{by / 60:.0f} min"
    text = f"the server's is {amount} {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if by < MUCH:
        return Finding(NOTE, "clock", text)
    return Finding(WRONG, "clock", f"{text}: times of runs from several machines will not fit")


def _waiting(uri: str) -> Iterator[Finding]:
    from runlog.http import outbox

    found = [each for file in outbox.files() if file.uri == uri for each in outbox.waiting(file)]
    waiting = sum(each.items for each in found if not each.refused)
    refused = sum(each.items for each in found if each.refused)
    if not waiting and not refused:
        yield Finding(OK, "to be sent", "nothing waits for this server")
    if waiting:
        what = f"{counted(waiting, 'log call')} of this machine: see  runlog outbox list"
        yield Finding(NOTE, "to be sent", what)
    if refused:
        what = f"{counted(refused, 'log call')} that the server refused: see  runlog outbox list"
        yield Finding(WRONG, "to be sent", what)
