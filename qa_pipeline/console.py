"""What a script shows in a terminal: log lines and the closing table."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from qa_pipeline.wording import counted, plain

logger = logging.getLogger(__name__)


def show_plain_lines() -> None:
    """Log lines hold nothing that a terminal would obey, whatever files and their content are called."""
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:  # those of `basicConfig`, no others'
            handler.addFilter(_make_plain)


def _make_plain(record: logging.LogRecord) -> bool:
    record.msg, record.args = plain(record.getMessage()), ()
    return True


def run_in_terminal(work: Callable[[], int]) -> int:
    """Runs a command with warnings as plain lines; output that nobody reads to its end, as with `head`, is no error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    show_plain_lines()
    try:
        code = work()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def uses_colour(stream: TextIO) -> bool:
    """Whether the stream is a terminal that colours may be sent to (see https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def log_to_console(args: Any) -> None:
    """Log lines to stderr: ours from INFO on the first process, warnings elsewhere; libraries as `log_level` says.

    Args:
        args: training arguments (`log_level`, `process_index`).
    """
    import datasets
    import transformers

    level = args.get_process_log_level()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    show_plain_lines()
    logging.getLogger("qa_pipeline").setLevel(logging.INFO if args.process_index == 0 else logging.WARNING)
    libraries = max(level, logging.WARNING) if args.log_level == "passive" else level
    transformers.utils.logging.set_verbosity(libraries)
    datasets.utils.logging.set_verbosity(libraries)
    if args.process_index == 0:
        logger.info("%s on %s, %d process(es)", args.bf16_reason, args.device, args.world_size)
    if os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_PORT" in os.environ and args.world_size == 1:
        logger.warning(
            "accelerate was asked for several CPU processes and started one (its --cpu needs mpirun for more); use: "
            "accelerate launch --config_file configs/accelerate/cpu.yaml run_qa.py CONFIG"
        )


def results_table(results: dict[str, Any], output_dir: str | None) -> str:
    """A short table of what was measured: base, validation and test, in percent."""
    lines = [*_scores(results), *_calibrations(results)]
    if "eval_threshold_reason" in results:
        lines.append(f"no-answer threshold {results['eval_threshold_reason']}")
    if "train_loss" in results:
        steps = f" over {results['train_steps']:,} steps" if "train_steps" in results else ""
        lines.append(
            f"train loss {results['train_loss']:.4f}{steps}, {results.get('train_runtime', 0):.0f} s of training"
        )
    lines += [f"warning: {warning}" for warning in results.get("warnings", ())]
    lines.append(f"run folder: {output_dir}")
    return "\n".join(lines)


def _scores(results: dict[str, Any]) -> list[str]:
    lines = [f"{'':<22}{'exact match':>12}{'F1':>9}   95% interval of F1"]
    base = "base (untrained head)" if results.get("base_untrained_head") else "base, before training"
    for prefix, title in (("base", base), ("eval", "tuned, validation"), ("predict", "tuned, test")):
        if f"{prefix}_f1" in results:
            bounds = results.get(f"{prefix}_f1_interval")
            interval = f"   {bounds[0]:.1f} to {bounds[1]:.1f}" if bounds else ""
            lines.append(
                f"{title:<22}{results[f'{prefix}_exact_match']:>12.2f}{results[f'{prefix}_f1']:>9.2f}{interval}"
            )
        if results.get(f"{prefix}_NoAns_total"):
            parts = [f"{kind} {results[f'{prefix}_{kind}_f1']:.2f}" for kind in ("HasAns", "NoAns")]
            lines.append(f"{'':<22}{'':>12}         F1 of {', '.join(parts)}")
        if f"{prefix}_multi_total" in results:
            given = {name.removeprefix(f"{prefix}_"): value for name, value in results.items()}
            lines.append(f"{'':<22}{sets_line(given)}")
    return lines if len(lines) > 1 else []


def sets_line(scores: Mapping[str, Any]) -> str:
    """Scores of questions that require all of their answers, of `metrics.multi_span_scores`, on one line.

    >>> sets_line({"multi_exact_f1": 50.0, "multi_partial_f1": 87.25, "multi_total": 1})
    'all answers of 1 question: exact F1 50.00, partial F1 87.25'
    """
    exact, partial = scores["multi_exact_f1"], scores["multi_partial_f1"]
    return (
        f"all answers of {counted(scores['multi_total'], 'question')}: exact F1 {exact:.2f}, partial F1 {partial:.2f}"
    )


def _calibrations(results: dict[str, Any]) -> list[str]:
    lines = []
    for prefix, title, how in (("eval", "validation", ", cross-fitted"), ("predict", "test", "")):
        if f"{prefix}_ece_calibrated" in results:
            before, after = results[f"{prefix}_ece"], results[f"{prefix}_ece_calibrated"]
            temperature = results[f"{prefix}_temperature"]
            line = f"calibration: ECE {before:.3f} -> {after:.3f} ({title}{how}), temperature {temperature:.3g}"
            if prefix == "predict" and temperature == 1:
                line = f"calibration: ECE {before:.3f} at temperature 1 ({title}); no other was fitted"
            lines.append(line)
        elif f"{prefix}_ece" in results:
            lines.append(f"calibration: ECE {results[f'{prefix}_ece']:.3f} at temperature 1 ({title})")
    return lines
