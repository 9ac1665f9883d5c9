"""A run whose every reply is of 3 GB: that it succeeds, how fast, and in how much memory.

  GRADLOOM_BIN=build/release/bin python3 tests/benchmarks/large_reply.py [--features N]

With the default 750,000,000 parameters it wants 21 GB of memory in all and 15 GB of disk.
"""
import argparse
import tempfile

import fleet


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=750_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scheme", default="uncoded: {}")
    parser.add_argument("--folder", help="where the temporary files go")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
        spec = fleet.regression(folder, flags.features, 8, flags.workers, flags.jobs, flags.scheme,
                                "checkpoint: {every: 3600s, keep: 1}")
        with fleet.Fleet(folder, flags.workers) as programs:
            seconds = programs.run(spec, timeout=3600)
    parameters = 4 * flags.features
    print(f"{flags.features} parameters, replies of {parameters / 1e9:.3f} GB, {flags.jobs} jobs, "
          f"{flags.workers} worker(s): {seconds:.1f} s with the model and a checkpoint written")
    for name, peak in programs.peak.items():
        print(f"{name}: peak {peak / 1e9:.3f} GB = {peak / parameters:.2f} x parameters")


if __name__ == "__main__":
    main()
