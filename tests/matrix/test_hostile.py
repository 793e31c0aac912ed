"""Whatever stands in events, messages are text, and the links and mentions are Mirk's."""

import json

from matrixtest import (
    CASES,
    MatrixTest,
    events_of,
    hidden,
    nasty_strings,
    plain_text,
    problems,
    room,
    start_server,
    stop_server,
    upload,
)
from matrixtest.emitted import ARCHIVE, UPLOAD

from harness import cases, digest

MEMBERS = {"msgtype", "body", "format", "formatted_body", "m.mentions", "org.laniakea.mirk"}
TEMPLATE = """\
  <b>{{ source_name or upload_name }}</b> {{ source_version }} accepted into <em>{{ suite }}</em>\
  {% if changes %}<br><blockquote>{{ changes | lines }}</blockquote>{% endif %}"""


def setUpModule():
    start_server()


def tearDownModule():
    stop_server()


class Hostile(MatrixTest):
    def setUp(self):
        super().setUp()
        self.room = self.new_room()

    def check(self, events: dict, **settings) -> dict:
        """Emits events, each with a name; returns the messages by name once they were checked."""
        self.start_mirk(room(self.room), **settings)
        names = {self.emit(event)[0]: name for name, event in events.items()}
        messages = self.assert_shows(self.room, list(names), 120)
        messages = {names[events_of(message)[0]]: message for message in messages}
        found = {name: problems(message) for name, message in messages.items()}
        self.assertEqual({name: list for name, list in found.items() if list}, {})
        for name, message in messages.items():
            self.assertEqual(set(message.content), MEMBERS, name)
        self.assert_quiet_log()
        return messages

    def assert_quiet_log(self):
        """The log has no payloads, and nothing that a terminal obeys."""
        for line in self.mirk.log():
            self.assertEqual(hidden(line), [], repr(line)[:300])
            for word in ("evil.example", "alert(1)", "onerror"):
                self.assertNotIn(word, line)

    def test_the_vectors_of_hostile_data_are_shown_as_text(self):
        self.assertGreaterEqual(len(CASES), 6)
        wires = {
            (file, case["name"]): case["wire"] for file in {file for file, _ in CASES} for case in cases(file)
        }
        self.check({name: wires[file, name] for file, name in CASES})

    def test_nasty_strings_in_a_known_event_are_shown_as_text(self):
        nasty = nasty_strings()
        messages = self.check({name: upload(text, changes=text, suite=text) for name, text in nasty.items()})
        for name in ("script", "image", "closes what is open", "template", "safe filter"):
            self.assertIn(nasty[name], plain_text(messages[name].html).replace("\n", ""), name)
        self.assertIn("{{ 7 * 7 }}", messages["template"].body)

    def test_nasty_strings_as_people_versions_and_choices_are_shown_as_text(self):
        self.check(
            {
                name: upload("x", version=text, uploader_name=text, repo=text, upload_name=text)
                for name, text in nasty_strings().items()
            }
        )

    def test_nasty_strings_in_an_event_that_nobody_described_are_shown_as_text(self):
        self.check(
            {name: ARCHIVE.event("_lk.archive.unheard-of", {text: "x", "b": text, "package": text, "l": [text]})
             for name, text in nasty_strings().items()}
        )  # fmt: skip

    def test_nasty_strings_in_a_template_of_ones_own_are_shown_as_text(self):
        messages = {"templates": {UPLOAD: TEMPLATE}}
        self.check(
            {name: upload(text, changes=text, suite=text) for name, text in nasty_strings().items()},
            messages=messages,
        )

    def test_members_of_the_wrong_type_are_shown_somehow(self):
        values = {
            "null": None,
            "number": 1e308,
            "big": 10**99,
            "list": [["<b>"] * 99] * 9,
            "object": {"<b>": {"x": "<i>"}},
            "true": True,
        }
        self.check(
            {
                name: upload("x", suite=value, changes=value, source_name=value)
                for name, value in values.items()
            }
        )

    def test_a_hostile_author_is_shown_as_text(self):
        self.check(
            {
                "html": ARCHIVE.event(
                    "_lk.archive.unheard-of", {"x": "y"}, author="<img src=x onerror=alert(1)>@room"
                ),
                "bidi": ARCHIVE.event("_lk.archive.unheard-of", {"x": "y"}, author="ada\u202e\u200b"),
            }
        )

    def test_links_are_made_of_data_only_below_their_base(self):
        names = (
            "../../../evil",
            "//evil.example/",
            "?x=1",
            "#x",
            "a b",
            "%2e%2e/x",
            "\u202ex",
            "x" * 5_000,
            ".",
            "..",
            "@evil.example",
        )
        self.check({name[:20]: upload(name, suite=name) for name in names})

    def test_digests_show_nasty_strings_as_text(self):
        events = [upload(text, suite=text) for text in nasty_strings().values()]
        wanted = self.emit(
            *events,
            *(
                ARCHIVE.event("_lk.archive.unheard-of", {"package": text})
                for text in nasty_strings().values()
            ),
        )
        self.start_mirk(room(self.room, limits={"burst": 1, "per_minute": 60, "digest_after": "1s"}))
        messages = self.wait_for(self.room, wanted, 120)
        self.assertGreater(max(len(events_of(message)) for message in messages), 1)
        self.assert_clean(messages)
        self.assert_quiet_log()

    def test_answers_to_commands_show_nasty_strings_as_text(self):
        nasty = {name: text for name, text in nasty_strings().items() if len(text) < 2_000}
        self.start_mirk(room(self.room))
        wanted = self.emit(*(upload(text) for text in nasty.values()))
        messages = self.wait_for(self.room, wanted)
        answers = [self.ask(self.room, "!mirk last"), self.ask(self.room, "!mirk find <script>")]
        answers += [self.ask(self.room, "!mirk why", reply_to=message.id) for message in messages[:6]]
        # What people write is not trusted either.
        for text in nasty.values():
            if text.strip() and "\n" not in text and "\0" not in text:
                answers.append(self.ask(self.room, f"!mirk find {text}"))
        self.assert_clean(answers)
        self.assert_quiet_log()

    def test_what_others_say_they_are_does_not_count(self):
        # A message of somebody else's that pretends to be about an event.
        self.start_mirk(room(self.room))
        self.wait_for_bot(self.room)
        event = upload("hello")
        name = digest(json.loads(event))
        forged = {"org.laniakea.mirk": {"events": [name], "txn": "mirk-x"}}
        self.ada.send(self.room, "forged", **forged)
        self.assertEqual(self.emit(event), [name])
        self.assert_shows(self.room, [name])
