"""What is between Mirk and the homeserver: a test sees the requests and stops them where it wants."""

import dataclasses
import http.client
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import until

SENDS = r"PUT .*/rooms/[^/]+/send/m\.room\."
SHARES = r"PUT .*/sendToDevice/m\.room\.encrypted/"
SYNC = r"GET .*/sync"
DEADLINE = 60
# Not passed on: they are about one connection.
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "proxy-connection"}


@dataclasses.dataclass
class Request:
    """A request that came, and what became of it."""

    method: str
    path: str
    body: bytes
    at: float
    status: int = None
    number: int = None

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def txn(self) -> str:
        """The transaction id, of requests that have one."""
        return self.path.split("?")[0].rsplit("/", 1)[-1]

    def json(self) -> dict:
        return json.loads(self.body)


class Hold:
    """Stops matching requests, before they are forwarded or when the answer is there.

    `wait` until one is stopped, then `release` or `drop` it. Each later one passes, unless `count`
    says that more are to be stopped. One that came before the hold passes: the room may show a message
    whose answer is still on its way to Mirk.
    """

    def __init__(self, pattern: str, is_answer: bool, count: int):
        self.pattern, self.is_answer, self.count = re.compile(pattern), is_answer, count
        self.stopped, self.gone = [], 0
        self._verdict, self._lock = threading.Event(), threading.Lock()
        self._drops = False
        self.first = 0

    def takes(self, request: Request) -> bool:
        if request.number < self.first or not self.pattern.search(request.line):
            return False
        with self._lock:
            if len(self.stopped) >= self.count or self._verdict.is_set():
                return False
            self.stopped.append(request)
            return True

    def wait(self, seconds: float = DEADLINE) -> Request:
        """The first request that was stopped."""
        until(f"a request that matches {self.pattern.pattern}", lambda: self.stopped, seconds)
        return self.stopped[0]

    def release(self):
        """Lets them go on, and waits until they have."""
        self._verdict.set()
        self._finish()

    def drop(self):
        """Closes their connections."""
        self._drops = True
        self._verdict.set()
        self._finish()

    def _finish(self):
        until("the held requests to end", lambda: self.gone >= len(self.stopped))

    def stay(self) -> bool:
        """Waits for the verdict, in the thread of the request; false if it is dropped."""
        return self._verdict.wait(10 * DEADLINE) and not self._drops

    def leave(self):
        with self._lock:
            self.gone += 1


@dataclasses.dataclass
class Answer:
    """What is answered in the homeserver's place, so many times."""

    pattern: re.Pattern
    status: int
    body: dict
    headers: dict
    times: int
    given: int = 0


class Proxy:
    """A reverse proxy on loopback. `url` is Mirk's homeserver."""

    def __init__(self, synapse):
        self.synapse = synapse
        self.requests, self._rules, self._sockets = [], [], set()
        self._lock, self._is_cut = threading.Lock(), False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        for rule in self.rules():
            if isinstance(rule, Hold):
                rule._drops = True
                rule._verdict.set()
        self._server.shutdown()
        self._server.server_close()
        self._close_connections()
        self._thread.join(10)

    def log(self) -> list:
        """What came and what was answered; the long polls are left out."""
        with self._lock:
            requests = list(self.requests)
        return [f"{r.line} -> {r.status}" for r in requests if not re.search(SYNC, r.line)]

    def seen(self, pattern: str) -> list:
        """The requests that match, answered or not."""
        with self._lock:
            return [request for request in self.requests if re.search(pattern, request.line)]

    def hold_request(self, pattern: str, count: int = 1) -> Hold:
        """Stops the next matching requests before the homeserver sees them."""
        return self._hold(Hold(pattern, is_answer=False, count=count))

    def hold_answer(self, pattern: str, count: int = 1) -> Hold:
        """Stops the next matching requests when the homeserver has answered them."""
        return self._hold(Hold(pattern, is_answer=True, count=count))

    def answer(self, pattern: str, status: int, body: dict = None, times: int = 1, **headers) -> Answer:
        """Answers the next matching requests itself."""
        return self._add(Answer(re.compile(pattern), status, body or {}, headers, times))

    def limit(self, pattern: str, retry_after_ms: int = 50, times: int = 1) -> Answer:
        """429, as Synapse says it."""
        body = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": retry_after_ms}
        return self.answer(pattern, 429, body, times)

    def cut(self):
        """Closes what is open, and from now on every new connection at once."""
        with self._lock:
            self._is_cut = True
        self._close_connections()

    def mend(self):
        with self._lock:
            self._is_cut = False

    def rules(self) -> list:
        with self._lock:
            return list(self._rules)

    def _hold(self, hold: Hold) -> Hold:
        with self._lock:
            hold.first = len(self.requests)
            self._rules.append(hold)
        return hold

    def _add(self, rule):
        with self._lock:
            self._rules.append(rule)
        return rule

    def _close_connections(self):
        with self._lock:
            sockets = list(self._sockets)
        for open_socket in sockets:
            _shut(open_socket)

    # In the threads of the requests

    def admit(self, connection: socket.socket) -> bool:
        with self._lock:
            if not self._is_cut:
                self._sockets.add(connection)
            return not self._is_cut

    def dismiss(self, connection: socket.socket):
        with self._lock:
            self._sockets.discard(connection)

    def note(self, request: Request):
        with self._lock:
            request.number = len(self.requests)
            self.requests.append(request)

    def own_answer(self, request: Request):
        with self._lock:
            for rule in self._rules:
                if isinstance(rule, Answer) and rule.given < rule.times and rule.pattern.search(request.line):
                    rule.given += 1
                    return rule
        return None

    def hold_of(self, request: Request, is_answer: bool):
        holds = [rule for rule in self.rules() if isinstance(rule, Hold) and rule.is_answer == is_answer]
        return next((hold for hold in holds if hold.takes(request)), None)

    def forward(self, request: Request, headers: dict):
        """The homeserver's answer: status, headers, body."""
        # A long poll of Mirk's choice, and some more.
        upstream = http.client.HTTPConnection("127.0.0.1", self.synapse.port, timeout=5 * DEADLINE)
        try:
            upstream.connect()
            with self._lock:
                self._sockets.add(upstream.sock)
            opened = upstream.sock
            try:
                upstream.request(request.method, request.path, request.body, headers)
                answer = upstream.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                self.dismiss(opened)
        finally:
            upstream.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A connection that was cut is what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self):
        proxy = self.server.proxy
        if not proxy.admit(self.connection):
            return _shut(self.connection)
        try:
            super().handle()
        except OSError:
            pass
        finally:
            proxy.dismiss(self.connection)

    def _pass(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, body, time.monotonic())
        proxy.note(request)
        own = proxy.own_answer(request)
        if own is not None:
            return self._answer(request, own.status, own.headers.items(), json.dumps(own.body).encode())
        hold = proxy.hold_of(request, is_answer=False)
        try:
            if hold is not None and not hold.stay():
                return self._drop()
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            try:
                status, headers, body = proxy.forward(request, headers)
            except (OSError, http.client.HTTPException):
                # The homeserver is away: so is its proxy.
                return self._drop()
            request.status = status
        finally:
            if hold is not None:
                hold.leave()
        hold = proxy.hold_of(request, is_answer=True)
        try:
            if hold is not None and not hold.stay():
                return self._drop()
            self._answer(request, status, headers, body)
        finally:
            if hold is not None:
                hold.leave()

    do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = _pass

    def _answer(self, request: Request, status: int, headers, body: bytes):
        request.status = status
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _drop(self):
        self.close_connection = True
        _shut(self.connection)

    def log_message(self, *args):
        """`Proxy.log` has it."""


def _shut(open_socket: socket.socket):
    try:
        open_socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
