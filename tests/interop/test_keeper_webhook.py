"""Keeper's webhooks at a real HTTPS server."""

import hashlib
import hmac
import http.server
import json
import threading
import unittest
from datetime import timedelta

from harness import KeeperTest, certificate, until

ACCEPTED = "_lk.archive.package-upload-accepted"
SECRET = "0123456789abcdef"


class Server:
    """Takes every request, and keeps it."""

    def __init__(self, context):
        requests = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            # Handshakes are to fail here.
            def handle_error(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Https(KeeperTest):
    def serve(self, context) -> Server:
        server = Server(context)
        self.addCleanup(server.close)
        return server

    def rule(self, name: str, port: int, authority=None) -> str:
        ca_file = f'ca_file = "{authority}"\n' if authority else ""
        return (
            f'[[rule]]\nname = "{name}"\non = "{ACCEPTED}"\n[rule.webhook]\n'
            f'url = "https://localhost:{port}/hooks/{{{{ data.repo }}}}"\n'
            f'secret_file = "{self.directory}/secret"\n{ca_file}'
        )

    def test_a_server_that_its_authority_vouches_for_gets_the_run_and_others_nothing(self):
        secret = self.directory / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        authority, context = certificate(self.directory)
        stranger, of_stranger = certificate(self.directory, "elsewhere")
        (self.directory / "old").mkdir()
        old, of_old = certificate(self.directory / "old", age=timedelta(days=3))
        server = self.serve(context)
        others = {"elsewhere": self.serve(of_stranger), "old": self.serve(of_old)}
        self.configure(
            rules=self.rule("believed", server.port, authority)
            + self.rule("unknown", server.port)
            # It is believed, and its name is another.
            + self.rule("elsewhere", others["elsewhere"].port, stranger)
            + self.rule("old", others["old"].port, old)
        )
        self.emit(ACCEPTED, repo="main/../x?y", source_name="hello")
        self.start()
        until("four verdicts", lambda: self.runs().count("failed") == 3 and "succeeded" in self.runs())
        runs = self.runs().splitlines()
        for name in ("unknown", "elsewhere", "old"):
            line = next(line for line in runs if f" {name}" in line)
            self.assertIn("certificate", line.lower())
        self.assertEqual([other.requests for other in others.values()], [[], []])
        ((path, headers, body),) = server.requests
        self.assertEqual(path, "/hooks/main%2F..%2Fx%3Fy")
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        self.assertEqual(headers["x-laniakea-signature"], f"sha256={digest}")
        self.assertEqual(json.loads(body)["events"][0]["data"]["source_name"], "hello")

    def test_a_file_that_is_no_authority_is_a_mistake_of_the_rule(self):
        nothing = self.directory / "empty.pem"
        nothing.write_text("no certificate\n")
        for authority, what in (
            (nothing, "holds no certificates in PEM"),
            (self.directory / "absent.pem", "could not read the certificates"),
            ("ca.pem", "is not an absolute path"),
        ):
            self.configure(rules=self.rule("r", 1, authority))
            ended = self.keeper("check")
            self.assertEqual(ended.returncode, 2)
            self.assertIn("rules.toml:", ended.stderr)
            self.assertIn(what, ended.stderr)


if __name__ == "__main__":
    unittest.main()
