"""The compose file, Prometheus's configuration and the Dockerfile say what we want of them, and
agree with each other."""
import json
import shutil
import subprocess
import unittest

import deployment


class Compose(unittest.TestCase):
    def setUp(self):
        self.compose = deployment.compose()
        self.services = self.compose["services"]

    def test_has_the_three_services(self):
        self.assertEqual(sorted(self.services), ["coordinator", "prometheus", "worker"])

    def test_every_service_restarts_is_limited_watched_and_stops_in_its_time(self):
        for name, service in self.services.items():
            with self.subTest(name):
                self.assertEqual(service["restart"], "unless-stopped")
                self.assertEqual(service["healthcheck"]["test"][0], "CMD")
                self.assertRegex(service["stop_grace_period"], r"^\d+s$")
                limits = service["deploy"]["resources"]["limits"]
                self.assertGreater(float(limits["cpus"]), 0)
                self.assertRegex(limits["memory"], r"^\d+G$")

    def test_no_service_has_more_rights_than_it_needs(self):
        for name, service in self.services.items():
            with self.subTest(name):
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertIn("no-new-privileges:true", service["security_opt"])
                for right in ("privileged", "cap_add", "network_mode", "pid", "user"):
                    self.assertNotIn(right, service)
        for name in ("coordinator", "worker"):
            self.assertTrue(self.services[name]["read_only"])

    def test_workers_scale(self):
        worker = self.services["worker"]
        for key in ("container_name", "ports", "hostname"):
            self.assertNotIn(key, worker)
        self.assertFalse([flag for flag in worker["command"] if flag.startswith("--name")])

    def test_ports_are_open_to_this_machine_only_unless_asked(self):
        for environment, address in (({}, "127.0.0.1:"), ({"GRADLOOM_BIND": "0.0.0.0"}, "0.0.0.0:")):
            for service in deployment.compose(environment)["services"].values():
                for port in service.get("ports", []):
                    self.assertTrue(port.startswith(address), port)

    def test_state_outlives_the_coordinator_and_data_is_read_only(self):
        self.assertIn("state:/var/lib/gradloom", self.services["coordinator"]["volumes"])
        self.assertIn("--state=/var/lib/gradloom", self.services["coordinator"]["command"])
        for service in self.services.values():
            for volume in service["volumes"]:
                source, target, *mode = volume.split(":")
                if source in self.compose["volumes"]:
                    continue
                self.assertEqual(mode, ["ro"], volume)
                self.assertTrue((deployment.DEPLOY / source).exists(), volume)
        data = {volume for name in ("coordinator", "worker")
                for volume in self.services[name]["volumes"] if ":/data" in volume}
        self.assertEqual(len(data), 1, "coordinator and workers must see the same data")

    def test_workers_dial_the_coordinator_once_it_is_healthy(self):
        worker = self.services["worker"]
        self.assertEqual(worker["depends_on"], {"coordinator": {"condition": "service_healthy"}})
        self.assertIn("--coordinator=coordinator:7070", worker["command"])
        self.assertIn("--listen=0.0.0.0:7070", self.services["coordinator"]["command"])

    def test_no_health_check_asks_a_proxy_for_its_own_machine(self):
        for name, service in self.services.items():
            test = " ".join(service["healthcheck"]["test"])
            self.assertRegex(test, r"curl .*--noproxy \* |wget .*-Y off ", name)

    def test_programs_end_by_themselves_before_they_are_killed(self):
        # What `gradloom-coordinator --help` promises, and `gradloom-worker --help`.
        for name, promised in (("coordinator", 45), ("worker", 3)):
            grace = int(self.services[name]["stop_grace_period"].rstrip("s"))
            self.assertGreater(grace, promised)

    def test_compose_itself_accepts_the_file(self):
        tool = shutil.which("docker-compose")
        if tool is None:
            self.skipTest("docker-compose is missing")
        file = deployment.DEPLOY / "docker-compose.yml"
        result = subprocess.run([tool, "-f", file, "config", "-q"], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stderr)


class Prometheus(unittest.TestCase):
    def test_scrapes_both_programs_where_they_serve_metrics(self):
        services = deployment.compose()["services"]
        jobs = {job["job_name"]: job for job in deployment.prometheus()["scrape_configs"]}
        self.assertEqual(jobs["coordinator"]["static_configs"],
                         [{"targets": ["coordinator:7071"]}])
        discovery = jobs["worker"]["dns_sd_configs"][0]
        self.assertEqual((discovery["names"], discovery["type"], discovery["port"]),
                         (["worker"], "A", 7071))
        for name in ("coordinator", "worker"):
            self.assertIn("--metrics=0.0.0.0:7071", services[name]["command"])


class Image(unittest.TestCase):
    def setUp(self):
        self.builder, self.runtime = deployment.dockerfile()

    def arguments(self, keyword):
        return [arguments for found, arguments in self.runtime if found == keyword]

    def test_builds_in_one_stage_and_runs_in_a_slim_one(self):
        self.assertEqual(self.builder[0], ("FROM", "debian:bookworm AS builder"))
        self.assertEqual(self.runtime[0], ("FROM", "debian:bookworm-slim"))
        for program in ("gradloom", "gradloom-coordinator", "gradloom-worker"):
            self.assertTrue(any(f"/build/bin/{program}" in copied
                                for copied in self.arguments("COPY")), program)

    def test_does_not_run_as_root(self):
        (user,) = self.arguments("USER")
        self.assertEqual(user, "gradloom")
        keywords = [keyword for keyword, _ in self.runtime]
        self.assertLess(keywords.index("USER"), keywords.index("CMD"))

    def test_is_healthy_as_compose_sees_it(self):
        (check,) = self.arguments("HEALTHCHECK")
        command = json.loads(check.split(" CMD ")[1])
        for name in ("coordinator", "worker"):
            test = deployment.compose()["services"][name]["healthcheck"]["test"]
            self.assertEqual(test, ["CMD", *command])
        self.assertIn(command[0], deployment.packages("run"))

    def test_runs_the_coordinator_as_compose_does(self):
        (command,) = self.arguments("CMD")
        words = [word for flag in deployment.compose()["services"]["coordinator"]["command"]
                 for word in flag.split("=")]
        self.assertEqual(sorted(json.loads(command)), sorted(words))

    def test_gets_its_packages_from_the_one_list(self):
        for stage, group in ((self.builder, "build"), (self.runtime, "run")):
            runs = " ".join(arguments for keyword, arguments in stage if keyword == "RUN")
            self.assertIn(f"install_packages.sh {group}", runs)
            self.assertNotIn("apt-get", runs)


if __name__ == "__main__":
    unittest.main()
