"""The coordinator's peak memory a job in flight: at most 6 x parameters + optimiser state + frames
in flight + 64 MiB over what it takes for a tiny model, whatever the number of slots."""
import pathlib
import sys
import tempfile
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
import fleet  # noqa: E402  (beside the benchmarks that use it)

FEATURES = 15_000_000
LOOKAHEAD = 4 * fleet.MIB  # of a reply's stream
TINY = 100


def coordinator_peak(features, slots, scheme):
    with tempfile.TemporaryDirectory() as folder:
        jobs = 1 if features == TINY else 3
        spec = fleet.regression(folder, features, 8, slots, jobs, scheme, "checkpoint: {keep: 1}")
        with fleet.Fleet(folder, min(slots, 4)) as programs:
            programs.run(spec, timeout=200)
        return programs.peak["coordinator"]


class MemoryTest(unittest.TestCase):
    def check(self, slots, scheme):
        grown = coordinator_peak(FEATURES, slots, scheme) - coordinator_peak(TINY, slots, scheme)
        parameters = 4 * FEATURES
        bound = 6 * parameters + slots * LOOKAHEAD + 64 * fleet.MIB
        print(f"{slots} slots, {scheme}: {grown / parameters:.2f} x parameters; bound "
              f"{bound / parameters:.2f} x", file=sys.stderr)
        self.assertGreater(grown, 4 * parameters, "the sum alone takes that: a bad measurement")
        self.assertLessEqual(grown, bound)

    def test_uncoded_two_slots(self):
        self.check(2, "uncoded: {}")

    def test_repetition_eight_slots(self):
        self.check(8, "gc: {s: 1}")


if __name__ == "__main__":
    unittest.main()
