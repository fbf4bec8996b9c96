"""Reading configuration files and turning texts into values."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_pipeline.arguments import TrainingArguments
from qa_pipeline.arguments.config_files import found, nearest, read_config_file
from qa_pipeline.arguments.settings import convert, make_setting, settings_of
from qa_pipeline.errors import ConfigError


def write(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-5", 2e-5),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),
        ("1:30", "1:30"),
        ("no", "no"),
        ("true", True),
        ("2024-01-02", "2024-01-02"),
        ("'2e-5'", "2e-5"),
        ("~", None),
        (".inf", math.inf),
    ],
)
def test_yaml_scalars_are_those_of_yaml_1_2(tmp_path, text, value):
    read = read_config_file(write(tmp_path, "c.yaml", f"key: {text}\nnested: {{rate: {text}}}\n"))
    assert read == {"key": value, "nested": {"rate": value}}
    assert type(read["key"]) is type(value)


def test_yaml_and_json_say_the_same(tmp_path):
    content = {"learning_rate": 2e-5, "do_train": True, "label_names": ["a", "b"], "field_mapping": {"context": "c"}}
    as_json = write(tmp_path, "c.json", json.dumps(content))
    as_yaml = write(tmp_path, "c.yml", "# a comment\nlearning_rate: 2e-5\ndo_train: true\nlabel_names: [a, b]\n")
    assert read_config_file(as_json) == content
    assert read_config_file(as_yaml) | {"field_mapping": {"context": "c"}} == content


def test_format_of_a_file_without_extension_is_found_from_its_content(tmp_path):
    assert read_config_file(write(tmp_path, "one", ' {"seed": 1}')) == {"seed": 1}
    assert read_config_file(write(tmp_path, "two", "seed: 1")) == {"seed": 1}


def test_byte_order_mark_and_empty_file_are_fine(tmp_path):
    assert read_config_file(write(tmp_path, "c.json", b'\xef\xbb\xbf{"seed": 1}')) == {"seed": 1}
    assert read_config_file(write(tmp_path, "c.yaml", "# nothing\n")) == {}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.json", '{"seed": 1,}', r"line 1, column \d+: not valid JSON"),
        ("c.json", "", "line 1, column 1: not valid JSON"),
        ("c.json", '{"seed": 1, "seed": 2}', "seed: given twice"),
        ("c.json", '{"seed": ' + "9" * 5000 + "}", "not valid JSON"),
        ("c.json", "[" * 100000, "nested too deeply"),
        ("c.json", "[1, 2]", "expected a mapping from setting to value, found a list"),
        ("c.yaml", "seed: 1\nseed: 2\n", "line 2, column 1: not valid YAML: seed is given twice"),
        ("c.yaml", "seed: [1\n", "not valid YAML"),
        ("c.yaml", "seed: !!python/object:os.system x\n", "line 1, column 7: not valid YAML"),
        ("c.yaml", "just text", 'expected a mapping from setting to value, found "just text"'),
        ("c.yaml", "[" * 5000, "nested too deeply|not valid YAML"),
        ("c.yaml", "? [a]\n: 1\n", "not valid YAML"),
        ("c.yaml", b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_an_unreadable_file_is_one_clear_error(tmp_path, name, text, message):
    path = write(tmp_path, name, text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config_file(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_folder_are_clear_errors(tmp_path):
    write(tmp_path, "config.yaml", "seed: 1")
    with pytest.raises(ConfigError, match=r'no such file; did you mean ".*config.yaml"'):
        read_config_file(tmp_path / "confg.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config_file(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=60) | st.text(alphabet="{}[]:,\"'&*!#\n -ab1.e", max_size=40), json_name=st.booleans()
)
def test_fuzzed_files_never_give_another_error(tmp_path, content, json_name):
    path = write(tmp_path, "c.json" if json_name else "c.yaml", content)
    try:
        read = read_config_file(path)
    except ConfigError as error:
        assert str(path) in str(error)
    else:
        assert all(isinstance(key, str) for key in read)


def test_syntax_errors_do_not_show_the_line_of_a_token(tmp_path):
    path = write(tmp_path, "c.yaml", "seed: 1\nhub_token: *hf_secret\n")
    with pytest.raises(ConfigError, match="line 2") as caught:
        read_config_file(path)
    assert "hf_secret" not in str(caught.value)


SETTINGS = settings_of(TrainingArguments)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("learning_rate", "2e-5", 2e-5),
        ("num_train_epochs", 2, 2),
        ("seed", 7.0, 7),
        ("seed", "7", 7),
        ("do_train", "yes", True),
        ("do_train", "off", False),
        ("bf16", None, None),
        ("bf16", "none", None),
        ("save_total_limit", "null", None),
        ("report_to", "null", None),
        ("report_to", "none", "none"),
        ("report_to", ["tensorboard", "wandb"], ["tensorboard", "wandb"]),
        ("eval_strategy", "epoch", "epoch"),
        ("lr_scheduler_kwargs", '{"power": 2}', {"power": 2}),
        ("accelerator_config", "file.json", "file.json"),
        ("label_names", "start_positions", ["start_positions"]),
        ("include_num_input_tokens_seen", "true", True),
        ("include_num_input_tokens_seen", "all", "all"),
        ("trackio_static_space_id", False, False),
        ("fsdp", "true", True),
    ],
)
def test_values_are_converted_to_their_type(name, value, expected):
    converted = convert(SETTINGS[name], value)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", "fast", 'expected a number, found "fast"'),
        ("learning_rate", True, "expected a number, found true"),
        ("learning_rate", math.nan, "expected a number, found nan"),
        ("learning_rate", 10**400, "expected a number, found a number of over 30 digits"),
        ("seed", 1.5, "expected a whole number, found 1.5"),
        ("seed", None, "expected a whole number, found null"),
        ("do_train", "maybe", 'expected true or false, found "maybe"'),
        ("do_train", 1, "expected true or false, found 1"),
        ("eval_strategy", "epochs", r'expected one of no, steps, epoch, found "epochs" \(nearest: "epoch"\)'),
        ("train_sampling_strategy", "by_length", 'found "by_length" .nearest: "group_by_length".'),
        ("run_name", 7, "expected text or null, found 7; put it in quotes"),
        ("lr_scheduler_kwargs", [1], "expected a JSON object or text or null, found a list"),
        ("label_names", [1], "expected a list of texts or null, found a list"),
        ("parallelism_config", "x", "which only Python code can give"),
    ],
)
def test_wrong_types_say_what_was_expected_and_found(name, value, message):
    with pytest.raises(ValueError, match=message):
        convert(SETTINGS[name], value)


def test_a_secret_is_never_shown():
    with pytest.raises(ValueError, match="not shown") as caught:
        convert(make_setting("token", str | None), ["hf_secret"], secret=True)
    assert "hf_secret" not in str(caught.value)
    assert found("x" * 500) == '"' + "x" * 57 + '..."'


def test_nearest_name_knows_typing_mistakes_and_habits():
    names = ["learning_rate", "per_device_train_batch_size", "doc_stride", "num_train_epochs"]
    assert nearest("learningRate", names) == "learning_rate"
    assert nearest("lerning-rate", names) == "learning_rate"
    assert nearest("batch_size", names) == "per_device_train_batch_size"
    assert nearest("lr", names) == "learning_rate"
    assert nearest("zzz", names) is None
