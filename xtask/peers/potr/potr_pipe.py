"""potr (pure-python-otr) behind the pipe language of docs/pipe.md: one account, one peer, version 2, nothing kept.

potr was written for pycrypto, which no present Python can build. Its successor pycryptodome is asked in its own way
where it differs: counters, numbers of DSA keys, signatures.
"""

import argparse
import json
import logging
import sys

import potr
import potr.compatcrypto.pycrypto as primitives
import potr.context
import potr.crypt as crypt
from Crypto.Cipher import AES
from Crypto.PublicKey import DSA
from potr.utils import bytes_to_long, long_to_bytes

POLICY = {"ALLOW_V1": False, "ALLOW_V2": True, "REQUIRE_ENCRYPTION": False, "SEND_TAG": False}
STATES = {0: "plaintext", 1: "encrypted", 2: "finished"}
RESULTS = {crypt.SMPPROG_SUCCEEDED: "ok", crypt.SMPPROG_FAILED: "fail", crypt.SMPPROG_CHEATED: "cheated"}


def ctr(key, counter=0):
    """AES in counter mode; potr's counters begin at block 0 of the given half."""
    if isinstance(counter, primitives.Counter):
        start = counter.byteprefix() + long_to_bytes(counter.val, 8)
    else:
        start = long_to_bytes(counter, 8) + bytes(8)
    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=bytes_to_long(start))


def sign(key, data):
    p, q, g, _, x = (int(number) for number in key.getPrivatePayload())
    while True:
        k = primitives.randrange(2, q)
        r = pow(g, k, p) % q
        s = pow(k, -1, q) * (bytes_to_long(data) + x * r) % q
        if r and s:
            return long_to_bytes(r, 20) + long_to_bytes(s, 20)


def verify(key, data, signature):
    p, q, g, y = (int(number) for number in key.getPublicPayload())
    r, s = bytes_to_long(signature[:20]), bytes_to_long(signature[20:])
    if not (0 < r < q and 0 < s < q):
        return False
    w = pow(s, -1, q)
    return pow(g, bytes_to_long(data) * w % q, p) * pow(y, r * w % q, p) % p % q == r


def generate(cls):
    key = DSA.generate(1024)
    return cls(tuple(int(getattr(key, name)) for name in ("y", "g", "p", "q", "x")), private=True)


crypt.AESCTR = ctr
primitives.DSAKey.sign = sign
primitives.DSAKey.verify = verify
primitives.DSAKey.generate = classmethod(generate)


def say(kind, **members):
    print(json.dumps({"ev": kind, **members}, ensure_ascii=False), flush=True)


class Conversation(potr.context.Context):
    def getPolicy(self, key):
        return POLICY.get(key, False)

    def inject(self, msg, appdata=None):
        say("inject", msg=msg.decode("utf-8"))

    def setState(self, newstate):
        was = self.state
        super().setState(newstate)
        if newstate == potr.context.STATE_ENCRYPTED:
            kind = "still_encrypted" if was == newstate else "encrypted"
            say(kind, fingerprint=self.crypto.theirPubkey.cfingerprint(), version=2, trust="unverified")
        elif newstate == potr.context.STATE_FINISHED and was != newstate:
            say("finished")
        elif newstate == potr.context.STATE_PLAINTEXT and was != newstate:
            say("insecure")


class Account(potr.context.Account):
    contextclass = Conversation

    def __init__(self, name):
        super().__init__(name, "pipe", 0)

    def loadPrivkey(self):
        return None

    def savePrivkey(self):
        pass

    def saveTrusts(self):
        pass


class Endpoint:
    def __init__(self, name, peer):
        self.account = Account(name)
        self.account.getPrivkey()
        self.context = self.account.getContext(peer)
        self.shown = 0

    def query(self, _):
        say("inject", msg=self.account.getDefaultQueryMessage(self.context.getPolicy).decode("ascii"))

    def recv(self, command):
        encrypted = True
        before = self.progress()
        try:
            text, tlvs = self.context.receiveMessage(command["msg"].encode("utf-8"))
        except potr.context.NotOTRMessage as clear:
            text, tlvs, encrypted = clear.args[0], [], False
        except potr.context.UnencryptedMessage as clear:
            text, tlvs, encrypted = clear.args[0], [], False
        except potr.context.ErrorReceived as error:
            say("error", code="peer", msg=str(error.args[0].error, "utf-8", "replace"))
            return
        except Exception as error:  # potr has no common ancestor for what it thinks of a line
            say("rejected", reason="unreadable", msg=type(error).__name__)
            return
        if text:
            self.shown += 1
            say("plaintext", text=text.decode("utf-8"), encrypted=encrypted, id=str(self.shown),
                provenance="live" if encrypted else "clear")
        self.tell_smp(tlvs, before)

    def progress(self):
        smp = self.context.crypto.smp
        return smp.prog if smp else None

    def tell_smp(self, tlvs, before):
        names = [type(tlv).__name__ for tlv in tlvs or []]
        if any(name in ("SMP1TLV", "SMP1QTLV") for name in names):
            asked = next(tlv for tlv in tlvs if type(tlv).__name__ in ("SMP1TLV", "SMP1QTLV"))
            question = getattr(asked, "msg", None)
            if question is None:
                say("smp", result="ask_secret")
            else:
                say("smp", result="ask_answer", question=question.decode("utf-8"))
        elif "SMPABORTTLV" in (name.upper() for name in names):
            say("smp", result="abort")
        elif any(name.startswith("SMP") for name in names):
            say("smp", result=RESULTS.get(self.progress(), "in_progress"))

    def send(self, command):
        try:
            line = self.context.sendMessage(potr.context.FRAGMENT_SEND_ALL, command["text"].encode("utf-8"))
        except potr.context.NotEncryptedError:
            say("paused", queued=0, reason="no_session")
            return
        if line:
            say("inject", msg=line.decode("utf-8"))
        say("sent", id=command.get("id"))

    def smp_start(self, command):
        question = command.get("question")
        self.context.smpInit(command["secret"].encode(), question.encode() if question else None)

    def smp_respond(self, command):
        self.context.smpGotSecret(command["secret"].encode())

    def smp_abort(self, _):
        self.context.smpAbort()

    def end(self, _):
        self.context.disconnect()

    def state(self, _):
        say("state", state=STATES[self.context.state], version=2, queued=0)

    def poll(self, _):
        pass


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--name", required=True)
    arguments.add_argument("--peer", required=True)
    options = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    endpoint = Endpoint(options.name, options.peer)
    say("ready", impl="potr 1.0.2", fingerprint=endpoint.account.getPrivkey().cfingerprint(), instance=0,
        state="plaintext", restored=False)
    known = ("query", "recv", "send", "smp_start", "smp_respond", "smp_abort", "end", "state", "poll")
    for line in sys.stdin:
        command = {}
        try:
            command = json.loads(line)
            name = command["cmd"]
            if name in known:
                getattr(endpoint, name)(command)
            elif name != "quit":
                say("error", code="usage", msg="unknown here")
        except Exception as error:  # whatever fails in potr, the process goes on and says so
            say("error", code="failed", msg=f"{type(error).__name__}: {error}")
        say("done", cmd=command.get("cmd", ""))
        if command.get("cmd") == "quit":
            break


main()
