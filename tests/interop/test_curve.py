"""Encrypted endpoints, with pyzmq in both roles: who gets in, who does not, who is shown out."""

import json
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from harness import Asker, Key, OneWay, Relay, Submitter, Subscriber, binary, digest, until, vector_key

BUILT = "_lk.archive.package-build-success"
# Long enough for a handshake that is refused, several times over.
SHORT_MS = 1_500
# How soon a key that is no longer trusted must have lost its rights.
REVOKED_WITHIN = 5


def run(*command, **options):
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=60, **options
    )


class CurveTest(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="lk-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def keep(self, socket):
        self.addCleanup(socket.close)
        return socket

    def key_files(self, key: Key):
        """The public and the secret file."""
        public, secret = (self.directory / f"{key.signer}.{end}" for end in ("key", "key_secret"))
        if not secret.exists():
            key.write_public(public)
            key.write_secret(secret)
        return public, secret


class OurRelay(CurveTest):
    """pyzmq as the client."""

    def setUp(self):
        super().setUp()
        self.relay = Relay(has_curve=True)
        self.addCleanup(self.relay.close)
        self.module = Key("module-01", has_curve=True)
        self.module_file = self.relay.trust(self.module, "_lk.archive.")
        self.relay.start()
        self.server = self.relay.key.curve[0]

    def curve(self, key: Key):
        return self.server, key.curve

    def submitter(self, key: Key) -> Submitter:
        return self.keep(Submitter(self.relay.curve_submit, self.curve(key)))

    def subscriber(self, key: Key) -> Subscriber:
        subscriber = self.keep(Subscriber(self.relay.curve_publish, [""], self.curve(key)))
        self.relay.topics += subscriber.topics
        self.relay.wait_for_subscribers()
        return subscriber

    def is_let_in(self, curve, submit=None) -> bool:
        """Whether a module with these keys gets an answer on each socket."""
        submitter = OneWay(submit or self.relay.curve_submit, curve)
        asker = Asker(self.relay.curve_replay, curve)
        subscriber = Subscriber(self.relay.curve_publish, [""], curve)
        try:
            for socket, frames in ((submitter, [b"{}", b"id"]), (asker, [b"id", b'{"op":"status"}'])):
                try:
                    # libzmq may know already that there is nowhere to send this.
                    socket.socket.send_multipart(frames, zmq.NOBLOCK)
                except zmq.Again:
                    pass
            answers = [bool(socket.socket.poll(SHORT_MS)) for socket in (submitter, asker)]
            self.assertEqual(len(set(answers)), 1, answers)
            if not answers[0]:
                # Nothing of what is published reaches it either.
                event = vector_key("archive-01").event(BUILT)
                self.assertTrue(self.relay.submitter().submit(event)["ok"])
                self.assertFalse(subscriber.socket.poll(300))
            return answers[0]
        finally:
            for socket in (submitter, asker, subscriber):
                socket.close()

    def test_a_trusted_key_submits_subscribes_and_catches_up(self):
        subscriber = self.subscriber(self.module)
        event = self.module.event(BUILT)
        reply = self.submitter(self.module).submit(event)
        self.assertTrue(reply["ok"], reply)
        topic, published = subscriber.receive()
        self.assertEqual((topic, digest(json.loads(published))), (BUILT.encode(), reply["digest"]))
        asker = self.keep(Asker(self.relay.curve_replay, self.curve(self.module)))
        header, frames = asker.ask({"op": "read", "after": 0})
        self.assertEqual((header["count"], frames), (1, [published]))
        # The endpoints in the clear are there as ever.
        self.assertTrue(self.relay.submitter().submit(self.module.event(BUILT))["ok"])
        self.assertEqual(subscriber.receive()[0], BUILT.encode())

    def test_nobody_else_gets_in(self):
        stranger = Key("stranger-09", has_curve=True)
        self.assertTrue(self.is_let_in(self.curve(self.module)))
        self.assertFalse(self.is_let_in(self.curve(stranger)))
        # The right key for another server, no key at all, and a stolen public key.
        self.assertFalse(self.is_let_in((stranger.curve[0], self.module.curve)))
        self.assertFalse(self.is_let_in(None))
        self.assertFalse(self.is_let_in((self.server, (self.module.curve[0], stranger.curve[1]))))
        # A client of another mechanism.
        plain = zmq.Context.instance().socket(zmq.DEALER)
        self.addCleanup(plain.close, 0)
        plain.plain_username, plain.plain_password = b"admin", b"admin"
        plain.connect(self.relay.curve_submit)
        plain.send_multipart([b"{}", b"id"])
        self.assertFalse(plain.poll(SHORT_MS))
        counters = self.relay.status()["counters"]
        self.assertGreater(counters["refused_keys"], 0)
        self.assertGreater(counters["submit_failed_handshakes"], 0)
        self.assertTrue(any(stranger.curve[0] in line for line in self.relay.log()))

    def test_a_key_that_is_removed_loses_its_connections(self):
        other = Key("module-02", has_curve=True)
        self.relay.trust(other)
        subscriber = self.subscriber(self.module)
        submitter = self.submitter(self.module)
        self.assertTrue(submitter.submit(self.module.event(BUILT))["ok"])
        self.assertEqual(subscriber.receive()[0], BUILT.encode())
        until("the other key to be let in", lambda: self.is_let_in(self.curve(other)))
        bystander = self.subscriber(other)

        self.module_file.unlink()
        removed = time.monotonic()
        until(
            "the connections to be cut",
            lambda: sum(self.relay.counter(f"{name}_cut_revoked") for name in ("submit", "publish")) >= 2,
        )
        self.assertLess(time.monotonic() - removed, REVOKED_WITHIN)
        self.assertFalse(self.is_let_in(self.curve(self.module)))
        try:
            # libzmq may know already that there is nowhere to send this.
            submitter.socket.send_multipart([self.module.event(BUILT), b"late"], zmq.NOBLOCK)
        except zmq.Again:
            pass
        self.assertFalse(submitter.socket.poll(SHORT_MS))
        # The bystander's connection stayed, and the revoked one hears nothing more.
        for socket in (subscriber.socket, bystander.socket):
            while socket.poll(100):
                socket.recv_multipart()
        self.assertTrue(self.relay.submitter().submit(vector_key("archive-01").event(BUILT))["ok"])
        self.assertEqual(bystander.receive()[0], BUILT.encode())
        self.assertFalse(subscriber.socket.poll(300))

        # Trusted again, it gets in again, with a new socket: libzmq gives up after a refusal.
        self.relay.trust(self.module)
        until("the key to be let in", lambda: self.is_let_in(self.curve(self.module)))

    def test_a_damaged_file_keeps_its_connections(self):
        submitter = self.submitter(self.module)
        self.assertTrue(submitter.submit(self.module.event(BUILT))["ok"])
        self.module_file.write_text("rubbish")
        self.relay.program.line("needs attention")
        self.assertTrue(submitter.submit(self.module.event(BUILT))["ok"])
        self.assertTrue(self.is_let_in(self.curve(self.module)))

    def test_lk_speaks_it_and_says_what_is_wrong(self):
        public, secret = self.key_files(self.module)
        server, _ = self.key_files(self.relay.key)
        stranger = self.key_files(Key("stranger-09", has_curve=True))
        submit, replay = self.relay.curve_submit, self.relay.curve_replay

        def emit(key, server_key, *more):
            encryption = ["--server-key", server_key] if server_key else []
            return run(
                binary("lk"), "emit", BUILT, "a=b", "--key", key, "--to", submit, "--timeout", "2s",
                *encryption, *more,
            )  # fmt: skip

        done = emit(secret, server)
        self.assertEqual(done.returncode, 0, done.stderr)
        ask = ["--server-key", server, "--key", secret, "--replay", replay]
        status = run(binary("lk"), "status", "--json", *ask)
        self.assertEqual(json.loads(status.stdout)["relay"], "lighthouse-01", status.stderr)
        history = run(binary("lk"), "history", "--json", "--keys", self.relay.trusted, *ask)
        self.assertEqual(json.loads(history.stdout)["id"], BUILT, history.stderr)
        listen = run(
            binary("lk"), "listen", "--json", "--after", "0", "--count", "1", *ask,
            "--from", self.relay.curve_publish, "--keys", self.relay.trusted,
        )  # fmt: skip
        self.assertEqual(json.loads(listen.stdout)["id"], BUILT, listen.stderr)

        for key, server_key, error, hint in (
            (stranger[1], server, "does not trust this key", "lk key trust"),
            (secret, stranger[0], "no handshake", "curve_endpoints"),
            (secret, None, "no handshake", "--server-key"),
        ):
            refused = emit(key, server_key)
            self.assertEqual(refused.returncode, 4, refused)
            self.assertIn(error, refused.stderr)
            self.assertIn(hint, refused.stderr)
        half = run(binary("lk"), "status", "--server-key", server, "--replay", replay, env={})
        self.assertEqual(half.returncode, 2)
        self.assertIn("--key", half.stderr)

    def test_a_relay_without_curve_keys_does_not_start(self):
        relay = Relay(has_curve=True)
        self.addCleanup(relay.close)
        relay.key.curve = ("", "")
        relay.directory.joinpath("relay.key_secret").unlink()
        relay.key.write_secret(relay.directory / "relay.key_secret")
        relay.write_config()
        started = run(binary("lighthouse"), "run", "--config", relay.config)
        self.assertEqual(started.returncode, 2, started.stderr)
        self.assertIn("CURVE", started.stderr)


class TheirRelay(CurveTest):
    """pyzmq as the server, with pyzmq's own handler: our clients get in where they should."""

    def setUp(self):
        super().setUp()
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)
        self.authenticator = ThreadAuthenticator(self.context)
        self.authenticator.start()
        self.addCleanup(self.stop_authenticator)
        self.server, self.module = Key("lighthouse-09", has_curve=True), Key("module-01", has_curve=True)
        certificates = self.directory / "certificates"
        certificates.mkdir()
        zmq.auth.create_certificates(certificates, "unused")
        public, _ = self.key_files(self.module)
        # Our key files are certificates that pyzmq reads.
        shutil.copy(public, certificates / "module-01.key")
        self.authenticator.configure_curve(domain="global", location=str(certificates))
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.curve_server = True
        self.socket.curve_secretkey = self.server.curve[1].encode()
        self.socket.zap_domain = b"global"
        self.socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.is_over = threading.Event()
        thread = threading.Thread(target=self.serve)
        thread.start()
        self.addCleanup(thread.join, 30)
        self.addCleanup(self.is_over.set)

    def stop_authenticator(self):
        if self.authenticator.is_alive():
            self.authenticator.stop()

    def serve(self):
        while not self.is_over.is_set():
            if self.socket.poll(50):
                peer, event, request = self.socket.recv_multipart()
                reply = {"ok": True, "digest": digest(json.loads(event)), "seq": 1, "duplicate": False}
                self.socket.send_multipart([peer, request, json.dumps(reply).encode()])

    def emit(self, key: Key, server: Key):
        return run(
            binary("lk"), "emit", BUILT, "--key", self.key_files(key)[1], "--to", self.endpoint,
            "--server-key", self.key_files(server)[0], "--timeout", "2s",
        )  # fmt: skip

    def test_the_trusted_get_in_and_nobody_else(self):
        welcome = self.emit(self.module, self.server)
        self.assertEqual(welcome.returncode, 0, welcome.stderr)
        stranger = Key("stranger-09", has_curve=True)
        for key, server in ((stranger, self.server), (self.module, stranger)):
            refused = self.emit(key, server)
            self.assertEqual(refused.returncode, 4, refused.stderr)

    def test_without_the_handler_nobody_gets_in(self):
        self.stop_authenticator()
        refused = self.emit(self.module, self.server)
        self.assertEqual(refused.returncode, 4, refused.stderr)


if __name__ == "__main__":
    unittest.main()
