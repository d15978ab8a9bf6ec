"""Runs a sweep over several processes and a NATS server, kills, freezes, cuts and wipes, and compares the results.

Everything is drawn from the seed but the clock. Exits with 0 only if results.ron and all weights are, byte for byte, those
of one process, no outcome is in the journal twice, the journal is whole, no process is left, and it took no more than three
times as long as without faults, and a minute.
"""

import argparse
import collections
import os
import pathlib
import random
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

KINDS = {
    "worker killed": 4,
    "worker frozen": 3,
    "coordinator killed": 2,
    "coordinator frozen": 1,
    "server killed": 1,
    "server ended": 1,
    "server wiped": 1,
    "link frozen": 2,
    "link cut": 2,
    "worker told to leave": 1,
    # only where this may mount small disks: the study's, and the server's
    "disk full": 1,
    # only with libfaketime: forwards or back, by up to a day
    "clock jumped": 2,
}

# Where systems have the library that gives a process another clock than the system's.
FAKETIME = [*pathlib.Path("/usr/lib").glob("**/faketime/libfaketime.so.1")]

# The bytes of a small disk.
DISK = 1 << 30


# How long workers wait for a coordinator, in seconds.
WAIT = 30


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60, help="how long there are faults, at most")
    parser.add_argument("--server", help="the program nats-server")
    parser.add_argument("--program", help="the program chain, which verifies, too")
    parser.add_argument("--digits", help="the program digits: its networks are trained instead of chains")
    parser.add_argument("--max-epochs", type=int, help="the most epochs of a stage (R): 81, with digits 2187")
    parser.add_argument("--by", default="hyperband", choices=["hyperband", "asha", "hyperband-kde", "asha-kde"])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--pace", type=float, default=20, help="milliseconds of an epoch")
    parser.add_argument("--bytes", type=int, default=100_000, help="of a checkpoint")
    parser.add_argument(
        "--checkpoints", default="server", choices=["server", "shared", "either"],
        help="which way large ones go; either: each coordinator is told another",
    )  # fmt: skip
    parser.add_argument("--calm", action="store_true", help="no faults")
    parser.add_argument("--keep", action="store_true", help="leave the directory")
    parser.add_argument("--proxy", nargs=2, type=int, metavar=("FROM", "TO"), help=argparse.SUPPRESS)
    return parser.parse_args()


def proxy(listen, target):
    """Passes bytes on between two ports of this machine, until it is killed or stopped."""
    server = socket.create_server(("127.0.0.1", listen))
    watched = selectors.DefaultSelector()
    watched.register(server, selectors.EVENT_READ, None)
    while True:
        for key, _ in watched.select():
            if key.fileobj is server:
                near, _ = server.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", target))
                except OSError:
                    near.close()
                    continue
                watched.register(near, selectors.EVENT_READ, far)
                watched.register(far, selectors.EVENT_READ, near)
                continue
            try:
                data = key.fileobj.recv(1 << 16)
                if data:
                    key.data.sendall(data)
            except OSError:
                data = b""
            if not data:
                for end in (key.fileobj, key.data):
                    try:
                        watched.unregister(end)
                    except (KeyError, ValueError):
                        pass
                    end.close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Chaos:
    def __init__(self, asked, root):
        self.asked, self.root = asked, root
        self.luck = random.Random(asked.seed)
        self.log = open(root / "log", "w")
        self.processes = {}
        self.frozen = []
        self.later = []
        self.faults = collections.Counter()
        self.port = free_port()
        self.proxies = {}
        self.ended = {}
        self.trouble = []
        self.disks, self.full, self.starved = [], [], False

    def mount(self):
        """Gives the study and the server small disks, where that is allowed."""
        for name in ("there", "store"):
            place = self.root / name
            place.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
            if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
                self.disks.append(name)

    def unmount(self):
        """Keeps what is on the small disks, where somebody may want to see it."""
        for name in self.disks:
            shutil.copytree(self.root / name, self.root / f"kept-{name}", dirs_exist_ok=True)
            subprocess.run(["umount", str(self.root / name)], check=True)
            (self.root / name).rmdir()
            (self.root / f"kept-{name}").rename(self.root / name)
        self.disks = []

    def fill(self, name):
        """Leaves no byte free on a small disk."""
        self.starved |= name == "there"
        with open(self.root / name / "filler", "wb") as filler:
            size, step = 0, 1 << 26
            while step:
                try:
                    os.posix_fallocate(filler.fileno(), size, step)
                    size += step
                except OSError:
                    step >>= 1

    def start(self, name):
        self.processes[name] = subprocess.Popen(
            self.command(name), env=self.environment(name), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL
        )

    def command(self, name):
        asked = self.asked
        if name == "server":
            # by itself, it takes what is free when it is started, which is nothing where the disk is full
            config = self.root / "nats.conf"
            config.write_text(f'jetstream {{ store_dir: "{self.root}/store", max_file: {DISK} }}\n')
            return [asked.server, "-c", str(config), "-a", "127.0.0.1", "-p", str(self.port)]
        if name.startswith("proxy"):
            ports = [str(self.proxies[name]), str(self.port)]
            return [sys.executable, __file__, "--proxy", *ports]
        return self.program("there" if name == "coordinator" else name, asked.slots if name != "coordinator" else 1)

    def program(self, directory, slots):
        asked = self.asked
        if asked.digits:
            size = ["--max-epochs", str(asked.max_epochs or 2187), "--seed", str(asked.seed), "--workers", str(slots)]
            return [asked.digits, *size, "--repo-dir", str(self.root / directory)]
        # as much work as the faults take time
        epochs = asked.seconds * asked.workers * asked.slots / (asked.pace / 1000) / 2
        by, learns = asked.by.removesuffix("-kde"), asked.by.endswith("-kde")
        if by == "hyperband":
            size = ["--max-epochs", str(asked.max_epochs or 81), "--iterations", str(max(1, round(epochs / 1902)))]
        else:
            size = ["--max-epochs", str(asked.max_epochs or 81), "--trials", str(max(81, round(epochs / 8))), "--lookahead", "12"]
        if learns:
            size += ["--learns", "--lookahead", "12"][: 1 if by == "asha" else 3]
        return [
            asked.program, "--by", by, *size, "--pace", str(asked.pace), "--bytes", str(asked.bytes),
            "--checkpoint-every", "3", "--seed", str(asked.seed), "--workers", str(slots), "--repo-dir", str(self.root / directory),
        ]  # fmt: skip

    def environment(self, name):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("HOBBIT_")}
        if name in ("server", "here") or name.startswith("proxy"):
            return plain
        port = self.proxies.get(name.replace("worker", "proxy"), self.port)
        role = {} if name == "coordinator" and self.asked.seed % 2 else {"HOBBIT_ROLE": name.rstrip("0123456789")}
        way = self.asked.checkpoints
        if way == "either":
            way = self.luck.choice(["server", "shared"]) if name == "coordinator" else "server"
        nats = {"HOBBIT_NATS": f"nats://127.0.0.1:{port}", "HOBBIT_WAIT": str(WAIT), "HOBBIT_CHECKPOINTS": way}
        return plain | nats | role | self.clock(name)

    def clock(self, name):
        """A clock of its own, which says what a file says. What measures durations is the system's."""
        if not FAKETIME or self.asked.calm:
            return {}
        file = self.root / f"clock-{name}"
        if not file.exists():
            file.write_text("+0")
        return {
            "LD_PRELOAD": str(FAKETIME[0]), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        }  # fmt: skip

    def one_process(self):
        """The same sweep in one process, with as many workers as there are in all."""
        begin = time.monotonic()
        command = self.program("here", self.asked.workers * self.asked.slots)
        done = subprocess.run(command, env=self.environment("here"), stdout=self.log, stderr=self.log)
        if done.returncode:
            sys.exit(f"the sweep of one process failed with {done.returncode}: see {self.root}/log")
        return time.monotonic() - begin

    def run(self, calm):
        asked = self.asked
        for number in range(asked.workers // 2):
            self.proxies[f"proxy{number}"] = free_port()
        workers = [f"worker{number}" for number in range(asked.workers)]
        for name in ["server", *self.proxies, "coordinator", *workers]:
            self.start(name)
        begin = time.monotonic()
        next_fault = begin + 1
        limit = begin + 3 * calm + 60 + (asked.seconds if not asked.calm else 0)
        while True:
            now = time.monotonic()
            self.catch_up(now)
            if self.ended.get("coordinator") == 0:
                break
            if now > limit:
                self.trouble.append("it takes too long")
                break
            if not asked.calm and next_fault <= now < begin + asked.seconds:
                there = {"disk full": self.disks, "clock jumped": FAKETIME}
                kinds = {kind: often for kind, often in KINDS.items() if there.get(kind, True)}
                self.fault(self.luck.choices(list(kinds), list(kinds.values()))[0], now)
                next_fault = now + self.luck.uniform(0.7, 1.0)
            time.sleep(0.02)
        return time.monotonic() - begin

    def catch_up(self, now):
        """Wakes what was frozen, and starts again what has ended."""
        for when, pid, name in [due for due in self.frozen if due[0] <= now]:
            self.frozen.remove((when, pid, name))
            if self.processes[name].pid == pid:
                self.processes[name].send_signal(signal.SIGCONT)
        for when, name in [due for due in self.full if due[0] <= now]:
            self.full.remove((when, name))
            (self.root / name / "filler").unlink(missing_ok=True)
            print(f"-- {now:.1f} room again: {name}", file=self.log, flush=True)
        for when, name in [due for due in self.later if due[0] <= now]:
            self.later.remove((when, name))
            self.start(name)
        for name, process in self.processes.items():
            code = process.poll()
            if code is None or any(name == waiting for _, waiting in self.later):
                continue
            self.ended[name] = code
            if name == "coordinator" and code == 0:
                continue
            expected = {-signal.SIGKILL, 143, 0, 4} if name.startswith("worker") else {-signal.SIGKILL, -signal.SIGTERM, 0, 1}
            if name == "coordinator":
                # it ends with an error where it cannot write, and is begun again until it can
                expected = {-signal.SIGKILL, 1} if self.starved else {-signal.SIGKILL}
                self.starved = any(full == "there" for _, full in self.full)
            if code not in expected:
                self.trouble.append(f"{name} ended with {code}")
                if name == "coordinator":
                    self.ended[name] = 0
                    return
            self.later.append((now + self.luck.uniform(0.1, 0.6), name))

    def fault(self, kind, now):
        if kind == "disk full":
            name = self.luck.choice(self.disks)
            if not any(name == full for _, full in self.full):
                self.faults[f"{kind} ({'study' if name == 'there' else 'server'})"] += 1
                print(f"-- {now:.1f} {kind}: {name}", file=self.log, flush=True)
                self.fill(name)
                self.full.append((now + self.luck.uniform(0.5, 4), name))
            return
        if kind == "clock jumped":
            clock = self.luck.choice(sorted(self.root.glob("clock-*")))
            seconds = self.luck.choice([-1, 1]) * round(10 ** self.luck.uniform(0, 5))
            self.faults[kind] += 1
            print(f"-- {now:.1f} {kind}: {clock.name} {seconds:+} s", file=self.log, flush=True)
            clock.write_text(f"{seconds:+}")
            return
        who, what = kind.split(" ", 1)
        names = {"worker": "worker", "coordinator": "coordinator", "server": "server", "link": "proxy"}[who]
        alive = [name for name, process in self.processes.items() if name.startswith(names) and process.poll() is None]
        alive = [name for name in alive if not any(name == frozen for _, _, frozen in self.frozen)]
        if not alive:
            return
        name = self.luck.choice(alive)
        process = self.processes[name]
        self.faults[kind] += 1
        print(f"-- {now:.1f} {kind}: {name}", file=self.log, flush=True)
        if what == "frozen":
            process.send_signal(signal.SIGSTOP)
            self.frozen.append((now + self.luck.uniform(1, 12 if who == "link" else 10), process.pid, name))
        elif what in ("ended", "told to leave"):
            process.send_signal(signal.SIGTERM)
        else:
            process.kill()
            process.wait()
            if what == "wiped":
                shutil.rmtree(self.root / "store", ignore_errors=True)
            if who == "server":
                self.later.append((now + self.luck.uniform(0.1, 3), name))

    def end(self):
        """Ends everything. Returns the names of processes that did not end by themselves."""
        for _, pid, name in self.frozen:
            if self.processes[name].pid == pid:
                self.processes[name].send_signal(signal.SIGCONT)
        # one that was out of reach when it ended hears of no end, and gives up at last
        until = time.monotonic() + WAIT + 15
        workers = [name for name in self.processes if name.startswith("worker")]
        while time.monotonic() < until and any(self.processes[name].poll() is None for name in workers):
            time.sleep(0.05)
        left = [name for name in workers if self.processes[name].poll() is None]
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        return left


def files(directory):
    found = {"results.ron": (directory / "results.ron").read_bytes()}
    found |= {path.name: path.read_bytes() for path in (directory / "weights").iterdir()}
    return found


def main():
    asked = options()
    if asked.proxy:
        return proxy(*asked.proxy)
    # whoever ends this ends what it has started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    root = pathlib.Path(tempfile.mkdtemp(prefix="hobbit-chaos-"))
    chaos = Chaos(asked, root)
    if not asked.calm:
        chaos.mount()
    took, left = 0.0, []
    try:
        calm = chaos.one_process()
        took = chaos.run(calm)
    finally:
        left = chaos.end()
        chaos.unmount()
    if left:
        chaos.trouble.append(f"{', '.join(left)} did not end with the sweep")
    here, there = files(root / "here"), {}
    try:
        there = files(root / "there")
    except FileNotFoundError as error:
        chaos.trouble.append(str(error))
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            chaos.trouble.append(f"{name} is not the same")
    command = [asked.program, "--verify", "--repo-dir", str(root / "there")]
    checked = subprocess.run(command, env=chaos.environment("here"), capture_output=True, text=True)
    stages = checked.stdout.strip()
    if checked.returncode:
        chaos.trouble.append(checked.stderr.strip())
    if took > 3 * calm + 60 + asked.seconds:
        chaos.trouble.append("it took too long")
    for trouble in chaos.trouble:
        print(trouble)
    if asked.keep or chaos.trouble:
        print(f"see {root}")
    else:
        shutil.rmtree(root)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(chaos.faults.items()))
    verdict = "FAILED" if chaos.trouble else "equal"
    total = sum(chaos.faults.values())
    size = f"checkpoints of {asked.bytes} bytes" + (f" ({asked.checkpoints})" if asked.checkpoints != "server" else "")
    what = "digits" if asked.digits else f"{asked.by}, {size}"
    print(f"{verdict}: seed {asked.seed}, {what}, {total} faults ({kinds}), {stages}, {took:.0f} s, alone {calm:.0f} s")
    sys.exit(bool(chaos.trouble))


if __name__ == "__main__":
    main()
