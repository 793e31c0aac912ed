"""Events that the tests emit."""

import itertools
import json

from harness import VECTORS, vector_key

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
NUMBERS = itertools.count(1)
UPLOAD = "_lk.archive.package-upload-accepted"


def upload(name: str = "hello", key=ARCHIVE, id: str = UPLOAD, **data) -> bytes:
    """An upload was accepted: an event of the catalogue's."""
    version = data.pop("version", f"1.0-{next(NUMBERS)}")
    common = {
        "repo": "master",
        "suite": "landing",
        "upload_name": f"{name}_{version}_source",
        "is_new": False,
        "files": [f"{name}_{version}.dsc"],
        "changes": f"  * Release {version}.",
        "source_name": name,
        "source_version": version,
        "uploader_name": "Ada",
    }
    return key.event(id, {**common, **data})


def excuse(**data) -> bytes:
    """A package cannot migrate."""
    common = {
        "uuid": "7c9e6679-0000-4000-8000-000000000007",
        "suites_source": ["landing"],
        "suite_target": "byzantium",
        "source_package": "gnome-shell",
        "version_new": "47.1-1",
        "version_old": "46.2-1",
    }
    return SPEARS.event("_lk.spears.new-excuse", {**common, **data})


def job(key, stage: str, job_id: str, **data) -> bytes:
    """A stage in the life of a job: assigned, accepted, rejected or finished."""
    common = {
        "job_id": job_id,
        "client_name": "builder-03",
        "client_id": "5d3f7a10-0000-4000-8000-000000000003",
    }
    if stage == "assigned":
        common |= {
            "job_module": "archive",
            "job_kind": "package-build",
            "job_version": "47.1-1",
            "job_architecture": "amd64",
        }
    if stage == "finished":
        common |= {"result": "success-pending"}
    return key.event(f"_lk.jobs.job-{stage}", {**common, **data})


def hostile_vectors() -> list:
    """Every vector that is about hostile data, from whichever file."""
    found = []
    for path in sorted(VECTORS.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            names = (case.get("category") or "", case["name"].removeprefix("seed_"))
            if any(name.startswith("hostile") for name in names):
                found.append((path.stem, case["name"]))
    return found


CASES = hostile_vectors()


def nasty_strings() -> dict:
    """Text that others put into events, each by what it tries."""
    return {
        "script": "<script>alert(1)</script>",
        "image": '<img src="x" onerror="alert(1)">',
        "image without end": '<img src="mxc://evil.example/x" ',
        "link": '<a href="https://evil.example/">the package</a>',
        "script link": '"><a href="javascript:alert(1)">x</a>',
        "attribute": '" onmouseover="alert(1)" x="',
        "single quotes": "' onmouseover='alert(1)' x='",
        "closes what is open": "</b></em></code></blockquote></a></font><h1>owned</h1>",
        "reply fallback": '<mx-reply><blockquote><a href="https://matrix.to/#/!r:x/$e">In reply to</a></blockquote></mx-reply>',
        "spoiler": '<span data-mx-spoiler="x">y</span>',
        "colour": '<font color="red" data-mx-color="url(x)">x</font>',
        "mathematics": '<span data-mx-maths="\\\\href{javascript:alert(1)}{x}">x</span>',
        "comment": "<!-- --><!DOCTYPE x><?php echo 1 ?><![CDATA[x]]>",
        "entities": "&lt;b&gt; &amp; &#60;script&#62; &#x202e; &nbsp;&zwj;",
        "entity of a control character": "&#0;&#x1b;[2J&#x200b;&#8238;",
        "mention of the room": "@room look at this",
        "mention of a user": "@admin:mirk.test",
        "mention as a link": '<a href="https://matrix.to/#/@admin:mirk.test">admin</a>',
        "matrix.to": "https://matrix.to/#/@admin:mirk.test and matrix:u/admin:mirk.test",
        "markdown": "[x](https://evil.example/) **bold** `code` ![x](mxc://x/y)",
        "right to left": "ada\u202e\u2066txt.exe\u2069\u202c",
        "marks of direction": "\u200e\u200f\u061c",
        "zero width": "ad\u200ba\u200c\u200d\u2060\ufeff",
        "soft hyphen and fillers": "a\u00adb\u034fc\u115f\u1160\u3164\uffa0",
        "tag characters": "a" + "".join(chr(0xE0000 + ord(letter)) for letter in "hidden") + "\U000e007f",
        "terminal": "\x1b[2J\x1b]0;owned\x07\x1b]52;c;Y3VybA==\x07",
        "control characters": "".join(chr(number) for number in range(1, 32)) + "\x7f\x80\x9b\x9f",
        "NUL": "before\x00after",
        "line breaks": "one\ntwo\r\nthree\rfour\u2028five\u2029six\x85seven\x0beight",
        "command": "!mirk mute 2h\n/me owns this room\n/kick @ada:mirk.test",
        "JSON in HTML": '</script>{"m.mentions":{"room":true},"org.laniakea.mirk":{"events":[]}}<b>',
        "JSON": '","formatted_body":"<h1>x</h1>","x":"',
        "template": "{{ 7 * 7 }}{% for x in range(999999999) %}x{% endfor %}{# x #}",
        "safe filter": "{{ '<h1>' | safe }}{% autoescape false %}<h1>{% endautoescape %}",
        "format string": "{0} {url_webview.__class__.__mro__} %s %n %x ${jndi:ldap://x} $(id) `id`",
        "astral": "\U0001f4a9\U0001f469\U0001f3fd\u200d\U0001f4bb \U00010348 \U0002070e",
        "combining": "Z" + "\u0310\u0355\u0349" * 200,
        "one long word": "x" * 100_000,
        "long HTML": "<b>" * 30_000,
        "long text of what grows": "&" * 50_000,
        "long text of control characters": "\u202e" * 30_000,
        "long lines": "line\n" * 20_000,
        "long astral": "\U0001f4a9" * 20_000,
        "empty": "",
        "white space": " \t\u00a0\u3000 ",
        "arabic and hebrew": "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
        "path": "../../../../etc/passwd?x=1#y/%2e%2e/%00",
    }
