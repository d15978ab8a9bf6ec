"""Runs the same work in hobbit and in other tools, in turn, several times, and writes `benches/RESULTS.md`.

    python -m venv target/peers && target/peers/bin/pip install -r benches/peers/requirements.txt
    target/peers/bin/python benches/peers/run.py [--rounds 5] [--only WORD]

Every tool times its own sweep: starting it, importing and loading data are not counted. A sweep has to have trained the 423 epochs of R=27
(375 of the tool's own plan, where a trial that goes on from 3 to 9 epochs trains 6 more, not 9; 75 of R=9), and every tool has to have
found a network that reads 93 % of the validation digits. The sweep's matrix products alone learn nothing; they are the floor: how fast the
sweep could be if everything else cost no time.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import date

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
PEERS = os.path.join(HERE, "rust/target/release/peers")

# name, command, threads it may use, epochs that it has to train
SWEEPS = [
    ("hobbit, 2 workers", [PEERS, "hobbit", "{seed}", "2"], 2, 423),
    ("hobbit, 1 worker", [PEERS, "hobbit", "{seed}", "1"], 1, 423),
    ("rayon loop over hobbit's kernels, 2 threads", [PEERS, "kernels", "{seed}", "2"], 2, 423),
    ("rayon loop over hobbit's kernels, 1 threads", [PEERS, "kernels", "{seed}", "1"], 1, 423),
    ("its matrix products alone by gemm, 2 threads", [PEERS, "products", "{seed}", "2"], 2, 423),
    ("its matrix products alone by gemm, 1 thread", [PEERS, "products", "{seed}", "1"], 1, 423),
    ("rayon loop over dfdx, 2 threads", [PEERS, "dfdx", "{seed}", "2"], 2, 423),
    ("optimizer + dfdx, 2 threads", [PEERS, "optimizer", "{seed}", "2"], 2, 423),
    ("by hand over jitted JAX, 1 thread", ["python", "jax_loop.py"], 1, 423),
    ("by hand over torch, 2 processes", ["python", "pool_torch.py"], 2, 423),
    ("optuna + torch, 2 threads", ["python", "optuna_torch.py"], 2, 423),
    ("keras tuner", ["python", "keras_tuner_sweep.py"], 2, 375),
    ("ray tune, R=9", ["python", "ray_tune.py"], 2, 75),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="just the sweeps with this word in their names, and hobbit's; writes nothing")
    options = parser.parse_args()
    subprocess.run(["cargo", "build", "--release"], cwd=os.path.join(HERE, "rust"), check=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        split = os.path.join(folder, "split.csv")
        with open(split, "w") as file:
            subprocess.run([PEERS, "split"], stdout=file, check=True)
        always = ("hobbit", "its matrix products")
        sweeps = [s for s in SWEEPS if not options.only or options.only in s[0] or s[0].startswith(always)]
        rates = {name: [] for name, *_ in sweeps}
        for seed in range(options.rounds):
            for name, command, threads, epochs in sweeps:
                result = sweep(command, threads, seed, split)
                assert result["epochs"] == epochs, result
                assert result["best"] >= 0.93 if command[1] != "products" else result["best"] is None, result
                rates[name].append(result["epochs"] / result["seconds"])
                print(f"{name}: {rates[name][-1]:.1f} epochs/s, best {result['best'] or float('nan'):.4f}", flush=True)
    steps = [] if options.only else [step_times() for _ in range(options.rounds)]
    text = report(rates, steps, options.rounds)
    print(text)
    if not options.only:
        with open(os.path.join(ROOT, "benches/RESULTS.md"), "w") as file:
            file.write(text)


def sweep(command, threads, seed, split):
    """One sweep; on one core if it may use one thread."""
    command = [part.format(seed=seed) for part in command]
    if command[0] == "python":
        command = [sys.executable, os.path.join(HERE, command[1]), split, str(seed)]
    if threads == 1:
        command = ["taskset", "-c", "0"] + command
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(lines[-1])


def table(text):
    lines = text.strip().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","))) for line in lines[1:]]
    return {row["net"]: row for row in rows}


def step_times():
    """Microseconds of a step: ours, PyTorch's, and the matrix products alone."""
    cargo = ["cargo", "bench", "-q", "-p", "hobbit", "--bench", "floor", "--", "--csv"]
    ours = table(subprocess.run(cargo, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    command = ["taskset", "-c", "0", sys.executable, os.path.join(HERE, "steps_torch.py")]
    theirs = table(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {
        net: (float(row["step_us"]), float(theirs[net]["step_us"]), float(row["products_us"])) for net, row in ours.items()
    }


def figures(values):
    return f"{statistics.median(values):.4g} | {min(values):.4g} | {max(values):.4g}"


def report(rates, steps, rounds):
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            facts = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines())
        facts = {name.strip(): fact.strip() for name, fact in facts.items()}
        vectors = [name for flag, name in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in facts["flags"].split()]
        cpu = f"{facts['model name']} of family {facts['cpu family']} ({(vectors or ['neither AVX2 nor AVX-512'])[0]})"
    except (OSError, KeyError):
        pass
    lines = [
        "# hobbit beside other tools",
        "",
        f"Written by `benches/peers/run.py` on {date.today()}: {rounds} rounds, in each of which every tool ran once, one after the other.",
        f"Machine: {cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}. Versions are in",
        "`benches/peers/requirements.txt` and `benches/peers/rust/Cargo.lock`.",
        "",
        "## The digits sweep",
        "",
        "Hyperband with R=27, eta=3 over a 64-H-10 network (49 trials, 423 epochs, RMSprop, batches of 32, validation after each epoch).",
        "hobbit writes its journal and checkpoints meanwhile. KerasTuner and Ray Tune bring their own Hyperband, whose plan has 375 epochs",
        "for R=27 and 75 for R=9. Ratios are hobbit's rate, with as many threads, over the tool's, in the same round.",
        "",
        "| | epochs/s, median | min | max | hobbit is faster by, median | min | max |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in rates.items():
        threads = next(threads for known, _, threads, _ in SWEEPS if known == name)
        base = rates["hobbit, 1 worker" if threads == 1 else "hobbit, 2 workers"]
        ratios = [ours / theirs for ours, theirs in zip(base, values)]
        ratio = "| |" if name.startswith("hobbit") else figures(ratios)
        lines.append(f"| {name} | {figures(values)} | {ratio} |")
    one, two = (rates[f"hobbit, {workers}"] for workers in ("1 worker", "2 workers"))
    floor, floors = (rates[f"its matrix products alone by gemm, {threads}"] for threads in ("1 thread", "2 threads"))
    ratio = lambda over, under: [a / b for a, b in zip(over, under)]
    lines += [
        "",
        "The floor is what the crate gemm takes for the sweep's matrix products alone, in which nothing is shared, learned or written:",
        "",
        "| | median | min | max |",
        "|---|---|---|---|",
        f"| hobbit with 2 workers against 1 | {figures(ratio(two, one))} |",
        f"| the floor with 2 threads against 1 | {figures(ratio(floors, floor))} |",
        f"| hobbit with 1 worker against the floor | {figures(ratio(one, floor))} |",
        f"| hobbit with 2 workers against the floor | {figures(ratio(two, floors))} |",
    ]
    for name, _, threads, _ in SWEEPS:
        if name in rates and any(tool in name for tool in ("JAX", "keras")):
            fastest = floor if threads == 1 else floors
            lines.append(f"| the floor against {name} | {figures(ratio(fastest, rates[name]))} |")
    if steps:
        lines += [
            "",
            "## A training step, one thread",
            "",
            "Batches of 32 with RMSprop and dropout for the 64-H-10 networks, of 64 with Adam for the others. The share is the time that the",
            "step's matrix products take alone, in the same run, over the step's.",
            "",
            "| network | hobbit, us | PyTorch, us | hobbit is faster by, median | min | max | share of gemm's rate |",
            "|---|---|---|---|---|---|---|",
        ]
        for net in steps[0]:
            ours, theirs, products = zip(*(step[net] for step in steps))
            ratios = [b / a for a, b in zip(ours, theirs)]
            shares = [c / a for a, c in zip(ours, products)]
            # the products of convolutions are not taken alone
            share = f"{statistics.median(shares):.2f}" if max(products) > 1 else ""
            lines.append(
                f"| {net} | {statistics.median(ours):.4g} | {statistics.median(theirs):.4g} | {figures(ratios)} | {share} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
