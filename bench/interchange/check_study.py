"""Opens a file of `paretoformer optuna-export` with Optuna itself and says whether it finds what the run has.

python bench/interchange/check_study.py study.db front.json, where front.json is the output of `paretoformer front RUN --json`.
Needs: pip install optuna; with optuna-dashboard installed, its server is asked as well.
"""

import importlib.util
import json
import sys
import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
from optuna.trial import TrialState

path, front_path = sys.argv[1:]
storage = f"sqlite:///{path}"
front = json.load(open(front_path, encoding="utf8"))
name = optuna.get_all_study_names(storage)[0]
study = optuna.load_study(study_name=name, storage=storage)
trials = study.trials
states = {state.name: sum(trial.state == state for trial in trials) for state in TrialState}
print(f"Optuna {optuna.__version__}: {name!r}, {len(trials)} trials, {states}")
print(f"  directions {[direction.name for direction in study.directions]}, metrics {study.metric_names}")
print(f"  parameters {sorted({name for trial in trials for name in trial.params})}")

for trial in trials:
    for parameter, value in trial.params.items():
        assert trial.distributions[parameter]._contains(trial.distributions[parameter].to_internal_repr(value)), parameter
    if trial.state.is_finished():
        assert trial.datetime_start <= trial.datetime_complete
    assert trial.number == trials.index(trial)
best = sorted(trial.number for trial in study.best_trials)
members = sorted(member["candidate"] for member in front["members"])
assert best == members, f"the front is {members}, Optuna's {best}"
print(f"  best trials {best}: those of the front")

# A sampler that has never seen the run goes on from it.
copy = optuna.create_study(directions=study.directions, sampler=optuna.samplers.NSGAIISampler(seed=1))
copy.add_trials(trials)
complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
if len(complete) > 1:
    importance = optuna.importance.get_param_importances(
        study, target=lambda trial: trial.values[0], evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )
    print(f"  importance for {study.metric_names[0]}: {len(importance)} parameters")
frame = study.trials_dataframe()
print(f"  table of {frame.shape[0]} x {frame.shape[1]}" if hasattr(frame, "shape") else "")

if importlib.util.find_spec("optuna_dashboard") is None:
    print("  optuna-dashboard is not installed: not asked")
    sys.exit(0)
from optuna_dashboard import wsgi


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, wsgi(storage), handler_class=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(route):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{route}", timeout=30) as answer:
        return answer.read()


summaries = json.loads(ask("/api/studies"))["study_summaries"]
detail = json.loads(ask(f"/api/studies/{summaries[0]['study_id']}"))
assert len(detail["trials"]) == len(trials)
shown = sorted(trial["number"] for trial in detail["best_trials"])
broken = [trial.number for trial in complete if any(value > 0 for value in trial.constraints.values())]
# The dashboard's list of best trials knows no constraints; its plots do.
assert shown == best or broken, f"the dashboard's best trials are {shown}"
assert all(trial["constraints"] == list(trials[trial["number"]].constraints.values()) for trial in detail["trials"])
assert b"<html" in ask("/dashboard").lower()
print(f"  optuna-dashboard shows {len(detail['trials'])} trials, best {shown}, {len(broken)} break a constraint")
server.shutdown()
