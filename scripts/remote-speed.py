"""Measures what a sweep over several processes costs beside training: stages that are no work, stages of a second, memory,
checkpoints over a slow link.

Prints a line for each: stages a second from the first outcome to the last, and the processor time that a stage took at the
server, the coordinator and the workers together; by how much longer than its work a stage of a second took; the most memory
that coordinator and worker had at a time with checkpoints of several sizes, of trials that keep nothing in memory; and how
fast a large checkpoint comes to the coordinator and back over a link with a round trip of so many milliseconds.
"""

import argparse
import collections
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from chaos import free_port

STAGE = re.compile(rb'"[0-9a-f]{8}", Stage\(\(time:([0-9.]+)')
STARTED = re.compile(rb'"[0-9a-f]{8}", Started\(time:([0-9.]+)')

# What a delayed link holds at most, in bytes.
ROOM = 64 << 20


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="the program nats-server")
    parser.add_argument("--program", help="the program chain")
    parser.add_argument("--workers", type=int, default=8, help="processes that train")
    parser.add_argument("--slots", type=int, default=1, help="stages that each of them trains at once")
    parser.add_argument("--iterations", type=int, default=40, help="206 stages each")
    parser.add_argument("--bytes", type=int, default=0, help="of a checkpoint; 0: the state alone")
    parser.add_argument("--seconds", type=int, default=15, help="how many stages of a second are trained by one worker")
    parser.add_argument("--large", type=int, nargs="*", default=[200], help="megabytes of large checkpoints")
    parser.add_argument("--link", type=float, default=20, help="milliseconds of a round trip over a slow link; 0: not tried")
    parser.add_argument("--only", choices=["speed", "memory", "link"], help="measure only this")
    parser.add_argument("--delay", nargs=3, type=float, metavar=("FROM", "TO", "MS"), help=argparse.SUPPRESS)
    return parser.parse_args()


def delay(listen, target, milliseconds):
    """Passes bytes on between two ports of this machine, each way half the round trip later, until it is killed."""

    def pass_on(near, far):
        waiting, changed, held = collections.deque(), threading.Condition(), [0]

        def send():
            while True:
                with changed:
                    while not waiting:
                        changed.wait()
                    due, data = waiting.popleft()
                time.sleep(max(0, due - time.monotonic()))
                try:
                    far.sendall(data)
                except OSError:
                    data = b""
                with changed:
                    held[0] -= len(data)
                    changed.notify_all()
                if not data:
                    return far.close()

        threading.Thread(target=send, daemon=True).start()
        data = b"?"
        while data:
            try:
                data = near.recv(1 << 20)
            except OSError:
                data = b""
            with changed:
                while held[0] > ROOM:
                    changed.wait()
                held[0] += len(data)
                waiting.append((time.monotonic() + milliseconds / 2000, data))
                changed.notify_all()

    server = socket.create_server(("127.0.0.1", listen))
    while True:
        near, _ = server.accept()
        far = socket.create_connection(("127.0.0.1", target))
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=pass_on, args=(one, other), daemon=True).start()


class Sweep:
    """A server, a coordinator and workers in a directory of their own."""

    def __init__(self, asked, workers, slots, size, link=0.0, place=None):
        self.asked, self.workers, self.slots, self.size, self.link = asked, workers, slots, size, link
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hobbit-speed-", dir=place))
        self.log = open(self.root / "log", "w")
        self.port = self.far = free_port()

    def start(self, *command, **env):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("HOBBIT_")}
        return subprocess.Popen(command, env=plain | env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def member(self, role, slots):
        port = self.far if role == "worker" else self.port
        env = {"HOBBIT_NATS": f"nats://127.0.0.1:{port}", "HOBBIT_ROLE": role, "HOBBIT_WAIT": "60"}
        command = [self.asked.program, *self.size, "--workers", str(slots), "--repo-dir", str(self.root / "study")]
        return self.start(*command, **env)

    def run(self):
        """The times of all outcomes, and the processor time of each kind of process."""
        store = str(self.root / "store")
        server = self.start(self.asked.server, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", store)
        proxy = None
        if self.link:
            self.far = free_port()
            proxy = self.start(sys.executable, __file__, "--delay", str(self.far), str(self.port), str(self.link))
        members = [self.member("coordinator", 1)] + [self.member("worker", self.slots) for _ in range(self.workers)]
        used, self.memory = [], []
        for member in members:
            _, status, usage = os.wait4(member.pid, 0)
            if status:
                server.kill()
                sys.exit(f"a process ended with {os.waitstatus_to_exitcode(status)}: see {self.root}/log")
            used.append(usage.ru_utime + usage.ru_stime)
            self.memory.append(usage.ru_maxrss * 1.024 / 1000)
        server.kill()
        _, _, usage = os.wait4(server.pid, 0)
        if proxy:
            proxy.kill()
            proxy.wait()
        journal = (self.root / "study" / "journal.ron").read_bytes()
        times = sorted(float(time) for time in STAGE.findall(journal))
        self.begun = sorted(float(time) for time in STARTED.findall(journal))
        shutil.rmtree(self.root)
        return times, (usage.ru_utime + usage.ru_stime, used[0], sum(used[1:]))


def speed(asked):
    size = ["--max-epochs", "81", "--iterations", str(asked.iterations), "--bytes", str(asked.bytes)]
    times, used = Sweep(asked, asked.workers, asked.slots, size).run()
    took = times[-1] - times[0]
    each = ", ".join(f"{name} {1000 * cpu / len(times):.2f}" for name, cpu in zip(("server", "coordinator", "workers"), used))
    print(
        f"no work: {len(times)} stages in {took:.1f} s, {len(times) / took:.0f} a second by {asked.workers} workers of"
        f" {asked.slots}, checkpoints of {asked.bytes} bytes; milliseconds of processor a stage: {each}"
    )
    # one at a time, and each has one epoch: what is beside the second is what a stage costs
    size = ["--by", "asha", "--trials", str(asked.seconds + 1), "--max-epochs", "1", "--pace", "1000", "--bytes", "100000"]
    times, _ = Sweep(asked, 1, 1, size).run()
    costs = sorted(1000 * (after - before - 1) for before, after in zip(times, times[1:]))
    print(
        f"a second: {len(costs)} stages, each costs {costs[len(costs) // 2]:.1f} ms in the middle, {costs[-1]:.1f} at most,"
        f" checkpoints of 100000 bytes"
    )


def memory(asked):
    for size in [0, 1000, *(large * 1_000_000 for large in asked.large)]:
        sweep = Sweep(asked, 1, 1, ["--max-epochs", "3", "--thin", "--bytes", str(size)])
        times, _ = sweep.run()
        print(
            f"memory: {len(times)} stages with checkpoints of {size} bytes in {times[-1] - times[0]:.1f} s; at most"
            f" {sweep.memory[0]:.0f} MB at the coordinator, {sweep.memory[1]:.0f} MB at a worker of one slot"
        )


def link(asked):
    """One trial with two stages: its checkpoint goes to the coordinator, and comes back."""
    size = max(asked.large) * 1_000_000
    one = ["--by", "asha", "--trials", "3", "--max-epochs", "3", "--lookahead", "1", "--thin", "--bytes", str(size)]
    # in memory, where there is such a place: it is the link that is measured, and not the disk
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    sweep = Sweep(asked, 1, 1, one, asked.link, place)
    times, _ = sweep.run()
    # a stage is in the journal by when it ended at the worker, and its beginning by when all of its report was here; so
    # a report's way is between the two, and the next order's way until the next stage has ended, which takes no time
    there = [begun - ended for begun, ended in zip(sweep.begun, times)]
    back = [ended - begun for begun, ended in zip(sweep.begun, times[1:])]
    print(
        f"link: round trip {asked.link:.0f} ms, checkpoints of {size / 1e6:.0f} MB: {size / 1e6 / max(there):.0f} MB a second from"
        f" the worker into the repository (the slowest of {len(there)}), {size / 1e6 / max(back):.0f} from there to the worker"
    )


def main():
    asked = options()
    if asked.delay:
        return delay(int(asked.delay[0]), int(asked.delay[1]), asked.delay[2])
    if asked.only in (None, "speed"):
        speed(asked)
    if asked.large and asked.only in (None, "memory"):
        memory(asked)
    if asked.large and asked.link and asked.only in (None, "link"):
        link(asked)


if __name__ == "__main__":
    main()
