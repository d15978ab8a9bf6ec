"""Measures how long it takes until a sweep goes on after something has died, and until what is set up wrongly is told.

Each line has what was done, how long it took, and how long it may take. Exits with 0 only if all was in time, and each
mistake ended the program with its exit code and one message. The machine should have nothing else to do.
"""

import argparse
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from chaos import free_port

BEGINS = re.compile(r"^([0-9.]+) ([0-9]+) begins epoch ([0-9]+) of (\S+)$")
LOST = re.compile(rb'Machine\(time:([0-9.]+).*?pid:([0-9]+),change:Lost')


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the program nats-server")
    parser.add_argument("--program", required=True, help="the program chain")
    parser.add_argument("--only", choices=["recovery", "refusals"], help="measure only this")
    return parser.parse_args()


class Place:
    """A server and processes in a directory of their own."""

    def __init__(self, asked):
        self.asked = asked
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hobbit-times-"))
        self.port = free_port()
        self.begun, self.processes = [], []
        self.log = open(self.root / "log", "w")
        atexit.register(self.end)

    def serve(self, *settings):
        """Starts the server, and returns when it can be reached."""
        store = str(self.root / "store")
        command = [self.asked.server, "-a", "127.0.0.1", "-p", str(self.port), "-sd", store, *settings]
        server = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.processes.append(server)
        until = time.time() + 20
        while time.time() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return server
            except OSError:
                time.sleep(0.01)
        sys.exit("the server does not start")

    def start(self, role, *arguments, port=None, program=None, directory="study", **env):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("HOBBIT_")}
        env = {"HOBBIT_NATS": f"nats://127.0.0.1:{port or self.port}", "HOBBIT_ROLE": role, "HOBBIT_WAIT": "60"} | env
        command = [program or self.asked.program, *arguments, "--tells", "--repo-dir", str(self.root / directory)]
        process = subprocess.Popen(
            command, env=plain | env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        threading.Thread(target=self.listen, args=(process,), daemon=True).start()
        return process

    def listen(self, process):
        for line in process.stdout:
            if told := BEGINS.match(line):
                when, pid, epoch, trial = told.groups()
                self.begun.append((float(when), int(pid), int(epoch), trial))

    def wait(self, what, found, seconds=90):
        until = time.time() + seconds
        while time.time() < until:
            if (value := found()) is not None:
                return value
            time.sleep(0.01)
        said = [process.stderr.read() for process in self.processes if process.stderr and process.poll() is not None]
        sys.exit(f"{what}: nothing happens {said}")

    def next_begin(self, after, is_wanted=lambda pid, epoch, trial: True):
        """When something of this kind begins after a time, at the earliest."""
        times = [when for when, *what in list(self.begun) if when > after and is_wanted(*what)]
        return min(times, default=None)

    def lost(self, pid):
        try:
            journal = (self.root / "study" / "journal.ron").read_bytes()
        except OSError:
            return None
        return next((float(when) for when, of in LOST.findall(journal) if int(of) == pid), None)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)


class Report:
    def __init__(self):
        self.is_late = False

    def tell(self, what, took, limit, more=""):
        late = "" if took <= limit else "  TOO LATE"
        self.is_late |= took > limit
        print(f"{what}: {took:.2f} s (at most {limit:g}){more}{late}", flush=True)


def worker_dies(asked, report, how):
    """One worker has one trial, another one has room; then the first one dies."""
    place = Place(asked)
    place.serve("-js")
    size = ["--by", "asha", "--trials", "3", "--max-epochs", "1", "--lookahead", "3", "--pace", "25000"]
    place.start("coordinator", *size, "--workers", "1")
    first = place.start("worker", *size, "--workers", "1")
    place.wait("the first trial", lambda: place.next_begin(0))
    second = place.start("worker", *size, "--workers", "4")
    place.wait("the second trial", lambda: place.next_begin(0, lambda pid, *_: pid == second.pid))
    trial = next(trial for _, pid, _, trial in place.begun if pid == first.pid)
    # it should be known by now who has what
    time.sleep(3)
    first.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    now = time.time()
    begun = place.wait("another", lambda: place.next_begin(now, lambda pid, _, of: pid == second.pid and of == trial))
    lost = place.wait("lost", lambda: place.lost(first.pid))
    report.tell(f"worker {how}, another one begins its stage", begun - now, 10)
    report.tell(f"worker {how}, shown as lost", lost - now, 7)
    place.end()


def short_stages(asked, place):
    size = ["--max-epochs", "27", "--iterations", "50", "--pace", "100"]
    return size, [place.start("worker", *size, "--workers", "2") for _ in range(2)]


def coordinator_dies(asked, report):
    place = Place(asked)
    place.serve("-js")
    size, _ = short_stages(asked, place)
    coordinator = place.start("coordinator", *size, "--workers", "1")
    place.wait("work", lambda: place.next_begin(0))
    time.sleep(3)
    coordinator.kill()
    coordinator.wait()
    # until workers have nothing more to do
    place.wait("idle workers", lambda: time.time() - max(place.begun)[0] > 2 or None)
    now = time.time()
    place.start("coordinator", *size, "--workers", "1")
    begun = place.wait("work", lambda: place.next_begin(now))
    report.tell("coordinator killed and started again, the next stage begins", begun - now, 2)
    place.end()


def server_dies(asked, report):
    place = Place(asked)
    server = place.serve("-js")
    size, _ = short_stages(asked, place)
    place.start("coordinator", *size, "--workers", "1")
    place.wait("work", lambda: place.next_begin(0))
    time.sleep(3)
    server.kill()
    server.wait()
    place.wait("idle workers", lambda: time.time() - max(place.begun)[0] > 2 or None)
    place.serve("-js")
    now = time.time()
    begun = place.wait("work", lambda: place.next_begin(now))
    report.tell("server killed and started again, the next stage begins", begun - now, 5)
    place.end()


def sockets(pid):
    """The connections of a process, by the system's numbers of them."""
    found = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(os.readlink(entry))
        except OSError:
            pass
    return {name for name in found if name.startswith("socket:")}


def link_freezes(asked, report):
    place = Place(asked)
    place.serve("-js")
    port = free_port()
    here = pathlib.Path(__file__).with_name("chaos.py")
    proxy = subprocess.Popen([sys.executable, here, "--proxy", str(port), str(place.port)])
    place.processes.append(proxy)
    time.sleep(0.5)
    size = ["--by", "asha", "--trials", "3", "--max-epochs", "1", "--lookahead", "3", "--pace", "60000"]
    place.start("coordinator", *size, "--workers", "1")
    worker = place.start("worker", *size, "--workers", "1", port=port)
    place.wait("the trial", lambda: place.next_begin(0))
    time.sleep(3)
    before = sockets(worker.pid)
    proxy.send_signal(signal.SIGSTOP)
    now = time.time()
    place.wait("another connection", lambda: sockets(worker.pid) - before or None)
    report.tell("link frozen, the worker tries to connect again", time.time() - now, 6)
    place.end()


class Refusals:
    """What is set up wrongly, each with its exit code."""

    def __init__(self, asked, report):
        self.asked, self.report = asked, report

    def ends(self, place, what, code, said, role="worker", arguments=("--max-epochs", "3"), **more):
        begin = time.time()
        process = place.start(role, *arguments, directory=f"other-{role}", **more)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        took = time.time() - begin
        lines = [line for line in process.stderr.read().splitlines() if line.strip()]
        fits = process.returncode == code and len(lines) == 1 and said in lines[0]
        more = "" if fits else f"  exit code {process.returncode} instead of {code}, or another message: {lines}"
        self.report.is_late |= not fits
        self.report.tell(f"{what} ({role}, exit code {code})", took, 3, more)

    def run(self):
        asked = self.asked
        place = Place(asked)
        for role in ("worker", "coordinator"):
            self.ends(place, "no server, waited for half a second", 4, "is it running", role=role, HOBBIT_WAIT="0.5")
        place.serve("-js", "--auth", "open")
        for role in ("worker", "coordinator"):
            self.ends(place, "no token", 4, "HOBBIT_NATS_TOKEN", role=role)
            self.ends(place, "another token", 4, "HOBBIT_NATS_TOKEN", role=role, HOBBIT_NATS_TOKEN="shut")
            self.ends(place, "a key where a token is asked for", 4, "HOBBIT_NATS", role=role, HOBBIT_NATS_NKEY=SEED)
            self.ends(place, "no such file of certificates", 4, "certificates", role=role, HOBBIT_NATS_CA="/nowhere")
            address = f"tls://127.0.0.1:{place.port}"
            self.ends(place, "tls:// to a server without it", 4, "", role=role, HOBBIT_NATS=address, HOBBIT_NATS_TOKEN="open")
        place.end()
        place = Place(asked)
        place.serve()
        for role in ("worker", "coordinator"):
            self.ends(place, "a server without JetStream", 4, "start it with `-js`", role=role)
        place.end()
        self.certificates()
        self.old_server()
        self.other_studies()

    def certificates(self):
        place = Place(self.asked)
        key, certificate = place.root / "key.pem", place.root / "cert.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
        if shutil.which("openssl") is None or subprocess.run(command, capture_output=True).returncode:
            return print("an authority that is not known: not tried, there is no openssl")
        place.serve("-js", "--tls", "--tlscert", str(certificate), "--tlskey", str(key))
        for role in ("worker", "coordinator"):
            address = f"tls://127.0.0.1:{place.port}"
            self.ends(place, "an authority that is not known", 4, "HOBBIT_NATS_CA", role=role, HOBBIT_NATS=address)
        place.end()

    def old_server(self):
        info = {"server_id": "old", "version": "2.9.10", "max_payload": 1 << 20, "headers": True}
        listener = socket.create_server(("127.0.0.1", 0))

        def answer(connection):
            connection.sendall(f"INFO {json.dumps(info)}\r\n".encode())
            while connection.recv(4096):
                connection.sendall(b"PONG\r\n")

        def serve():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        place = Place(self.asked)
        for role in ("worker", "coordinator"):
            self.ends(place, "a server of long ago", 4, "too old", role=role, port=listener.getsockname()[1])
        place.end()

    def other_studies(self):
        place = Place(self.asked)
        place.serve("-js")
        study = ["--max-epochs", "9", "--pace", "20000", "--numerics", "these vectors"]
        place.start("coordinator", *study)
        place.start("worker", *study)
        place.wait("work", lambda: place.next_begin(0))
        here = ["--numerics", "these vectors"]
        self.ends(place, "another study", 3, "has a different study", arguments=["--max-epochs", "3", *here])
        self.ends(place, "another seed", 3, "has a different study", arguments=[*study, "--seed", "1"])
        other = ["--max-epochs", "9", "--pace", "20000", "--numerics", "other vectors"]
        self.ends(place, "other vectors", 3, "allow_mixed_hardware", arguments=other)
        changed = place.root / "chain"
        shutil.copy(self.asked.program, changed)
        with open(changed, "ab") as program:
            program.write(b"\n")
        self.ends(place, "another build", 3, "allow_other_builds", arguments=study, program=str(changed))
        self.ends(place, "a second coordinator", 1, "runs a sweep with this name", role="coordinator", arguments=study)
        place.end()


# a key that opens nothing
SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"


def main():
    asked, report = options(), Report()
    if asked.only in (None, "recovery"):
        for how in ("killed", "frozen"):
            worker_dies(asked, report, how)
        coordinator_dies(asked, report)
        server_dies(asked, report)
        link_freezes(asked, report)
    if asked.only in (None, "refusals"):
        Refusals(asked, report).run()
    sys.exit(report.is_late)


if __name__ == "__main__":
    main()
