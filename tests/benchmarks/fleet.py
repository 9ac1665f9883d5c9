"""A coordinator and workers as processes of this machine, and what memory each of them took."""
import json
import os
import pathlib
import signal
import subprocess
import time

MIB = 1 << 20


def programs():
    """The folder of the programs: $GRADLOOM_BIN."""
    return pathlib.Path(os.environ.get("GRADLOOM_BIN", "build/release/bin"))


class Fleet:
    """with Fleet(folder, workers=2) as fleet: fleet.run(spec); then peaks(), in bytes."""

    def __init__(self, folder, workers):
        self.folder = pathlib.Path(folder)
        self.workers_wanted = workers
        self.coordinator = None
        self.workers = []
        self.address = ""
        self.peak = {}

    def start(self, name, *arguments):
        with open(self.folder / f"{name}.log", "wb") as log:
            return subprocess.Popen([str(argument) for argument in arguments], stdout=log,
                                    stderr=log, cwd=self.folder)

    def __enter__(self):
        port_file = self.folder / "ports.json"
        port_file.unlink(missing_ok=True)
        self.coordinator = self.start(
            "coordinator", programs() / "gradloom-coordinator", "--listen", "127.0.0.1:0",
            "--metrics", "", "--state", self.folder / "state", "--data-folder", self.folder,
            "--port-file", port_file)
        deadline = time.monotonic() + 60
        while not port_file.exists():
            if time.monotonic() > deadline or self.coordinator.poll() is not None:
                raise RuntimeError((self.folder / "coordinator.log").read_text())
            time.sleep(0.02)
        self.address = json.loads(port_file.read_text())["listen"]
        for index in range(self.workers_wanted):
            self.workers.append(self.start(
                f"worker-{index}", programs() / "gradloom-worker", "--coordinator", self.address,
                "--name", f"worker-{index}", "--metrics", "", "--data-folder", self.folder))
        return self

    def run(self, spec, timeout):
        """Submits and waits for the end; the seconds it took. RuntimeError unless it succeeds."""
        path = self.folder / "run.yaml"
        path.write_text(spec)
        begin = time.monotonic()
        done = subprocess.run(
            [programs() / "gradloom", "submit", "--coordinator", self.address, "--watch", "--set",
             f"fleet.workers={self.workers_wanted}", path],
            capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode != 0:
            log = (self.folder / "coordinator.log").read_text()[-2000:]
            raise RuntimeError(f"{done.stdout}\n{done.stderr}\n{log}")
        return time.monotonic() - begin

    def __exit__(self, *_):
        processes = [("coordinator", self.coordinator)]
        processes += [(f"worker-{i}", worker) for i, worker in enumerate(self.workers)]
        for name, process in processes:
            try:
                for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak[name] = int(line.split()[1]) * 1024
            except OSError:
                self.peak[name] = 0
        for _, process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for _, process in reversed(processes):
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def regression(folder, features, rows, slots, jobs, scheme, extra="", optimizer="sgd"):
    """Writes a LIBSVM file of a few non-zeros and returns the spec of a linear regression on it."""
    with open(pathlib.Path(folder) / "data.libsvm", "w") as file:
        for row in range(rows):
            column = 1 + row * (features - 1) // max(1, rows - 1)
            file.write(f"{(row % 7) / 4 - 0.5} {column}:{1 + row % 3}\n")
    return f"""
name: regression
data: {{train: {{libsvm: {{file: data.libsvm, features: {features}}}}}}}
workload: {{linear_regression: {{intercept: false}}}}
optimizer: {{kind: {optimizer}, learning_rate: 0.1}}
training: {{batch_size: 0, jobs: {jobs}, evaluate_every: 0}}
scheme: {{slots: {slots}, {scheme}}}
limits: {{max_parameters: {max(features, 1000)}}}
{extra}
"""
