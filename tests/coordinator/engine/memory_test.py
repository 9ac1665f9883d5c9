"""The coordinator's peak memory a job in flight: at most 6 x parameters + optimiser state + frames
in flight + 64 MiB over what it takes for a tiny model, whatever the number of slots."""
import pathlib
import sys
import tempfile
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
import fleet  # noqa: E402  (beside the benchmarks that use it)

FEATURES = 15_000_000
PARAMETERS = 4 * FEATURES  # bytes
# Of a reply's stream: what may be sent ahead of its reader (coordinator/service/transport.h), the
# frame that is read ahead and the one that is added.
IN_FLIGHT = 4 * fleet.MIB + 2 * fleet.MIB // 4
SLACK = 64 * fleet.MIB
TINY = 100


def coordinator_peak(features, slots, scheme, optimizer):
    with tempfile.TemporaryDirectory() as folder:
        jobs = 1 if features == TINY else 3
        spec = fleet.regression(folder, features, max(8, slots), slots, jobs, scheme,
                                "checkpoint: {keep: 1}", optimizer)
        with fleet.Fleet(folder, min(slots, 4)) as programs:
            programs.run(spec, timeout=200)
        return programs.peak["coordinator"]


class MemoryTest(unittest.TestCase):
    def check(self, slots, scheme, optimizer="sgd", states=0):
        grown = (coordinator_peak(FEATURES, slots, scheme, optimizer) -
                 coordinator_peak(TINY, slots, scheme, optimizer))
        bound = (6 + states) * PARAMETERS + slots * IN_FLIGHT + SLACK
        print(f"{slots} slots, {scheme}, {optimizer}: {grown / PARAMETERS:.2f} x parameters; bound "
              f"{bound / PARAMETERS:.2f} x", file=sys.stderr)
        self.assertGreater(grown, (1.9 + states) * PARAMETERS,
                           "parameters, state and a sum alone take that: a bad measurement")
        self.assertLessEqual(grown, bound)

    def test_uncoded_two_slots(self):
        self.check(2, "uncoded: {}")

    def test_repetition_eight_slots(self):
        self.check(8, "gc: {s: 1}")

    def test_optimiser_with_state(self):
        self.check(4, "uncoded: {}", "adam", states=2)

    def test_does_not_grow_with_the_slots(self):
        # A reply held for each slot would be beyond the bound many times. How close to it a run comes
        # depends on how its replies arrive, so two runs are not compared with each other.
        for slots in (8, 32):
            self.check(slots, "uncoded: {}")


if __name__ == "__main__":
    unittest.main()
