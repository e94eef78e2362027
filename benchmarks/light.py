"""Light clients: python light.py PORT RUN_ID CALLS CONNECTIONS FIRST logs points over so many
connections at once, and prints the seconds that it took.

Requests are made beforehand and one loop serves all connections, so that on a machine whose
processors clients and server share, nearly all of the time is the server's.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time


def request(run_id: str, step: int) -> bytes:
    point = {"key": f"m{step % 20}", "value": step / 3, "timestamp": 1_700_000_000_000}
    body = json.dumps({"run_id": run_id, "step": step, **point})
    head = (
        "POST /api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def is_whole(answer: bytes) -> bool:
    """Whether all of an answer is there; ends the program at one that is no success."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    if not gap:
        return False
    if not head.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"refused: {answer[:500]!r}")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


def log(port: int, run_id: str, calls: int, connections: int, first: int) -> float:
    waiting = [request(run_id, first + call) for call in range(calls)]
    begun = time.perf_counter()
    poll, sockets = select.epoll(), dict[int, socket.socket]()
    answers = dict[int, bytes]()
    for _ in range(connections):
        each = socket.create_connection(("127.0.0.1", port))
        each.sendall(waiting.pop())
        sockets[each.fileno()], answers[each.fileno()] = each, b""
        poll.register(each, select.EPOLLIN)
    while sockets:
        for number, _ in poll.poll():
            answers[number] += sockets[number].recv(65536)
            if not is_whole(answers[number]):
                continue
            answers[number] = b""
            if waiting:
                sockets[number].sendall(waiting.pop())
            else:
                poll.unregister(number)
                sockets.pop(number).close()
    return time.perf_counter() - begun


if __name__ == "__main__":
    port, run_id, *numbers = sys.argv[1:]
    print(log(int(port), run_id, *map(int, numbers)))
