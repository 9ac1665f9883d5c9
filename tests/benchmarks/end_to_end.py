"""What coding is worth end to end: wall time of the quickstart without stragglers, with stragglers
and (6,1) gradient coding, and with the same stragglers uncoded; as ratios of one session.

  GRADLOOM_BIN=build/release/bin python3 tests/benchmarks/end_to_end.py [--epochs E]
"""
import argparse
import pathlib
import subprocess
import tempfile
import time

import fleet

QUICKSTART = pathlib.Path(__file__).resolve().parents[2] / "deploy/examples/quickstart.yaml"


def without_code(text):
    lines = [line for line in text.splitlines() if not line.strip().startswith("gc:")]
    return "\n".join(lines).replace("scheme:\n", "scheme:\n  uncoded: {}\n")


def without_stragglers(text):
    return text[:text.index("straggle:")]


def seconds(name, spec, epochs):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run.yaml"
        path.write_text(spec)
        begin = time.monotonic()
        subprocess.run([fleet.programs() / "gradloom", "run", path, "--workers", "6", "--set",
                        f"training.epochs={epochs}", "--output", f"{folder}/out"],
                       check=True, capture_output=True, timeout=1800)
        taken = time.monotonic() - begin
    print(f"{name}: {taken:.1f} s", flush=True)
    return taken


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=float, default=1)
    epochs = parser.parse_args().epochs
    text = QUICKSTART.read_text()
    calm = seconds("coded, no stragglers", without_stragglers(text), epochs)
    coded = seconds("coded, stragglers", text, epochs)
    uncoded = seconds("uncoded, the same stragglers", without_code(text), epochs)
    print(f"coded / no stragglers {coded / calm:.2f}; uncoded / coded {uncoded / coded:.2f}")


if __name__ == "__main__":
    main()
