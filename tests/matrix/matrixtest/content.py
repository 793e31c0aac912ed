"""What is in a message, and what must not be."""

import html.parser
import unicodedata

from .mirk import EVENTS_URL, LINKS

KEY = "org.laniakea.mirk"
DEFAULT_BASES = (EVENTS_URL + "/", *(base + "/" for base in LINKS.values()))
MAX_BYTES = 4096
# Tags and the attributes that they may have.
ALLOWED = {
    "a": {"href"},
    "b": set(),
    "blockquote": set(),
    "br": set(),
    "code": set(),
    "em": set(),
    "font": {"color", "data-mx-color"},
    "span": {"data-mx-color", "data-mx-bg-color"},
    "strong": set(),
}


def digests(messages) -> list:
    """The digests of the events that messages are about, in the messages' order. Edits say again
    what their message is about, so they do not count."""
    return [digest for message in messages if not is_edit(message) for digest in events_of(message)]


def events_of(message) -> list:
    """The digests of one message; none if it is no message about events."""
    return message.content.get(KEY, {}).get("events", [])


def relation(message) -> dict:
    return message.content.get("m.relates_to", {})


def is_edit(message) -> bool:
    return relation(message).get("rel_type") == "m.replace"


def root_of(message) -> str:
    """The root of the thread that a message is in."""
    is_threaded = relation(message).get("rel_type") == "m.thread"
    return relation(message)["event_id"] if is_threaded else None


def replies_to(message) -> str:
    """The event that a message answers."""
    return relation(message).get("m.in_reply_to", {}).get("event_id")


def text_of(message) -> str:
    """The plain text that people see: that of the new content, in an edit."""
    return message.content.get("m.new_content", message.content).get("body", "")


def hidden(text: str) -> list:
    """Characters that do not show or make others show differently; line breaks are none."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    # Fillers that are letters to Unicode and nothing to the eye, and variation selectors.
    others = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    return [
        f"U+{ord(character):04X}"
        for character in text
        if character != "\n"
        and (
            unicodedata.category(character) in kinds
            or character in others
            or 0xE0000 <= ord(character) <= 0xE0FFF
        )
    ]


def problems(message, bases=DEFAULT_BASES) -> list:
    """What is wrong with a message of Mirk's, whatever data it shows: nothing, it is hoped."""
    content = message.content
    found = [] if content.get("m.mentions") == {} else [f"mentions: {content.get('m.mentions')}"]
    if content.get("msgtype") not in ("m.notice", "m.text"):
        found.append(f"msgtype: {content.get('msgtype')}")
    for name in ("body", "formatted_body"):
        text = content.get(name)
        if not isinstance(text, str) or not text.strip():
            found.append(f"{name}: {text!r}")
            continue
        if len(text.encode()) > MAX_BYTES:
            found.append(f"{name}: {len(text.encode())} bytes")
        found += [f"{name} has {character}" for character in hidden(text)]
    found += html_problems(content.get("formatted_body") or "", bases)
    if "m.new_content" in content:
        inner = type(message)(**{**vars(message), "content": content["m.new_content"]})
        found += [f"new content: {problem}" for problem in problems(inner, bases)]
    return found


def html_problems(text: str, bases) -> list:
    parser = _Checker(bases)
    parser.feed(text)
    parser.close()
    return parser.found + [f"not closed: {tag}" for tag in parser.open]


class _Checker(html.parser.HTMLParser):
    """Reads HTML as a client would, and remembers what should not be there."""

    def __init__(self, bases):
        super().__init__(convert_charrefs=True)
        self.bases, self.found, self.open, self.text = bases, [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag not in ALLOWED:
            self.found.append(f"tag: {tag}")
        elif tag != "br":
            self.open.append(tag)
        for name, value in attributes:
            if name not in ALLOWED.get(tag, ()):
                self.found.append(f"attribute of {tag}: {name}")
            if name == "href" and not (value or "").startswith(tuple(self.bases)):
                self.found.append(f"href: {value}")
            if "color" in name and not _is_color(value or ""):
                self.found.append(f"{name}: {value}")

    def handle_endtag(self, tag):
        if tag == "br":
            return
        if not self.open or self.open.pop() != tag:
            self.found.append(f"closed at the wrong place: {tag}")

    def handle_data(self, data):
        # References such as &#x202e; are text by now.
        self.text += data
        self.found += [f"text has {character}" for character in hidden(data)]

    def handle_comment(self, data):
        self.found.append(f"comment: {data!r}")

    def handle_decl(self, decl):
        self.found.append(f"declaration: {decl!r}")

    def handle_pi(self, data):
        self.found.append(f"instruction: {data!r}")

    def unknown_decl(self, data):
        self.found.append(f"declaration: {data!r}")


def _is_color(value: str) -> bool:
    return (
        len(value) == 7 and value[0] == "#" and all(digit in "0123456789abcdefABCDEF" for digit in value[1:])
    )


def plain_text(html_text: str) -> str:
    """The text of HTML, as a client shows it."""
    parser = _Checker(DEFAULT_BASES)
    parser.feed(html_text)
    parser.close()
    return parser.text
