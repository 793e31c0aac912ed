"""The templates for module authors, as they stand in examples/: they run, and they keep their word."""

import json
import os
import shutil
import sys
import threading
from pathlib import Path

import zmq

from harness import Key, Program, RelayTest, binary, digest, until, vector_key, verify
from harness.programs import ROOT

ARCHIVE, SPEARS = vector_key("archive-01"), vector_key("spears-01")
BUILT, FAILED = "_lk.archive.package-build-success", "_lk.archive.package-build-failed"
REACTION = "org.example.watch.build-needs-attention"
EXAMPLES = ROOT / "examples"
FAILURE = {"pkgname": "glibc", "version": "2.41-3", "architecture": "amd64"}


class Examples:
    """What the templates of every language have to do."""

    def setUp(self):
        super().setUp()
        self.directory = self.relay.directory
        self.watch = Key("watch-01")
        self.relay.trust(self.watch, "org.example.watch.")
        self.relay.write_config()
        # The rights are read at the start.
        self.relay.program.stop()
        self.relay.start()
        for key in (ARCHIVE, self.watch):
            key.write_secret(self.secret(key))

    def secret(self, key: Key) -> Path:
        return self.directory / f"{key.signer}.key_secret"

    def run_program(self, *command, **environment) -> Program:
        program = Program(*command, env={**os.environ, **environment})
        self.addCleanup(program.kill)
        return program

    def wait_for_cursor(self, cursor: Path, program: Program):
        """Until the program has stored where it begins: it misses nothing from now on."""

        def is_there():
            self.assertTrue(program.is_running(), program.err)
            return cursor.exists()

        until("the first position to be stored", is_there)

    def test_what_the_source_emits_the_sink_handles(self):
        sink = self.start_sink()
        id, data = self.emit()
        event = until("the event at the sink", lambda: next(iter(self.handled(sink)), None))
        self.assertEqual((event["id"], event["data"]), (id, data))
        verify(event, self.relay.key)
        self.assertEqual(len(self.handled(sink)), 1)

    def test_the_sink_handles_what_happened_while_it_did_not_run(self):
        sink = self.start_sink()
        sink.kill()
        self.relay.submitter().submit(ARCHIVE.event(BUILT))
        sink = self.start_sink()
        until("the event at the sink", lambda: self.handled(sink))

    def test_the_one_that_is_both_answers_each_event_once_even_after_a_crash(self):
        both, cursor = self.start_both()
        before = self.directory / "cursor-before"
        shutil.copy(cursor, before)
        module = self.relay.submitter(self.relay.ipc("submit"))
        causes = []
        for event in (
            ARCHIVE.event(FAILED, FAILURE),
            ARCHIVE.event(BUILT, FAILURE),
            ARCHIVE.laniakea_event(FAILED, FAILURE),
            # Hostile data must neither be obeyed nor end the program.
            ARCHIVE.event(FAILED, {"pkgname": "$(touch pwned)`id`\n--help", "version": ["x"]}),
            ARCHIVE.event(FAILED, {"pkgname": "x" * 1_040_000}),
            ARCHIVE.event(FAILED, FAILURE),
        ):
            reply = module.submit(event)
            self.assertTrue(reply["ok"], reply)
            if FAILED.encode() in event:
                causes.append(reply["digest"])
        reactions = until("the last reaction", lambda: self.reactions_to(causes[-1]))
        verify(reactions[-1], self.watch)
        verify(reactions[-1], self.relay.key)
        self.assertEqual(reactions[-1]["data"], {"cause": causes[-1], **self.reported(FAILURE)})
        answered = [event["data"]["cause"] for event in self.reactions()]
        self.assertEqual([cause for cause in causes if cause in answered], answered)
        self.assertIn(causes[0], answered)
        self.assertIn(causes[1], answered)
        self.assertIn(causes[2], answered)
        # A crash before the position was stored: everything is handled again.
        both.kill()
        count = len(self.reactions())
        shutil.copy(before, cursor)
        duplicates = self.relay.counter("duplicates")
        both, cursor = self.start_both()
        until(
            "the reactions to come again",
            lambda: self.relay.counter("duplicates") >= duplicates + count,
        )
        self.assertEqual(len(self.reactions()), count)
        self.assertFalse(list(self.directory.glob("**/pwned")))

    def reported(self, data: dict) -> dict:
        names = {"package": "pkgname", "version": "version", "architecture": "architecture"}
        return {name: data[member] for name, member in names.items()}

    def reactions(self) -> list:
        return [json.loads(body) for body in self.relay.events(prefixes=[REACTION])]

    def reactions_to(self, cause: str) -> list:
        return [event for event in self.reactions() if event["data"]["cause"] == cause]


class Steadfast:
    """What sinks that miss nothing have to survive."""

    def test_the_sink_misses_nothing_while_it_and_the_relay_are_killed(self):
        flow = Flow(self.relay)
        sinks = [self.start_sink("_lk.archive.", "_lk.spears.new-excuse")]
        for round in range(8):
            flow.publish(60)
            if round in (1, 4):
                self.relay.kill()
                self.relay.start()
            if round in (2, 4, 5):
                sinks[-1].kill()
                flow.publish(30)
                sinks.append(self.start_sink("_lk.archive.", "_lk.spears.new-excuse"))
        wanted = flow.digests
        until(
            "every event at the sink",
            lambda: wanted <= {digest(event) for sink in sinks for event in self.handled(sink)},
        )
        for sink in sinks:
            handled = [(event["id"], event["unsigned"]["seq"]) for event in self.handled(sink)]
            self.assertEqual(len(set(handled)), len(handled), "each once")
            for prefix in ("_lk.archive.", "_lk.spears."):
                seqs = [seq for id, seq in handled if id.startswith(prefix)]
                self.assertEqual(seqs, sorted(seqs), "in order under each prefix")
            self.assertLessEqual({digest(event) for event in self.handled(sink)}, wanted)

    def test_the_sink_says_that_there_is_another_journal_and_goes_on(self):
        sink = self.start_sink()
        old = ARCHIVE.event(BUILT)
        module = self.relay.submitter(self.relay.ipc("submit"))
        self.assertTrue(module.submit(old)["ok"])
        until("the event at the sink", lambda: self.handled(sink))
        self.relay.program.stop()
        shutil.rmtree(self.relay.data)
        self.relay.data.mkdir()
        self.relay.start()
        # A source that sends again what the lost journal had, and something new.
        new = ARCHIVE.event(BUILT)
        for event in (old, new):
            self.assertTrue(module.submit(event)["ok"])
        until("the new event at the sink", lambda: len(self.handled(sink)) > 1)
        sink.line("another journal")
        self.assertEqual(
            [digest(event) for event in self.handled(sink)],
            [digest(json.loads(event)) for event in (old, new)],
        )


class Flow:
    """A source that sends an event again until it is answered."""

    def __init__(self, relay):
        self.module, self.digests, self.count = relay.one_way(relay.ipc("submit")), set(), 0

    def publish(self, count: int):
        for _ in range(count):
            self.count += 1
            key, id = [
                (ARCHIVE, BUILT),
                (SPEARS, "_lk.spears.new-excuse"),
                (ARCHIVE, FAILED),
                # Not what the sink asked for, although ZeroMQ's prefix lets it through.
                (SPEARS, "_lk.spears.new-excuse-not-asked-for"),
            ][self.count % 4]
            event = key.event(id)
            request = b"%d" % self.count
            until("a reply", lambda: self.ask(event, request))
            if not id.endswith("not-asked-for"):
                self.digests.add(digest(json.loads(event)))

    def ask(self, event: bytes, request: bytes) -> bool:
        self.module.send(event, request)
        while self.module.socket.poll(500):
            id, reply = self.module.receive()
            if id == request:
                assert json.loads(reply)["ok"], reply
                return True
        return False


class Python(Steadfast, Examples, RelayTest):
    def emit(self):
        data = {"pkgname": "gl\u00efbc", "number": 1.0}
        program = self.source(BUILT, json.dumps(data))
        self.assertEqual(program.wait(), 0, program.err)
        self.assertTrue(json.loads(program.out[0])["ok"])
        return BUILT, data

    def source(self, *arguments) -> Program:
        command = (sys.executable, EXAMPLES / "python" / "source.py", "--key", self.secret(ARCHIVE))
        return self.run_program(*command, "--to", self.relay.ipc("submit"), *arguments)

    def start_sink(self, *prefixes, publish: str = None) -> Program:
        cursor = self.directory / "sink.cursor"
        program = self.run_program(
            *(sys.executable, EXAMPLES / "python" / "sink.py", "--cursor", cursor),
            *self.stream(publish),
            *(prefixes or ["_lk.archive."]),
        )
        self.wait_for_cursor(cursor, program)
        return program

    def stream(self, publish: str = None) -> list:
        relay = self.relay
        return [
            *("--from", publish or relay.ipc("publish"), "--replay", relay.ipc("replay")),
            *("--keys", relay.trusted, "--relay", "lighthouse-01"),
        ]

    def handled(self, sink: Program) -> list:
        return [json.loads(line) for line in list(sink.out)]

    def start_both(self):
        cursor = self.directory / "both.cursor"
        program = self.run_program(
            *(sys.executable, EXAMPLES / "python" / "both.py", "--cursor", cursor),
            *("--key", self.secret(self.watch), "--to", self.relay.ipc("submit")),
            *self.stream(),
        )
        self.wait_for_cursor(cursor, program)
        return program, cursor

    def test_the_source_sends_the_same_bytes_until_it_is_answered(self):
        sys.path.insert(0, str(EXAMPLES / "python"))
        self.addCleanup(sys.path.remove, str(EXAMPLES / "python"))
        from source import Source

        relay = zmq.Context.instance().socket(zmq.ROUTER)
        self.addCleanup(relay.close, 0)
        endpoint = f"ipc://{self.directory}/silent"
        relay.bind(endpoint)
        source = Source(endpoint, str(self.secret(ARCHIVE)))
        event, replies = source.sign(BUILT, {}), []
        submission = threading.Thread(target=lambda: replies.append(source.submit(event, 0.1)))
        submission.start()
        answers = [None, b'{"ok":false,"reason":"unavailable","detail":"no room"}']

        def is_done():
            if relay.poll(10):
                peer, sent, request_id = relay.recv_multipart()
                self.assertEqual(sent, event)
                answer = answers.pop(0) if answers else b'{"ok":true}'
                if answer:
                    relay.send_multipart([peer, request_id, answer])
            return replies

        until("the source to be content", is_done)
        submission.join(30)
        self.assertEqual((replies, answers), ([{"ok": True}], []))
        source.socket.close()

    def test_a_rejected_event_ends_the_source_with_the_reason(self):
        program = self.source("_lk.spears.new-excuse", "{}")
        self.assertEqual(program.wait(), 3)
        self.assertEqual(json.loads(program.out[0])["reason"], "not_authorised")


class Rust(Steadfast, Examples, RelayTest):
    def emit(self):
        data = {"pkgname": "gl\u00efbc", "number": 1.0}
        program = self.source(BUILT, json.dumps(data))
        self.assertEqual(program.wait(), 0, program.err)
        return BUILT, data

    def source(self, *arguments) -> Program:
        options = ("--key", self.secret(ARCHIVE), "--to", self.relay.ipc("submit"))
        return self.run_program(binary("source"), *options, *arguments)

    def config(self, name: str, top: str = "", publish: str = None) -> Path:
        """A configuration file of the examples."""
        path, relay = self.directory / f"{name}.toml", self.relay
        rights = "\n".join(f'"{signer}" = {json.dumps(ids)}' for signer, ids in relay.emit.items())
        path.write_text(
            f'{top}[stream]\npublish = "{publish or relay.ipc("publish")}"\n'
            f'replay = "{relay.ipc("replay")}"\ncursor = "{self.directory}/{name}.cursor"\n'
            f'[trust]\nkeys_dir = "{relay.trusted}"\nrelays = ["lighthouse-01"]\n'
            f"[trust.emit]\n{rights}\n"
        )
        return path

    def start_sink(self, *prefixes, publish: str = None) -> Program:
        config = self.config("sink", publish=publish)
        prefixes = prefixes or ["_lk.archive."]
        program = self.run_program(binary("sink"), "--config", config, *prefixes)
        self.wait_for_cursor(self.directory / "sink.cursor", program)
        return program

    def handled(self, sink: Program) -> list:
        return [json.loads(line) for line in list(sink.out)]

    def start_both(self):
        top = f'submit = "{self.relay.ipc("submit")}"\nkey_file = "{self.secret(self.watch)}"\n'
        program = self.run_program(binary("both"), "--config", self.config("both", top))
        cursor = self.directory / "both.cursor"
        self.wait_for_cursor(cursor, program)
        return program, cursor

    def test_a_rejected_event_ends_the_source_with_the_reason(self):
        program = self.source("_lk.spears.new-excuse", "{}")
        self.assertEqual(program.wait(), 1)
        self.assertIn("not_authorised", " ".join(program.err))


class Shell(Examples, RelayTest):
    def environment(self, key: Key) -> dict:
        return {
            "PATH": f"{binary('lk').parent}:{os.environ['PATH']}",
            "LK_KEY": str(self.secret(key)),
            "LK_KEYS": str(self.relay.trusted),
            "LK_SUBMIT": self.relay.ipc("submit"),
            "LK_PUBLISH": self.relay.ipc("publish"),
            "LK_REPLAY": self.relay.ipc("replay"),
        }

    def script(self, name: str, *arguments, key: Key = None, **environment) -> Program:
        environment.update(self.environment(key or self.watch))
        return self.run_program(EXAMPLES / "shell" / name, *arguments, **environment)

    def emit(self):
        path = self.directory / "a $(touch pwned) directory"
        path.mkdir()
        program = self.script("source.sh", path, FULL_AT="0")
        self.assertEqual(program.wait(), 0, program.err)
        usage = shutil.disk_usage(path)
        self.assertGreater(usage.total, 0)
        (event,) = [json.loads(body) for body in self.relay.events(prefixes=["org."])]
        self.assertEqual(event["data"]["path"], str(path))
        self.assertIn(event["data"]["used_percent"], range(101))
        return "org.example.watch.disk-nearly-full", event["data"]

    def start_sink(self) -> Program:
        directory = self.directory / "files"
        directory.mkdir(exist_ok=True)
        program = self.script("sink.sh", directory, "org.example.", "_lk.archive.")
        self.wait_for_cursor(directory / "cursor", program)
        return program

    def handled(self, sink: Program) -> list:
        files = sorted((self.directory / "files").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def start_both(self):
        cursor = self.directory / "both.cursor"
        program = self.script("both.sh", cursor)
        self.wait_for_cursor(cursor, program)
        return program, cursor

    def test_a_source_that_cannot_reach_the_relay_says_so_and_leaves_it_to_the_next_run(self):
        self.relay.program.stop()
        program = self.script("source.sh", "/", FULL_AT="0")
        self.assertEqual(program.wait(), 0)
        self.assertIn("the relay cannot be reached", " ".join(program.err))


