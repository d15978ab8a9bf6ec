"""Reads what hobbit writes for other tools with these tools themselves, and compares it with the repository.

Usage: interop.py DIGITS HOBBIT OUT [--no-browser]

DIGITS: the example `digits`, built with the feature `interop`; beside it the example `json_lines`. HOBBIT: the command. OUT: a
directory for what is written, screenshots included; `net` in it holds the journal, the event files and the repository of a study with
conditional parameters and failures (`s.journal` and `logs` in the repository itself). `--no-browser` leaves out the headless browser, whose name is in
CHROMIUM, and says so. `scripts/interop-test.sh` does all of it.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import optuna
from optuna.trial import TrialState
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

DIGITS, HOBBIT, OUT = (Path(argument).resolve() for argument in sys.argv[1:4])
BROWSER = "--no-browser" not in sys.argv
STATES = {"Finished": "COMPLETE", "Dropped": "PRUNED", "Failed": "FAIL", "Diverged": "FAIL"}
optuna.logging.set_verbosity(optuna.logging.WARNING)


def step(text):
    print("==", text, flush=True)


def results(repo):
    """The trials of results.ron: state, score, epochs, and the text of the hyperparameters."""
    text = (repo / "results.ron").read_text()
    form = (
        r'trial: "(.*?)",\s*status: (\w+).*?score: (?:None|Some\((.*?)\)),\s*epoch: .*?epochs: (\d+),'
        r".*?hparams: \((.*?)\n            \),"
    )
    trials = {}
    for name, status, score, epochs, hparams in re.findall(form, text, re.S):
        score = float(score) if score else None
        trials[name] = {"state": STATES[status], "score": score, "epochs": int(epochs), "hparams": hparams}
    assert len(trials) == text.count("rank: ") > 0
    return trials


def export(repo, journal, logs, name):
    """What the command writes of a repository."""
    for options in (["--optuna", journal, "--study-name", name], ["--tensorboard", logs]):
        subprocess.run([HOBBIT, "export", repo, *options], check=True)


def name(trial):
    """Which of hobbit's trials an Optuna trial is; nothing for one of Optuna's own."""
    return trial.user_attrs.get("hobbit:trial", "")


def load(path, name=None):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    return optuna.load_study(study_name=name or path.stem, storage=storage)


def same_as_repository(study, expected):
    """Optuna's trials are the repository's: states, values, epochs."""
    ours = [trial for trial in study.trials if "hobbit:trial" in trial.user_attrs]
    assert len(ours) == len(expected), (len(ours), len(expected))
    assert Counter(trial.state.name for trial in ours) == Counter(trial["state"] for trial in expected.values())
    sign = 1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else -1
    for trial in ours:
        known = expected[trial.user_attrs["hobbit:trial"]]
        assert trial.state.name == known["state"], trial
        assert trial.values == (None if known["score"] is None else [known["score"]]), trial
        assert trial.user_attrs["hobbit:bracket"] == int(trial.user_attrs["hobbit:trial"].split("-")[0])
        assert trial.user_attrs["hobbit:stage"] >= 1
        if known["state"] != "FAIL":
            steps = sorted(trial.intermediate_values)
            assert steps == list(range(1, known["epochs"] + 1)), trial
            best = max(sign * value for value in trial.intermediate_values.values())
            assert sign * best == known["score"], trial
            assert trial.intermediate_values[trial.user_attrs["hobbit:score_epoch"]] == known["score"]
        else:
            assert trial.user_attrs["hobbit:reason"]
        assert trial.datetime_start <= trial.datetime_complete
    best = max((t for t in expected.values() if t["score"] is not None), key=lambda t: sign * t["score"])
    assert study.best_value == best["score"]


def scalars(multiplexer, run, tag):
    return [(event.step, float(event.tensor_proto.float_val[0])) for event in multiplexer.Tensors(run, tag)]


def same_runs(logs, study, metrics, monitor):
    """TensorBoard's runs are Optuna's trials: every epoch once, with the same values."""
    # every epoch, not a sample of them
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0}).AddRunsFromDirectory(str(logs)).Reload()
    trials = {trial.user_attrs["hobbit:trial"]: trial for trial in study.trials if "hobbit:trial" in trial.user_attrs}
    assert set(multiplexer.Runs()) == set(trials), set(multiplexer.Runs()) ^ set(trials)
    for name, trial in trials.items():
        tags = multiplexer.Runs()[name]["tensors"]
        assert {"_hparams_/session_start_info", "_hparams_/session_end_info"} <= set(tags)
        if not trial.intermediate_values:
            continue
        seen = scalars(multiplexer, name, monitor)
        assert [step for step, _ in seen] == sorted(trial.intermediate_values), name
        assert all(abs(value - trial.intermediate_values[step]) < 1e-6 for step, value in seen), name
        for metric in metrics:
            assert len(scalars(multiplexer, name, metric)) == len(seen), (name, metric)
        if trial.values:
            ((_, score),) = scalars(multiplexer, name, "hobbit/score")
            assert abs(score - trial.value) < 1e-6
    return multiplexer


class Server:
    """A server on a free port, until the end of the block."""

    def __init__(self, command):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.command = [*command, "--host", "127.0.0.1", "--port", str(self.port)]

    def __enter__(self):
        self.log = open(OUT / "server.log", "ab")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        for _ in range(300):
            assert self.process.poll() is None, f"{self.command} ended: see {OUT}/server.log"
            try:
                self.get("/")
                return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        raise AssertionError(f"{self.command} does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path), data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200, (path, answer.status)
            return answer.read().decode()

    def browse(self, path, picture, expected):
        """Opens a page in a headless browser, leaves a picture, and looks for texts that only the loaded page has."""
        if not BROWSER:
            print("   LEFT OUT, as asked for with --no-browser:", path)
            return
        common = [os.environ["CHROMIUM"], "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                  f"--user-data-dir={OUT}/browser", "--window-size=1500,2600", "--virtual-time-budget=30000"]
        for option in (f"--screenshot={OUT / picture}", "--dump-dom"):
            done = subprocess.run([*common, option, self.url(path)], capture_output=True, timeout=180)
            assert done.returncode == 0, done.stderr.decode()[-2000:]
        page = done.stdout.decode()
        for text in expected:
            assert text in page, f"{path} does not show {text!r}"
        assert (OUT / picture).stat().st_size > 20_000, "the picture is empty"
        print("   see", OUT / picture)


def hparams_view(server, count):
    """What TensorBoard's HParams view asks for."""
    body = {"experimentName": "", "colParams": [], "startIndex": 0, "sliceSize": 1000,
            "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]}
    experiment = json.loads(server.get("/data/plugin/hparams/experiment", {"experimentName": ""}))
    body["colParams"] = [{"metric": info["name"], "includeInResult": True} for info in experiment["metricInfos"]]
    body["colParams"] += [{"hparam": info["name"], "includeInResult": True} for info in experiment["hparamInfos"]]
    for _ in range(100):
        groups = json.loads(server.get("/data/plugin/hparams/session_groups", body))["sessionGroups"]
        if len(groups) >= count:
            break
        time.sleep(0.2)
    assert len(groups) == count, (len(groups), count)
    return experiment, groups


def digits():
    step("digits, written live, read by Optuna")
    command = [DIGITS, "--max-epochs", "27", "--repo-dir", OUT / "repo",
               "--optuna", OUT / "digits.journal", "--tensorboard", OUT / "logs"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    expected = results(OUT / "repo")
    study = load(OUT / "digits.journal")
    assert study.direction.name == "MAXIMIZE" and study.metric_names == ["val_accuracy"]
    same_as_repository(study, expected)
    best = expected[study.best_trial.user_attrs["hobbit:trial"]]
    assert set(study.best_params) == {"learning_rate", "activation", "dropout", "hidden"}
    assert f"learning_rate: {study.best_params['learning_rate']}," in best["hparams"]
    assert f"activation: {study.best_params['activation']}," in best["hparams"]
    assert f"hidden: {study.best_params['hidden']}," in best["hparams"]
    assert study.best_trial.distributions == {
        "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
        "activation": optuna.distributions.CategoricalDistribution(["Sigmoid", "Tanh", "Relu"]),
        "dropout": optuna.distributions.FloatDistribution(0.0, 0.9),
        "hidden": optuna.distributions.CategoricalDistribution([16, 32, 64, 128]),
    }
    print("  ", dict(Counter(t.state.name for t in study.trials)), "best", study.best_value, study.best_params)

    step("its event files, read by TensorBoard")
    same_runs(OUT / "logs", study, ["loss", "val_loss", "accuracy", "val_accuracy"], "val_accuracy")

    step("optuna-dashboard shows it")
    with Server(["optuna-dashboard", str(OUT / "digits.journal")]) as server:
        server.get("/dashboard")
        server.get("/dashboard/studies/0")
        (summary,) = json.loads(server.get("/api/studies"))["study_summaries"]
        assert (summary["study_name"], summary["study_id"]) == ("digits", 0)
        detail = json.loads(server.get("/api/studies/0"))
        assert len(detail["trials"]) == len(expected)
        assert Counter(t["state"].upper() for t in detail["trials"]) == Counter(t["state"] for t in expected.values())
        server.get("/api/studies/0/param_importances")
        server.browse("/dashboard", "dashboard.png", ["digits"])
        server.browse("/dashboard/studies/0", "study.png", ["digits", "History", "learning_rate"])
        server.browse("/dashboard/studies/0/trials", "trials.png", ["Trial 0", "hobbit:trial"])

    step("TensorBoard shows it")
    with Server(["tensorboard", "--logdir", str(OUT / "logs")]) as server:
        experiment, groups = hparams_view(server, len(expected))
        assert {info["name"] for info in experiment["hparamInfos"]} == {"learning_rate", "activation", "dropout", "hidden"}
        metrics = {info["name"]["tag"] for info in experiment["metricInfos"]}
        assert {"hobbit/score", "val_accuracy", "val_loss", "loss"} <= metrics, metrics
        for group in groups:
            known = expected[group["name"]]
            assert [session["status"] for session in group["sessions"]] == ["STATUS_SUCCESS"]
            assert f"learning_rate: {group['hparams']['learning_rate']}," in known["hparams"]
            values = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
            assert abs(values["hobbit/score"] - known["score"]) < 1e-6
        # what its elements show is not in the page's own text: the pictures are for people
        server.browse("/#hparams", "hparams.png", ["tf-hparams-dashboard"])
        server.browse("/#scalars", "scalars.png", ["tf-scalar-dashboard"])

    step("Optuna continues it by three trials; hobbit does not mind")
    before = len(study.trials)

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        trial.suggest_categorical("activation", ["Sigmoid", "Tanh", "Relu"])
        trial.suggest_float("dropout", 0.0, 0.9)
        trial.suggest_categorical("hidden", [16, 32, 64, 128])
        return 0.5 + rate

    study.optimize(objective, n_trials=3)
    assert len(load(OUT / "digits.journal").trials) == before + 3
    data = (OUT / "digits.journal").read_bytes()
    events = sorted(path.name for path in (OUT / "logs").rglob("*tfevents*"))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert (OUT / "digits.journal").read_bytes() == data, "a finished study is not written again"
    assert sorted(path.name for path in (OUT / "logs").rglob("*tfevents*")) == events
    study = load(OUT / "digits.journal")
    assert [trial.number for trial in study.trials] == list(range(before + 3))

    step("the same as an export of the command")
    export(OUT / "repo", OUT / "exported.journal", OUT / "exported_logs", "digits")
    exported = load(OUT / "exported.journal", "digits")
    same_as_repository(exported, expected)
    for live, again in zip(*(sorted(s.trials, key=name)[-len(expected):] for s in (study, exported))):
        assert (live.params, live.distributions) == (again.params, again.distributions)
        assert live.intermediate_values == again.intermediate_values
    same_runs(OUT / "exported_logs", exported, ["loss", "val_loss", "accuracy", "val_accuracy"], "val_accuracy")

    step("its weights, read by safetensors")
    best = max(expected, key=lambda name: expected[name]["score"])
    arrays = load_file(OUT / "repo" / "weights" / f"{best}.safetensors")
    shapes = {name: array.shape for name, array in arrays.items()}
    hidden = int(re.search(r"hidden: (\d+)", expected[best]["hparams"])[1])
    assert any(shape in [(64, hidden), (hidden, 64)] for shape in shapes.values()), shapes


def conditional(study, expected):
    """Parameters are only where they exist, with values that their distributions have."""
    same_as_repository(study, expected)
    assert set(Counter(trial.state.name for trial in study.trials)) == {"COMPLETE", "PRUNED", "FAIL"}
    for trial in study.trials:
        kind = trial.params["optimizer.kind"]
        assert ("optimizer.Sgd.momentum" in trial.params) == (kind == "Sgd")
        assert ("optimizer.Adam.beta" in trial.params) == (kind == "Adam")
        assert ("dropout" in trial.params) == trial.params["dropout.some"]
        assert sum(bool(re.fullmatch(r"layers\.\d", name)) for name in trial.params) == trial.params["layers.len"]
        assert trial.user_attrs["seven"] == 7 and trial.user_attrs["double"] == 2 * trial.params["width"]
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            assert distribution._contains(distribution.to_internal_repr(value)), (name, value, distribution)


def net():
    step("a study with conditional parameters and failures, live and exported by the command")
    net = OUT / "net"
    expected = results(net)
    export(net, net / "exported.journal", net / "exported_logs", "s")
    for journal, logs in [("s.journal", "logs"), ("exported.journal", "exported_logs")]:
        study = load(net / journal, "s")
        conditional(study, expected)
        same_runs(net / logs, study, ["loss", "val_loss"], "val_loss")
    with Server(["tensorboard", "--logdir", str(net / "logs")]) as server:
        _, groups = hparams_view(server, len(expected))
        for group in groups:
            status = "STATUS_FAILURE" if expected[group["name"]]["state"] == "FAIL" else "STATUS_SUCCESS"
            assert [session["status"] for session in group["sessions"]] == [status], group
    with Server(["optuna-dashboard", str(net / "s.journal")]) as server:
        assert len(json.loads(server.get("/api/studies/0"))["trials"]) == len(expected)


def kill():
    step("a sweep that is killed while it writes")
    command = [DIGITS, "--max-epochs", "81", "--seed", "1", "--repo-dir", OUT / "killed",
               "--optuna", OUT / "killed.journal", "--tensorboard", OUT / "killed_logs"]
    kills = 0
    size = lambda: (OUT / "killed.journal").stat().st_size if (OUT / "killed.journal").exists() else 0
    begun = lambda: sum(1 for _ in (OUT / "killed_logs").glob("*/*"))
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        enough = size() + 60_000
        while (size() < enough or begun() < 5) and process.poll() is None:
            time.sleep(0.001)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
        study = load(OUT / "killed.journal")
        states = Counter(trial.state.name for trial in study.trials)
        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(OUT / "killed_logs")).Reload()
        # a run may have died before it wrote anything
        runs = sum("_hparams_/session_start_info" in tags["tensors"] for tags in multiplexer.Runs().values())
        print("   killed:", dict(states), runs, "runs")
        assert states["RUNNING"] > 0 and len(multiplexer.Runs()) - 1 <= runs > 0
        with Server(["optuna-dashboard", str(OUT / "killed.journal")]) as server:
            assert len(json.loads(server.get("/api/studies/0"))["trials"]) == len(study.trials)
        with Server(["tensorboard", "--logdir", str(OUT / "killed_logs")]) as server:
            hparams_view(server, runs)
    assert kills > 0, "the sweep ended before it could be killed"
    # a torn end, as a machine that stops leaves it
    with open(OUT / "killed.journal", "ab") as file:
        file.write(b'{"op_code":7,"trial_')
    for run in sorted((OUT / "killed_logs").iterdir())[:5]:
        with open(max(run.iterdir()), "ab") as file:
            file.write(b"\x1a\x00\x00")
    load(OUT / "killed.journal")
    EventMultiplexer().AddRunsFromDirectory(str(OUT / "killed_logs")).Reload()
    step("and continued")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    study = load(OUT / "killed.journal")
    same_as_repository(study, results(OUT / "killed"))
    same_runs(OUT / "killed_logs", study, ["loss", "val_loss", "accuracy", "val_accuracy"], "val_accuracy")


def together():
    step("hobbit and Optuna write to one file at the same time")
    path = OUT / "shared.journal"
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    other = optuna.create_study(study_name="other", storage=storage)
    command = [DIGITS, "--max-epochs", "81", "--seed", "2", "--repo-dir", OUT / "shared", "--optuna", path]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        other.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=1)
    assert process.returncode == 0
    other = load(path, "other")
    print("  ", len(other.trials), "trials of Optuna's")
    assert len(other.trials) > 3 and all(trial.state.name == "COMPLETE" for trial in other.trials)
    same_as_repository(load(path), results(OUT / "shared"))


def json_lines():
    step("lines of JSON for other trackers")
    lines = subprocess.run([DIGITS.parent / "json_lines"], check=True, capture_output=True).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["event"] == "started" and events[-1] == {"event": "done", "stopped": None}
    ended = [event["run"] for event in events if event["event"] == "ended"]
    assert len(set(ended)) == len(ended) == events[0]["trials"]


digits()
net()
kill()
together()
json_lines()
print("all is well")
