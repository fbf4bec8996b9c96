from __future__ import annotations

import json

import pytest

from qa_pipeline.errors import ModelError
from qa_pipeline.modeling import StoredSettings, read_settings, write_settings


def test_settings_come_back_as_written(tmp_path):
    settings = StoredSettings(
        max_seq_length=256,
        null_score_diff_threshold=-1.5,
        best_f1_threshold=0.25,
        n_best_size=5,
        temperature=2.5,
        tuned_on="0a1b",
    )
    write_settings(settings, tmp_path)
    assert read_settings(tmp_path) == settings


def test_a_folder_without_settings_has_none(tmp_path):
    assert read_settings(tmp_path) is None


def test_a_whole_number_is_a_fine_threshold_and_unknown_keys_are_left_alone(tmp_path):
    (tmp_path / "qa_config.json").write_text('{"null_score_diff_threshold": 2, "future": 1}')
    assert read_settings(tmp_path).null_score_diff_threshold == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "expected an object, found list"),
        ('{"format_version": 99}', "newer than this program knows"),
        ('{"doc_stride": "128", "n_best_size": true}', "doc_stride: expected int, found '128'; n_best_size"),
        ('{"best_f1_threshold": "x"}', "best_f1_threshold: expected float or null"),
        ('{"temperature": 0}', "temperature: expected at least 0.001 and at most 1000, found 0"),
        ('{"temperature": 1e-40}', "temperature: expected at least 0.001 and at most 1000, found 1e-40"),
        ('{"n_best_size": 10001}', "n_best_size: expected at least 1 and at most 10000, found 10001"),
        ('{"temperature": NaN}', "temperature: expected at least 0.001 and at most 1000, found nan"),
        (
            '{"temperature": "hot", "tuned_on": 3}',
            "temperature: expected float, found 'hot'; tuned_on: expected str or",
        ),
    ],
)
def test_damaged_settings_are_named(tmp_path, content, message):
    (tmp_path / "qa_config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        read_settings(tmp_path)


def test_written_settings_fit_the_schema(tmp_path):
    from qa_pipeline.data.schema import validate

    path = write_settings(StoredSettings(quantization={"load_in_8bit": True}), tmp_path)
    validate(json.loads(path.read_text(encoding="utf-8")), "qa_config", str(path))
