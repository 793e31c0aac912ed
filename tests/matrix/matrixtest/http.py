"""Requests to the homeserver, by hand: what is stored is seen as the server has it."""

import json
import urllib.error
import urllib.parse
import urllib.request

# Loopback only, whatever the environment says of proxies.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HttpError(AssertionError):
    """An answer that is no 2xx."""

    def __init__(self, what: str, status: int, answer: dict):
        super().__init__(f"{what}: {status} {answer}")
        self.status, self.answer = status, answer


def request(
    base: str, method: str, path: str, body=None, token: str = None, seconds: float = 30, **query
) -> dict:
    """The JSON of a good answer."""
    url = base + path + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, headers, method=method)
    try:
        with OPENER.open(asked, timeout=seconds) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise HttpError(f"{method} {path}", error.code, _json(error.read())) from None


def quote(part: str) -> str:
    """One segment of a path."""
    return urllib.parse.quote(part, safe="")


def _json(text: bytes):
    try:
        return json.loads(text)
    except ValueError:
        return text
