"""Without a container engine: the image's packages hold every library of the programs, and every
service's very command and health check work, as plain processes on loopback."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import deployment


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def with_dependencies(packages):
    """The packages and all that they depend on, among what is installed here."""
    fields = output("dpkg-query", "-W", "-f", "${Package}\t${Depends},${Pre-Depends}\n")
    depends = {}
    for line in fields.splitlines():
        package, _, needed = line.partition("\t")
        depends[package] = re.findall(r"[a-z0-9][a-z0-9+.-]+(?=[\s:,|(]|$)", re.sub(
            r"\([^)]*\)", "", needed))
    found, left = set(), list(packages)
    while left:
        package = left.pop()
        if package in depends and package not in found:
            found.add(package)
            left += depends[package]
    return found


class RuntimePackages(unittest.TestCase):
    def test_hold_every_library_of_the_programs(self):
        # What a slim Debian image has of its own accord.
        base = output("dpkg-query", "-W", "-f", "${Package} ${Essential} ${Priority}\n")
        base = [line.split()[0] for line in base.splitlines()
                if " yes " in line or line.endswith(" required")]
        covered = with_dependencies(deployment.packages("run") + base)
        libraries = {}
        for program in ("gradloom", "gradloom-coordinator", "gradloom-worker"):
            needed = re.findall(r"=> (/\S+)", output("ldd", str(deployment.programs() / program)))
            self.assertGreater(len(needed), 5)
            libraries.update({str(pathlib.Path(library).resolve()): program for library in needed})
        owners = self.owners(libraries)
        for library, program in libraries.items():
            self.assertIn(owners.get(library), covered, f"{program} needs {library}")

    @staticmethod
    def owners(libraries):
        """The package of each library."""
        # Before the merge of /lib into /usr, packages named their files by the shorter path.
        paths = [*libraries, *(library.removeprefix("/usr") for library in libraries)]
        lines = subprocess.run(["dpkg-query", "-S", *paths], capture_output=True, text=True,
                               check=False).stdout.splitlines()
        found = (line.rsplit(": ", 1) for line in lines)
        return {str(pathlib.Path(path).resolve()): names.split(":")[0] for names, path in found}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Services(unittest.TestCase):
    """The compose file's services, their addresses and folders replaced, nothing else."""

    START_SECONDS = 60
    # Containers often get a proxy's address. Nobody is at this one.
    ENVIRONMENT = {**os.environ, "http_proxy": "http://127.0.0.1:1",
                   "https_proxy": "http://127.0.0.1:1"}

    def setUp(self):
        self.services = deployment.compose()["services"]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gradloom-deploy-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.listen = free_port()

    def start(self, service, metrics):
        replaced = {
            "/var/lib/gradloom": str(self.folder / "state"),
            "=/data": f"={deployment.DEPLOY / 'examples'}",
            "0.0.0.0:7070": f"127.0.0.1:{self.listen}",
            "coordinator:7070": f"127.0.0.1:{self.listen}",
            "0.0.0.0:7071": f"127.0.0.1:{metrics}",
        }
        program, *flags = self.services[service]["command"]
        for old, new in replaced.items():
            flags = [flag.replace(old, new) for flag in flags]
        with open(self.folder / f"{service}-{metrics}.log", "w") as log:
            process = subprocess.Popen([deployment.programs() / program, *flags], stdout=log,
                                       stderr=log, cwd=self.folder, env=self.ENVIRONMENT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_until_healthy(self, service, metrics, process):
        _, *check = self.services[service]["healthcheck"]["test"]
        check = [word.replace("localhost:7071", f"127.0.0.1:{metrics}") for word in check]
        end = time.monotonic() + self.START_SECONDS
        while subprocess.run(check, capture_output=True, check=False,
                             env=self.ENVIRONMENT).returncode != 0:
            self.assertIsNone(process.poll(), self.log(service, metrics))
            self.assertLess(time.monotonic(), end, self.log(service, metrics))
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass

    def log(self, service, metrics):
        return (self.folder / f"{service}-{metrics}.log").read_text()

    def test_start_get_healthy_serve_metrics_and_stop_in_their_time(self):
        # As the health checks: this machine is reached without a proxy.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        processes = []
        for service in ("coordinator", "worker", "worker"):
            metrics = free_port()
            process = self.start(service, metrics)
            self.wait_until_healthy(service, metrics, process)
            with direct.open(f"http://127.0.0.1:{metrics}/metrics") as page:
                self.assertRegex(page.read().decode(), r"(?m)^gradloom_\w+")
            processes.append((service, metrics, process))
        for service, metrics, process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            grace = int(self.services[service]["stop_grace_period"].rstrip("s"))
            self.assertEqual(process.wait(grace), 0, self.log(service, metrics))


if __name__ == "__main__":
    unittest.main()
