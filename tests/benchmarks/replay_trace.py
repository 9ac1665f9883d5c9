"""Does the simulator rank schemes as reality does? 24 worker processes of this machine replay a
recorded trace, scaled down, while four trials of the paper's CNN (Krishnan, Ebrahimi and Khisti
2023, section 4) train on MNIST under each scheme; beside every wall time stands what `gradloom
simulate` (for auto: `gradloom tune --auto`) predicts for the same trace. Each scheme then runs again
without stragglers, and under others, and must end in the same bits.

  GRADLOOM_BIN=build/release/bin python3 tests/benchmarks/replay_trace.py --data FOLDER

FOLDER holds traces/*.csv and mnist10k/. --around COMMAND runs every training under that command.
"""
import argparse
import csv
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import fleet

SLOTS = 24
TRIALS = 4
TRACE = "traces/cnn_desktop_long__w256-n30-l0_000-b2048-Canada.csv"
MNIST = ("mnist10k/t10k-images-idx3-ubyte.gz", "mnist10k/t10k-labels-idx1-ubyte.gz")
# Name, keys of the run file, arguments of `gradloom simulate`. All but auto and the gangs give every
# job all slots, lanes in turn, as in the paper.
SCHEMES = [
    ("uncoded", "uncoded: {}", "woven", "uncoded"),
    ("GC(1)", "gc: {s: 1}", "woven", "gc:s=1"),
    ("SR-SGC(1,2,4)", "sr_sgc: {b: 1, w: 2, lambda: 4}", "woven", "sr_sgc:b=1,w=2,lambda=4"),
    ("M-SGC(1,2,24)", "m_sgc: {b: 1, w: 2, lambda: 24}", "woven", "m_sgc:b=1,w=2,lambda=24"),
    ("GC(1), gang", "gc: {s: 1}", "gang", "gc:s=1"),
    ("multi-message, gang", "multi_message: {}", "gang", "multi_message"),
    ("auto", "auto: {}", None, None),
]
CALM = ""
OTHER = "straggle: {gilbert_elliott: {enter: 0.1, leave: 0.5, delay: 60ms}}"


def spec(data, jobs, scheme, arrangement, straggle):
    """A run file. What auto arranges is its own."""
    images, labels = (data / file for file in MNIST)
    arranged = f"fleet: {{arrangement: {arrangement}}}" if arrangement else ""
    return f"""
name: replay_trace
data:
  train: {{idx: {{images: {images}, labels: {labels}}}}}
  holdout: 2000
workload:
  cnn:
    layers:
    - conv: {{channels: 8, kernel: 5, padding: 2}}
    - max_pool
    - conv: {{channels: 16, kernel: 5, padding: 2}}
    - max_pool
    - conv: {{channels: 4, kernel: 5, padding: 2}}
    - dense: {{units: 256}}
training: {{batch_size: 24, jobs: {jobs // TRIALS}, evaluate_every: 0}}
sweep: {{grid: {{optimizer.kind: [adam, momentum], optimizer.learning_rate: [0.003, 0.001]}}}}
scheme:
  slots: {SLOTS}
  {scheme}
{arranged}
{straggle}
"""


class Race:
    """Runs and predicts in one folder."""

    def __init__(self, folder, data, jobs, around):
        self.folder, self.data, self.jobs, self.around = folder, data, jobs, around
        self.runs = 0

    def train(self, scheme, arrangement, straggle):
        """Its summary, and the folder of its output."""
        self.runs += 1
        path = self.folder / "run.yaml"
        path.write_text(spec(self.data, self.jobs, scheme, arrangement, straggle))
        output = self.folder / f"out{self.runs}"
        done = subprocess.run(
            self.around + [fleet.programs() / "gradloom", "run", path, "--workers", str(SLOTS),
                           "--output", output],
            capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode != 0:
            sys.exit(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return json.loads((output / "summary.json").read_text()), output

    def ask(self, *arguments):
        """What the command prints about this fleet."""
        return subprocess.run([fleet.programs() / "gradloom", *arguments, "--jobs", str(self.jobs),
                               "--trials", str(TRIALS), "--slots", str(SLOTS)],
                              capture_output=True, text=True, timeout=600, check=True).stdout

    def predict(self, trace, slope, reply, arrangement, scheme, apply_seconds):
        fleet_of = ["--trace", trace, "--trace-load", "0", "--slope", f"{slope:.6f}",
                    "--reply-seconds", f"{reply:.6f}", "--apply-seconds", f"{apply_seconds:.6f}"]
        if scheme is None:
            text = self.ask("tune", *fleet_of, "--auto", "--top", "1", "--resamples", "0")
            return float(re.search(r"knowing nothing at first: ([\d.]+) s", text)[1])
        text = self.ask("simulate", *fleet_of, "--scheme", scheme, "--fleet", arrangement)
        rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
        header = next(row for row in rows if row[0] == "scheme")
        row = next(row for row in rows if row[0] == scheme)
        return float(row[header.index("total (s)")])


def applied_at(output):
    """Seconds into the run at which its first and its last job were applied."""
    with open(output / "metrics.csv", encoding="utf-8") as history:
        seconds = [float(row["wall_seconds"]) for row in csv.DictReader(history)]
    return min(seconds), max(seconds)


def bits(summary):
    return [trial["parameters_sha256"] for trial in summary["trials"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=100, help="of all trials together")
    parser.add_argument("--scale", type=float, default=0.45, help="of the recorded seconds")
    parser.add_argument("--only", nargs="*", default=[], metavar="SCHEME",
                        help=f"some of: {', '.join(row[0] for row in SCHEMES)}")
    parser.add_argument("--around", type=shlex.split, default=[], help="a command before each run")
    options = parser.parse_args()
    data = options.data.resolve()
    with tempfile.TemporaryDirectory() as name, open(data / TRACE, encoding="utf-8") as recorded:
        folder = pathlib.Path(name)
        race = Race(folder, data, options.jobs, options.around)
        trace = folder / "scaled.csv"
        rows = [[float(cell) * options.scale for cell in row[:SLOTS]]
                for row in csv.reader(recorded) if row]
        trace.write_text("\n".join(",".join(f"{cell:.6f}" for cell in row) for row in rows))
        traced = f"straggle: {{trace: {{file: {trace}}}}}"

        # What computing and replying cost here: calm runs that differ in load, and in the replies
        # that a slot sends a round.
        light, heavy = 1, 6
        calm = [applied_at(race.train(f"gc: {{s: {copies - 1}}}", arrangement, CALM)[1])
                for copies, arrangement in ((light, "woven"), (heavy, "woven"), (light, "gang"))]
        job_seconds = [(last - first) / (options.jobs - 1) for first, last in calm]
        slope = max(0.0, (job_seconds[1] - job_seconds[0]) / ((heavy - light) / SLOTS))
        gang_seconds = TRIALS * job_seconds[2]
        reply = max(0.0, (gang_seconds - job_seconds[0]) / (TRIALS - 1) - slope * light / SLOTS)
        rest = max(0.0, job_seconds[0] - slope * light / SLOTS - reply)
        start = calm[0][0] - job_seconds[0]  # data is loaded, workers are told
        print(f"{options.jobs} jobs of {TRIALS} trials, {SLOTS} workers, trace x {options.scale}; a "
              f"unit of load takes {slope:.3f} s here, a reply {1000 * reply:.1f} ms, the rest of a "
              f"round {1000 * rest:.1f} ms, starting {start:.1f} s (left out below)", flush=True)

        results = []
        for label, scheme, arrangement, simulated in SCHEMES:
            if options.only and label not in options.only:
                continue
            predicted = race.predict(trace, slope, reply, arrangement, simulated, rest)
            summary, output = race.train(scheme, arrangement, traced)
            measured = applied_at(output)[1] - start
            again = scheme
            if simulated is None:  # its bits are those of its decisions
                journal = output / "state/runs/1/schedule.json"
                again = f"auto: {{replay: {journal}}}"
            same = all(bits(race.train(again, arrangement, straggle)[0]) == bits(summary)
                       for straggle in (CALM, OTHER))
            results.append((label, measured, predicted, same, summary["stragglers_tolerated"],
                            bits(summary)))
            print(f"{label}: {measured:.1f} s, predicted {predicted:.1f} s, same bits {same}",
                  flush=True)

        rank = {column: {row[0]: i + 1 for i, row in
                         enumerate(sorted(results, key=lambda row: row[column]))}
                for column in (1, 2)}
        print("\n| scheme | measured, s | predicted, s | rank measured / predicted | stragglers "
              "tolerated | same bits calm and under others |\n|---|---|---|---|---|---|")
        for label, seconds, predicted, same, tolerated, _ in results:
            print(f"| {label} | {seconds:.1f} | {predicted:.1f} | {rank[1][label]} / "
                  f"{rank[2][label]} | {tolerated} | {'yes' if same else '**NO**'} |")
        distinct = len({tuple(row[5]) for row in results})
        print(f"{distinct} different results among {len(results)} schemes")
        if not all(row[3] for row in results):
            sys.exit("some scheme's bits depend on who straggled")


if __name__ == "__main__":
    main()
