"""Do other attribution tools say the same as we, channel by channel?

Usage: ``python tests/benchmarks/peers_credits.py [journeys]``, by default 100000; with the
interpreters of ``make bench``. Every line says how many numbers were compared and how far they are
apart at most: removal effects, or shares of the conversions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

Answers = dict[str, dict[str, float]]
ORDERS = (1, 2, 3)
RULES = ("first", "last", "linear")


def ask_journeykit(path: str) -> Answers:
    from suites.campaigns import paths_of
    from suites.crediting import _counts

    from journeykit.attribution import markov, rules

    counts = _counts(paths_of(path))
    answers: Answers = {}
    for order in ORDERS:
        frame = markov(counts, order=order).frame.set_index("channel")
        answers[f"removal effects, order {order}"] = frame["removal_effect"].to_dict()
        answers[f"shares, order {order}"] = frame["share"].to_dict()
    for rule, part in rules(counts, models=RULES).frame.groupby("model"):
        answers[f"shares, {rule} touch"] = part.set_index("channel")["share"].to_dict()
    return answers


def ask_channelattribution(path: str) -> Answers:
    from ChannelAttribution import heuristic_models, markov_model
    from suites.campaigns import paths_of

    frame, columns = paths_of(path), ("path", "conversions")
    quiet = {"flg_pro": False}
    answers: Answers = {}
    for order in ORDERS:
        found = markov_model(
            frame, *columns, var_null="nulls", order=order, out_more=True, verbose=False, **quiet
        )
        effects = found["removal_effects"].set_index("channel_name").iloc[:, 0]
        answers[f"removal effects, order {order}"] = effects.to_dict()
        credited = found["result"].set_index("channel_name").iloc[:, 0]
        answers[f"shares, order {order}"] = (credited / credited.sum()).to_dict()
    found = heuristic_models(frame, *columns, **quiet).set_index("channel_name")
    for rule in RULES:
        credited = found.filter(like=f"{rule}_touch").iloc[:, 0]
        answers[f"shares, {rule} touch"] = (credited / credited.sum()).to_dict()
    return answers


def ask_marketingattribution(path: str) -> Answers:
    from suites.crediting import _mam, _mam_credits

    def credited(models: object) -> Answers:
        chain = models.run_markov()
        effects = chain.metadata["removal_effect"]["removal_effect"].to_dict()
        answers = {"removal effects, order 1": effects, "shares, order 1": _mam_credits(chain)}
        runs = (models.run_first_click(), models.run_last_click(), models.run_linear())
        for rule, found in zip(RULES, runs, strict=True):
            answers[f"shares, {rule} touch"] = _mam_credits(found)
        for name in [name for name in answers if name.startswith("shares")]:
            total = sum(answers[name].values())
            answers[name] = {channel: c / total for channel, c in answers[name].items()}
        return answers

    return _mam(path, credited)()


def ask_doattribution(path: str) -> Answers:
    from do_attribution import MarkovAttribution
    from suites.crediting import _with_ends

    rows = _with_ends(path)
    given = rows["path"].to_numpy(), rows["won"].to_numpy(int)
    answers: Answers = {}
    for order in ORDERS:
        model = MarkovAttribution(order=order, removal_strategy="redirect_to_null")
        found = model.fit(*given, weights=rows["n"].to_numpy())
        answers[f"removal effects, order {order}"] = found["removal_effects"]
        answers[f"shares, order {order}"] = found["attribution"]
    return answers


TOOLS = {
    "journeykit": ask_journeykit,
    "channelattribution": ask_channelattribution,
    "marketingattribution": ask_marketingattribution,
    "doattribution": ask_doattribution,
}


def asked(tool: str, path: Path) -> Answers:
    from run import python_of

    command = [python_of(tool), __file__, "--ask", tool, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answers: Answers = json.loads(done.stdout.splitlines()[-1])
    return answers


def main() -> None:
    if sys.argv[1:2] == ["--ask"]:
        print(json.dumps(TOOLS[sys.argv[2]](sys.argv[3])))
        return
    from run import ROOT

    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    from suites.campaigns import campaigns

    path = campaigns(n, folder)
    ours, *peers = TOOLS
    own = asked(ours, path)
    print(f"\n{n:,} journeys")
    for peer in peers:
        for name, numbers in asked(peer, path).items():
            apart = [abs(own[name][channel] - number) for channel, number in numbers.items()]
            missing = len(own[name]) - len(apart)
            print(
                f"{peer:22}{name:28}{len(apart):4} numbers, {missing} missing, "
                f"at most {max(apart):.1e} apart",
                flush=True,
            )


if __name__ == "__main__":
    main()
