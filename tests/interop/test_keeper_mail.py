"""Keeper's mails at a real SMTP server, with the rules and templates that are shipped."""

import email
import email.policy
import fcntl
import logging
import os
import shutil
import socket
import unittest
import warnings

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from harness import KeeperTest, certificate, until
from harness.programs import ROOT

ACCEPTED, REJECTED = "_lk.archive.package-upload-accepted", "_lk.archive.package-upload-rejected"
ADA, LIST = "ada@example.org", "laniakea-changes@lists.example.org"
UPLOAD = {
    "repo": "master",
    "suite": "sid",
    "upload_name": "hello_2.10-5_source",
    "is_new": False,
    "files": ["hello_2.10-5.dsc", "hello_2.10.orig.tar.gz"],
    "changes": "hello (2.10-5) sid; urgency=medium\n\n  * Say hello in Ελληνικά.",
    "source_name": "hello",
    "source_version": "2.10-5",
    "uploader_email": ADA,
    "uploader_name": "Ada Løvelace",
}


class Server:
    """Keeps what it is sent; `refuse` says how often a recipient is answered with what."""

    def __init__(self, **options):
        self.mails, self.refuse = [], {}
        self.controller = Controller(self, hostname="127.0.0.1", port=0, **options)
        # The controller connects once to see that it works, and does not know port 0 from others.
        self.controller._trigger_server = lambda: socket.create_connection(self.address()).close()
        self.controller.start()
        self.port = self.address()[1]

    def address(self):
        return self.controller.server.sockets[0].getsockname()

    async def handle_RCPT(self, server, session, envelope, address, options):
        answers = self.refuse.get(address, [])
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((list(envelope.rcpt_tos), bytes(envelope.content), session))
        return "250 taken"


class MailTest(KeeperTest):
    def setUp(self):
        # The server tells at length of connections that are to fail.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        super().setUp()

    def serve(self, **options) -> Server:
        server = Server(**options)
        self.addCleanup(server.controller.stop)
        return server

    def configure(self, port: int, mail='tls = "none"', server="127.0.0.1", rules=None):
        super().configure(
            f'[mail]\nserver = "{server}"\nport = {port}\n{mail}\n'
            'from = "Example Archive <archive@example.org>"\n'
            'allow = ["*@lists.example.org", "*@example.org"]\n'
            f'templates_dir = "{ROOT}/config/templates"\n',
            rules,
        )

    def mails(self, server: Server, count: int) -> list:
        until(f"{count} mails", lambda: len(server.mails) >= count)
        self.assertEqual(len(server.mails), count)
        return [
            (to, email.message_from_bytes(content, policy=email.policy.default))
            for to, content, _ in server.mails
        ]


class Changes(MailTest):
    def test_an_accepted_upload_is_told_to_the_list_and_to_who_made_it(self):
        server = self.serve()
        self.configure(server.port)
        self.emit(ACCEPTED, **UPLOAD)
        self.start()
        mails = {to[0]: mail for to, mail in self.mails(server, 2)}
        told = mails[LIST]
        if "SHOW_MAIL" in os.environ:
            print(next(content for to, content, _ in server.mails if to == [LIST]).decode())
        self.assertEqual(told["Subject"], "Accepted hello 2.10-5 (source) into sid")
        self.assertEqual(told["From"], "Example Archive <archive@example.org>")
        self.assertEqual(told["List-Id"], "<laniakea-changes.lists.example.org>")
        self.assertEqual(told["Precedence"], "list")
        self.assertEqual(told["Auto-Submitted"], "auto-generated")
        self.assertEqual(told["X-Laniakea-Repo"], "master")
        self.assertEqual(told["In-Reply-To"], told["References"])
        self.assertRegex(told["Message-ID"], r"^<keeper-[a-z2-7]{32}@example\.org>$")
        self.assertTrue(told["Date"])
        text = told.get_content().replace("\r\n", "\n")
        self.assertTrue(text.startswith(UPLOAD["changes"] + "\n"), text)
        self.assertIn("\n    hello_2.10-5.dsc\n    hello_2.10.orig.tar.gz\n", text)
        self.assertIn("Uploaded by Ada Løvelace.", text)
        self.assertEqual(mails[ADA]["Subject"], "[master] hello_2.10-5_source ACCEPTED into sid")
        self.assertEqual(mails[ADA]["Precedence"], "bulk")
        self.assertIsNone(mails[ADA]["List-Id"])
        until("the ledger", lambda: self.runs().count("succeeded") == 2)
        self.assertIn("250 taken", self.runs("1"))

    def test_uploads_of_one_source_make_a_thread_and_are_mails_of_their_own(self):
        server = self.serve()
        self.configure(server.port)
        for version in ("1", "2", "3"):
            self.emit(ACCEPTED, **{**UPLOAD, "source_version": version, "uploader_email": "x"})
        self.emit(ACCEPTED, **{**UPLOAD, "source_name": "other", "uploader_email": "x"})
        self.start()
        mails = [mail for _, mail in self.mails(server, 4)]
        self.assertEqual(len({mail["Message-ID"] for mail in mails}), 4)
        threads = [mail["References"] for mail in mails if "hello" in mail["Subject"]]
        self.assertEqual((len(threads), len(set(threads))), (3, 1))
        # An address that is none is refused at once, and not tried again.
        until("the refusals", lambda: self.runs("upload-accepted").count("failed") == 4)
        self.assertNotIn("attempts", self.runs("upload-accepted"))

    def test_who_uploaded_is_told_of_a_rejection_and_of_review(self):
        server = self.serve()
        self.configure(server.port)
        self.emit(
            REJECTED,
            repo="master",
            upload_name="bad_1_source",
            reason="Signature is bad.\n.\nLong: " + "x" * 3000 + "\r\nü",
            uploader_email=ADA,
        )
        self.emit(ACCEPTED, **{**UPLOAD, "is_new": True})
        self.emit(REJECTED, repo="master", upload_name="nobody_1", reason="No address.")
        self.start()
        mails = {mail["X-Laniakea-Event"]: mail for _, mail in self.mails(server, 2)}
        text = mails["package-rejected"].get_content().replace("\r\n", "\n")
        self.assertIn("Signature is bad.\n.\nLong: " + "x" * 3000 + "\nü\n", text)
        self.assertIn("REJECTED", mails["package-rejected"]["Subject"])
        self.assertIn("is NEW", mails["package-queued-new"]["Subject"])
        for _, content, _ in server.mails:
            self.assertLess(max(map(len, content.split(b"\r\n"))), 998)

    def test_hostile_uploads_add_neither_headers_nor_recipients(self):
        server = self.serve()
        self.configure(server.port)
        evil = "x\r\nBcc: evil@example.net\r\n\r\nbody"
        for field in ("source_name", "source_version", "suite", "repo", "upload_name"):
            self.emit(ACCEPTED, **{**UPLOAD, field: evil})
        for address in (f"{ADA}\nBcc: evil@example.net", f"{ADA},evil@example.net", "evil@example.net"):
            self.emit(REJECTED, repo="m", upload_name="u", reason="r", uploader_email=address)
        # In a text all of it may stand.
        harmless = {"uploader_name": evil, "changes": evil, "files": [evil, "=?utf-8?q?a?="]}
        self.emit(ACCEPTED, **{**UPLOAD, **harmless, "source_name": "last"})
        self.start()
        # Source and version are not in what the uploader is told; upload_name not in the list's.
        until("the last", lambda: any(b"last" in content for _, content, _ in server.mails))
        until("an end", lambda: "started" not in self.runs() and "waiting" not in self.runs())
        for to, content, _ in server.mails:
            mail = email.message_from_bytes(content, policy=email.policy.default)
            self.assertIn(to, ([LIST], [ADA]))
            self.assertIsNone(mail["Bcc"])
            self.assertEqual(len(mail.get_all("Subject")), 1)
            self.assertNotIn("body", dict(mail.items()).values())
        self.assertEqual(len([to for to, _, _ in server.mails if to == [LIST]]), 2)
        self.assertGreaterEqual(self.runs().count("failed"), 8)


class Delivery(MailTest):
    def test_a_server_that_cannot_now_gets_it_later_and_one_that_will_not_does_not(self):
        server = self.serve()
        rules = (
            f'[[rule]]\nname = "r"\non = "{REJECTED}"\nkey = "{{{{ data.upload_name }}}}"\n'
            'retries = 5\npause = "0s"\n'
            'mail = { to = ["{{ data.uploader_email }}"], subject = "s" }\n'
        )
        server.refuse = {
            "later@example.org": ["450 greylisted", "451 again"],
            "never@example.org": ["550 who?"],
        }
        self.configure(server.port, rules=rules)
        for name in ("later", "never"):
            self.emit(REJECTED, repo="m", upload_name=name, reason="r", uploader_email=f"{name}@example.org")
        self.start()
        self.mails(server, 1)
        until("the verdicts", lambda: "succeeded" in self.runs() and "failed" in self.runs())
        runs = self.runs().splitlines()
        self.assertIn("3 attempts", next(run for run in runs if "later" in run))
        never = next(run for run in runs if "never" in run)
        self.assertNotIn("attempts", never)
        self.assertIn("who?", never)

    def test_a_batch_is_one_mail_in_text_and_html(self):
        server = self.serve()
        rules = (
            f'[[rule]]\nname = "r"\non = "{REJECTED}"\nkey = "{{{{ data.repo }}}}"\n'
            'debounce = "1s"\n[rule.mail]\nto = ["admins@lists.example.org"]\n'
            'subject = "{{ count }} rejected in {{ key }}: {{ facets.repo | join }}"\n'
            'html = "{% for event in events %}<p>{{ event.data.reason }}</p>{% endfor %}"\n'
        )
        self.configure(server.port, rules=rules)
        for number in range(20):
            self.emit(REJECTED, repo="m", upload_name=f"u{number}", reason=f"<script>{number}")
        self.start()
        ((to, mail),) = self.mails(server, 1)
        self.assertEqual(mail["Subject"], "20 rejected in m: m")
        text, html = (part.get_content() for part in mail.iter_parts())
        for number in range(20):
            self.assertIn(f"u{number} ", text)
            self.assertIn(f"<p>&lt;script&gt;{number}</p>", html)
        self.assertNotIn("<script>", html)
        until("the end of the run", lambda: "20 events" in self.runs("r"))

    def test_encrypted_and_with_a_password(self):
        authority, context = certificate(self.directory)
        password = self.directory / "password"
        password.write_text("geheim\n")
        password.chmod(0o600)
        seen = []

        def authenticate(server, session, envelope, mechanism, data):
            seen.append((mechanism, data.login, data.password))
            return AuthResult(success=data.password == b"geheim")

        # Whether that is wise is not what is tested.
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
        for tls, options in (
            ("starttls", {"tls_context": context, "require_starttls": True}),
            ("tls", {"ssl_context": context, "auth_require_tls": False}),
        ):
            server = self.serve(authenticator=authenticate, auth_required=True, **options)
            mail = f'tls = "{tls}"\nca_file = "{authority}"\nusername = "u"\npassword_file = "{password}"'
            self.configure(server.port, mail, server="localhost")
            self.emit(ACCEPTED, **{**UPLOAD, "upload_name": tls})
            keeper = self.start()
            self.mails(server, 2)
            self.assertEqual(seen.pop()[1:], (b"u", b"geheim"))
            keeper.stop()

    def test_no_mail_goes_to_a_server_that_cannot_prove_who_it_is(self):
        _, context = certificate(self.directory)
        server = self.serve(tls_context=context)
        plain = self.serve()
        for port, what in ((server.port, "certificate"), (plain.port, "STARTTLS")):
            shutil.rmtree(self.directory / "data", ignore_errors=True)
            self.configure(port, 'tls = "starttls"', server="localhost")
            self.emit(ACCEPTED, **{**UPLOAD, "upload_name": what})
            keeper = self.start()
            line = keeper.line("a run failed")
            self.assertIn(what.lower(), line.lower())
            keeper.stop()
        self.assertEqual((server.mails, plain.mails), ([], []))


class Locks(MailTest):
    def test_a_run_whose_lock_laniakea_holds_waits_and_others_do_not(self):
        lock = self.directory / "laniakea_x.lock"
        out = self.directory / "out"
        script = f"echo $0 >> {out}"
        rules = "".join(
            f'[[rule]]\nname = "{name}"\non = "{REJECTED}"\n{more}\n'
            f'[rule.exec]\ncommand = ["/bin/sh", "-c", "{script}", "{name}"]\n{option}\n'
            for name, more, option in (
                ("holds", "", f'lock = "{lock}"'),
                ("looks", "", f'wait_for = ["{lock}"]'),
                ("free", 'debounce = "1s"', ""),
            )
        )
        self.configure(1, rules=rules)
        # As Laniakea's process_file_lock does it. This process is another one than keeper.
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.emit(REJECTED, repo="m", upload_name="u", reason="r")
        self.start()
        until("the free one", lambda: out.exists())
        until("those that wait", lambda: self.runs().count("waiting") == 2)
        self.assertEqual(out.read_text(), "free\n")
        self.assertEqual(self.runs().count(f"process {os.getpid()} holds"), 2)
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
        until("all", lambda: self.runs().count("succeeded") == 3)
        self.assertEqual(sorted(out.read_text().split()), ["free", "holds", "looks"])
        self.assertNotIn("attempts", self.runs())


if __name__ == "__main__":
    unittest.main()
