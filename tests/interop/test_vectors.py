"""Every case of the shared vectors, through a running relay: its verdict, and what it publishes."""

import base64
import hashlib
import json

from harness import RelayTest, canonical, cases

TRUSTED = ("archive-01", "spears-01", "lighthouse-01")


class Vectors(RelayTest):
    def test_the_laniakea_dialect(self):
        self.submit_all(cases("laniakea"))

    def test_the_id_dialect(self):
        self.submit_all(cases("seed"))

    def submit_all(self, cases: list):
        """Submits the cases in their order, and then looks at what came out of the relay."""
        subscriber = self.relay.subscriber()
        module, requester = self.relay.submitter(), self.relay.requester()
        accepted = []
        for case in cases:
            with self.subTest(case["name"]):
                # An empty first frame is the envelope of a REQ socket.
                reply = (module if case["wire"] else requester).submit(case["wire"])
                self.check_reply(case, reply)
                if reply["ok"] and not reply["duplicate"]:
                    accepted.append((case, reply))
        live = self.relay.delivered(subscriber)
        self.assertEqual(len(live), len(accepted))
        self.assertGreaterEqual(len(accepted), 10)
        for (case, reply), (topic, body) in zip(accepted, live):
            with self.subTest(case["name"]):
                self.check_published(case, reply, topic.decode(), body)
        journaled = self.relay.events()[: len(live)]
        self.assertEqual(journaled, [body for _, body in live])

    def check_reply(self, case: dict, reply: dict):
        verdict = case["recommended"]
        if verdict["verdict"] == "accept":
            self.assertEqual((reply["ok"], reply.get("duplicate")), (True, False), reply)
            self.assertEqual(reply["digest"], expected_digest(case))
        elif verdict["reason"] == "duplicate":
            self.assertEqual((reply["ok"], reply.get("duplicate")), (True, True), reply)
        else:
            self.assertEqual((reply["ok"], reply.get("reason")), (False, verdict["reason"]), reply)

    def check_published(self, case: dict, reply: dict, topic: str, body: bytes):
        event = json.loads(body)
        note = event.pop("unsigned")
        self.assertEqual(note["seq"], reply["seq"])
        self.assertEqual(topic, event.get("id", event.get("tag")))
        signatures = event.pop("signatures")
        self.assertEqual(canonical(event).decode(), case["signed_bytes"])
        sent = trusted_signatures(json.loads(case["wire"])["signatures"])
        self.assertEqual(signatures, {**sent, "lighthouse-01": signatures["lighthouse-01"]})
        if "published" in case:
            expected = json.loads(case["published"]["body"])
            expected.pop("unsigned", None)
            self.assertEqual(signatures, trusted_signatures(expected.pop("signatures")))
            self.assertEqual(canonical(event), canonical(expected))
            self.assertEqual(topic, case["published"]["topic"])


def expected_digest(case: dict) -> str:
    digest = case.get("digest") or case["signed_bytes_sha256"]
    assert digest == hashlib.sha256(case["signed_bytes"].encode()).hexdigest(), case["name"]
    return digest


def trusted_signatures(signatures: dict) -> dict:
    """What a relay passes on: the signatures that it could verify, in unpadded base64."""
    return {
        signer: {"ed25519:0": reencode(entry["ed25519:0"])}
        for signer, entry in signatures.items()
        if signer in TRUSTED and "ed25519:0" in entry
    }


def reencode(text: str) -> str:
    padded = text.rstrip("=").translate(str.maketrans("-_", "+/")) + "=="
    return base64.b64encode(base64.b64decode(padded, validate=True)).decode().rstrip("=")
