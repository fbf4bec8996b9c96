"""Settings from a file and a command line: precedence, forms, defaults, secrets."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.arguments import (
    DataArguments,
    LoRAArguments,
    ModelArguments,
    TrainingArguments,
    parse_arguments,
    precision,
    public_dict,
)
from qa_pipeline.arguments.groups import TrainingSettings
from qa_pipeline.arguments.help import MOST_USED
from qa_pipeline.arguments.precision import resolve_bf16
from qa_pipeline.arguments.settings import settings_of
from qa_pipeline.arguments.training import GROUPS
from qa_pipeline.errors import ConfigError, run_script


@pytest.fixture
def flags(tmp_path):
    train = tmp_path / "train.json"
    train.write_text("{}")
    return [
        "--model_name_or_path",
        "m",
        "--output_dir",
        str(tmp_path / "out"),
        "--do_train",
        "--train_file",
        str(train),
    ]


def config(tmp_path, flags, text, name="config.yaml"):
    values = f"model_name_or_path: {flags[1]}\noutput_dir: {flags[3]}\ndo_train: true\ntrain_file: {flags[6]}\n"
    path = tmp_path / name
    path.write_text(values + text)
    return str(path)


def everything(arguments):
    return public_dict(arguments.model, arguments.data, arguments.lora, arguments.training)


def test_flags_alone(flags):
    arguments = parse_arguments(
        [*flags, "--learning_rate=3e-4", "--max-seq-length", "256", "--no_dataloader_pin_memory"]
    )
    assert arguments.training.learning_rate == 3e-4
    assert arguments.data.max_seq_length == 256
    assert arguments.training.dataloader_pin_memory is False
    assert arguments.source == "command line"
    assert {"learning_rate", "max_seq_length", "dataloader_pin_memory", "do_train"} < arguments.explicit


def test_later_wins_defaults_then_file_then_command_line(tmp_path, flags):
    path = config(tmp_path, flags, "learning_rate: 2e-5\nseed: 7\nbf16: true\n")
    arguments = parse_arguments([path, "--seed", "8", "--bf16", "false"])
    training = arguments.training
    assert (training.learning_rate, training.seed, training.bf16, training.weight_decay) == (2e-5, 8, False, 0.0)
    assert arguments.source == f"{path} and command line"
    assert parse_arguments([path]).source == path


def test_values_of_many_forms(flags):
    mapping = {"context": "text", "answers.start": "b[0]"}
    arguments = parse_arguments(
        [*flags, "--field_mapping", json.dumps(mapping), "--lr_scheduler_kwargs", '{"num_cycles": 2}']
        + ["--lr_scheduler_type", "cosine"]
        + ["--null_score_diff_threshold", "-1.5", "--version_2_with_negative", "--use_lora", "True", "--seed", "1"]
        + [
            "--lora_target_modules",
            "query,value",
            "--include_for_metrics",
            "a",
            "b",
            "--seed",
            "2",
            "--max_steps",
            "-1",
        ]
    )
    assert arguments.data.field_mapping == mapping
    assert arguments.training.lr_scheduler_kwargs == {"num_cycles": 2}
    assert arguments.data.null_score_diff_threshold == -1.5
    assert arguments.lora.lora_target_modules == ["query", "value"]
    assert arguments.training.include_for_metrics == ["a", "b"]
    assert arguments.training.seed == 2


@pytest.mark.parametrize(
    ("given_modules", "modules"),
    [("auto", "auto"), (["all-linear"], "all-linear"), ("q", ["q"]), ("q, v", ["q", "v"]), (["q", "v"], ["q", "v"])],
)
def test_lora_target_modules_are_a_keyword_or_a_list(given_modules, modules):
    assert LoRAArguments(lora_target_modules=given_modules).lora_target_modules == modules


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--learning_rate"], "--learning_rate: a value is missing"),
        (["--learning_rate", "1e-3", "2e-3"], "--learning_rate: one value is expected, found also"),
        (["--do_eval", "config.json"], '--do_eval: expected true or false, found "config.json"'),
        (["--seed", "1", "c.yaml"], "the configuration file goes before the first flag"),
        (["-lr", "1e-3"], '-lr: unknown key; nearest valid name: "learning_rate"'),
        (["--no_do_eval", "true"], "--no_do_eval: takes no value; write --do_eval true or false"),
        (["--straddle", "nul"], r'--straddle: expected one of ignore, null, found "nul" \(nearest: "null"\)'),
        (["--epochs", "3"], '--epochs: unknown key; nearest valid name: "num_train_epochs"'),
    ],
)
def test_faults_of_the_command_line_are_problems_not_exits(flags, extra, message):
    with pytest.raises(ConfigError, match=message):
        parse_arguments([*flags, *extra])


def test_two_configuration_files_are_a_problem(tmp_path, flags):
    path = config(tmp_path, flags, "")
    with pytest.raises(ConfigError, match="one configuration file is expected"):
        parse_arguments([path, path])


def test_groups_in_a_file_are_answered_with_how_to_write_them(tmp_path, flags):
    with pytest.raises(ConfigError, match="lora_config: unknown key; .*settings are one flat mapping, without groups"):
        parse_arguments([config(tmp_path, flags, "lora_config: {r: 8}\n")])


def test_without_anything_the_required_settings_are_named():
    with pytest.raises(ConfigError) as caught:
        parse_arguments([])
    assert [p.split(": ")[1] for p in caught.value.problems] == ["--model_name_or_path", "--output_dir", "--do_train"]


def test_what_transformers_refuses_itself_becomes_a_problem(tmp_path, flags):
    path = config(tmp_path, flags, "accelerator_config: {split_batchs: true}\n")
    with pytest.raises(ConfigError, match="split_batchs"):
        parse_arguments([path])
    with pytest.raises(ConfigError, match="debug"):
        parse_arguments([*flags, "--debug=everything"])
    with pytest.raises(ConfigError, match="missing.json"):
        parse_arguments([*flags, "--fsdp", "--fsdp_config", "missing.json"])


def test_a_config_error_is_one_message_and_exit_code_2(flags, capsys):
    assert run_script(lambda argv: bool(parse_arguments(argv)), [*flags, "--sed", "1"]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith('ConfigError: command line: --sed: unknown key; nearest valid name: "seed"')
    assert "Traceback" not in stderr


def test_the_whole_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--help_all"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{name}" in text for name in settings_of(*GROUPS))


def test_help_lists_our_settings_and_where_the_others_are(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["config.yaml", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    ours = settings_of(ModelArguments, DataArguments, LoRAArguments, TrainingSettings)
    assert all(f"--{name} " in text for name in ours) and "--help_all" in text
    assert "Longest window in tokens, question included. (default: 384)" in " ".join(text.split())
    assert set(MOST_USED) <= set(settings_of(TrainingArguments)) - set(ours)


def test_defaults_of_this_project():
    training = TrainingArguments(output_dir="out")
    assert training.train_sampling_strategy == "group_by_length"
    assert training.report_to == []
    assert training.save_total_limit == 2
    assert training.restore_callback_states_from_checkpoint is True
    assert training.remove_unused_columns is False
    assert (training.train_batch_tokens, training.eval_batch_tokens) == (None, 16384)
    data = DataArguments()
    assert (data.max_seq_length, data.doc_stride, data.max_answer_length, data.pad_to_max_length) == (
        384,
        128,
        30,
        False,
    )
    assert data.null_score_diff_threshold is None


def test_no_key_belongs_to_two_groups():
    names = [f.name for group in GROUPS for f in dataclasses.fields(group) if f.init]
    assert len(names) == len(set(names))


def test_evaluation_steps_do_not_follow_the_default_logging_steps(flags):
    steps = ["--eval_strategy", "steps", "--validation_file", flags[6]]
    assert parse_arguments([*flags, *steps]).training.eval_steps == 500
    assert parse_arguments([*flags, *steps, "--logging_steps", "20"]).training.eval_steps == 20


@pytest.mark.parametrize(("metric", "greater"), [("f1", True), ("eval_exact_match", True), ("loss", False)])
def test_greater_is_better_follows_the_metric(flags, metric, greater):
    best = ["--eval_strategy", "epoch", "--save_strategy", "epoch", "--load_best_model_at_end", "--validation_file"]
    training = parse_arguments([*flags, *best, flags[6], "--metric_for_best_model", metric]).training
    assert training.greater_is_better is greater


def test_an_evaluation_batch_size_bounds_the_tokens_of_a_batch(flags):
    data = parse_arguments([*flags, "--per_device_eval_batch_size", "4", "--max_seq_length", "256"])
    assert data.training.eval_batch_tokens == 1024


def test_the_resolved_settings_are_plain_json(flags):
    resolved = everything(parse_arguments([*flags, "--use_lora"]))
    assert json.loads(json.dumps(resolved)) == resolved
    assert resolved["use_lora"] is True
    assert resolved["eval_strategy"] == "no"
    assert settings_of(*GROUPS).keys() == resolved.keys()


def test_secrets_are_shown_nowhere(tmp_path, flags, caplog):
    arguments = parse_arguments([config(tmp_path, flags, "token: hf_one\nhub_token: hf_two\n")])
    assert (arguments.model.token, arguments.training.hub_token) == ("hf_one", "hf_two")
    resolved = everything(arguments)
    assert (resolved["token"], resolved["hub_token"]) == ("<hidden>", "<hidden>")
    shown = [json.dumps(resolved), repr(arguments), str(arguments.training), repr(arguments.model), caplog.text]
    shown += [arguments.training.to_json_string(), str(arguments.training.to_sanitized_dict())]
    assert not [text for text in shown if "hf_one" in text or "hf_two" in text]
    assert "holds a token; better kept out of files" in caplog.text
    assert everything(parse_arguments(flags))["token"] is None


def test_a_hidden_token_of_an_earlier_record_is_no_token(tmp_path, flags):
    arguments = parse_arguments([config(tmp_path, flags, "token: <hidden>\nhub_token: <HUB_TOKEN>\n")])
    assert (arguments.model.token, arguments.training.hub_token) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "token: [hf_x]",
        "hub_token: {a: hf_x}",
        "tokn: hf_x",
        "token: hf_x\nseed: a",
        "push_to_hub_token: hf_x\nhub_token: hf_y",
    ],
)
def test_a_secret_in_a_faulty_configuration_is_not_in_the_message(tmp_path, flags, text, caplog):
    with pytest.raises(ConfigError) as caught:
        parse_arguments([config(tmp_path, flags, text)])
    assert "hf_" not in str(caught.value) + caplog.text
    for words in (["--token", "hf_x", "hf_y"], ["--tokens", "hf_x"], ["--hub_token=hf_x", "--seed=a"]):
        with pytest.raises(ConfigError) as caught:
            parse_arguments([*flags, *words])
        assert "hf_" not in str(caught.value)


def test_bf16_follows_the_processor_and_gives_its_reason(monkeypatch):
    monkeypatch.setattr(precision, "accelerator_available", lambda: False)
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    assert resolve_bf16() == (True, "bf16 on: the CPU computes it natively (AVX512-BF16)")
    assert resolve_bf16(False) == (False, "bf16 off: asked for")
    assert resolve_bf16(fp16=True) == (False, "bf16 off: fp16 was asked for")
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True})
    assert resolve_bf16() == (False, "bf16 off: the CPU has neither AVX512-BF16 nor AMX nor Arm BF16")
    on, reason = resolve_bf16(True)
    assert on
    assert "expect it to be slower than float32" in reason
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    assert resolve_bf16()[0] is False


def test_bf16_on_a_gpu_counts_only_when_native(monkeypatch):
    monkeypatch.setattr(precision, "accelerator_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "T4")
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert resolve_bf16() == (False, "bf16 off: T4 does not compute it natively")
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": True})
    assert resolve_bf16(use_cpu=True) == (True, "bf16 on: the CPU computes it natively (AMX)")


def test_training_arguments_resolve_bf16_and_survive_a_copy(monkeypatch):
    training = TrainingArguments(output_dir="out", use_cpu=True)
    assert isinstance(training.bf16, bool)
    assert training.bf16_reason.startswith("bf16 on" if training.bf16 else "bf16 off")
    assert TrainingArguments(output_dir="out", use_cpu=True, bf16=True).bf16 is True
    again = dataclasses.replace(training, learning_rate=1e-3)
    assert (again.bf16, again.learning_rate) == (training.bf16, 1e-3)


def test_arguments_are_the_same_in_a_launched_process(tmp_path, flags):
    code = "import sys; from qa_pipeline.arguments import parse_arguments as p; t = p(sys.argv[1:]).training; "
    code += "print(t.world_size, t.device.type, t.bf16)"
    env = os.environ | {"ACCELERATE_USE_CPU": "true", "ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code, *flags], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.split()[:2] == ["1", "cpu"], done.stderr


WORDS = st.one_of(
    st.sampled_from(sorted(settings_of(*GROUPS))).map(lambda name: f"--{name}"),
    st.sampled_from(
        ["--no_do_train", "--", "-", "-1", "--x=", "=", "{", "true", "1e400", "nan", "[]", "--no_", "\x00"]
    ),
    st.text(max_size=6),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=8))
def test_fuzzed_command_lines_never_give_another_error(words):
    if {"-h", "--help", "--help_all", "--help-all"}.intersection(words):
        return
    with pytest.raises(ConfigError) as caught:
        parse_arguments([*words, "--certainly_unknown"])
    assert "certainly_unknown" in str(caught.value)


def test_groups_can_be_made_by_hand():
    assert ModelArguments(model_name_or_path="m", token="hf_x").token == "hf_x"
    assert "hf_x" not in repr(ModelArguments(token="hf_x"))
