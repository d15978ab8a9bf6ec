"""Measures what a sweep over several processes costs beside training: stages that are no work, stages of a second, memory.

Prints a line for each: stages a second from the first outcome to the last, and the processor time that a stage took at the
server, the coordinator and the workers together; by how much longer than its work a stage of a second took; and the most
memory that coordinator and worker had at a time with a large checkpoint.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from chaos import free_port

STAGE = re.compile(rb'"[0-9a-f]{8}", Stage\(\(time:([0-9.]+)')


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the program nats-server")
    parser.add_argument("--program", required=True, help="the program chain")
    parser.add_argument("--workers", type=int, default=8, help="processes that train")
    parser.add_argument("--slots", type=int, default=1, help="stages that each of them trains at once")
    parser.add_argument("--iterations", type=int, default=40, help="206 stages each")
    parser.add_argument("--bytes", type=int, default=0, help="of a checkpoint; 0: the state alone")
    parser.add_argument("--seconds", type=int, default=15, help="how many stages of a second are trained by one worker")
    parser.add_argument("--large", type=int, default=200, help="megabytes of a large checkpoint; 0: not tried")
    return parser.parse_args()


class Sweep:
    """A server, a coordinator and workers in a directory of their own."""

    def __init__(self, asked, workers, slots, size):
        self.asked, self.workers, self.slots, self.size = asked, workers, slots, size
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hobbit-speed-"))
        self.log = open(self.root / "log", "w")
        self.port = free_port()

    def start(self, *command, **env):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("HOBBIT_")}
        return subprocess.Popen(command, env=plain | env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def member(self, role, slots):
        env = {"HOBBIT_NATS": f"nats://127.0.0.1:{self.port}", "HOBBIT_ROLE": role, "HOBBIT_WAIT": "60"}
        command = [self.asked.program, *self.size, "--workers", str(slots), "--repo-dir", str(self.root / "study")]
        return self.start(*command, **env)

    def run(self):
        """The times of all outcomes, and the processor time of each kind of process."""
        store = str(self.root / "store")
        server = self.start(self.asked.server, "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", store)
        members = [self.member("coordinator", 1)] + [self.member("worker", self.slots) for _ in range(self.workers)]
        used, self.memory = [], []
        for member in members:
            _, status, usage = os.wait4(member.pid, 0)
            if status:
                server.kill()
                sys.exit(f"a process ended with {os.waitstatus_to_exitcode(status)}: see {self.root}/log")
            used.append(usage.ru_utime + usage.ru_stime)
            self.memory.append(usage.ru_maxrss / 1000)
        server.kill()
        _, _, usage = os.wait4(server.pid, 0)
        journal = (self.root / "study" / "journal.ron").read_bytes()
        times = sorted(float(time) for time in STAGE.findall(journal))
        shutil.rmtree(self.root)
        return times, (usage.ru_utime + usage.ru_stime, used[0], sum(used[1:]))


def main():
    asked = options()
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
    if asked.large:
        sweep = Sweep(asked, 1, 1, ["--max-epochs", "3", "--bytes", str(asked.large * 1_000_000)])
        times, _ = sweep.run()
        print(
            f"memory: {len(times)} stages with checkpoints of {asked.large} MB in {times[-1] - times[0]:.1f} s; at most"
            f" {sweep.memory[0]:.0f} MB at the coordinator, {sweep.memory[1]:.0f} MB at a worker of one slot, model included"
        )


if __name__ == "__main__":
    main()
