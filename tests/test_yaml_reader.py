"""YAML of anybody: one kind of error for whatever is wrong, and no text that takes memory or time beyond its size."""

from __future__ import annotations

import pytest
import yaml

from qa_pipeline.arguments.config_files import read_config_file
from qa_pipeline.data.mapping.field_mapping import read_mapping
from qa_pipeline.errors import ConfigError
from qa_pipeline.yaml_reader import YAMLFault, read_yaml

MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], k{i}: v}}\n" for i in range(1, 9)
)
ODD = [
    *("a: !!bool foo", "a: !!timestamp", "a: !!timestamp foo", "a: !!int ''", "a: !!int foo", "a: !!float x"),
    *("? [a]\n: b", "a: !!omap 3", "a: !!pairs x", "!!python/object:os.system x", "a: " + "1" * 5000, "<<: 3"),
    *("- " * 2000, "[" * 5000, "a: \x00", "a: !!str {b: c}", "a: !!map x", "a: [", "a: &a [*a]", MERGE_BOMB),
    "a: &a [x]\n" + "".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else '*a'] * 9)}]\n" for i in range(9)),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_whatever_is_wrong_is_one_kind_of_error(text, strict):
    with pytest.raises(YAMLFault, match="^(line [0-9]+, column [0-9]+: )?not valid YAML"):
        read_yaml(text, strict=strict)


def test_a_reference_bomb_says_what_it_is():
    assert len(MERGE_BOMB) < 600
    with pytest.raises(YAMLFault, match=r"its references \(\*name, <<\) stand for more than 1,000,000 values"):
        read_yaml(MERGE_BOMB)
    with pytest.raises(YAMLFault, match="line 1, column 4: not valid YAML: a value refers to itself"):
        read_yaml("a: &a [*a]")


@pytest.mark.parametrize("text", ["", "# nothing", "a: 1\nb: [x, 2.5, null]", "- &x {a: 1}\n- {<<: *x, b: 2}", "text"])
def test_what_is_valid_reads_as_ever(text):
    assert read_yaml(text) == yaml.safe_load(text) and read_yaml(text, strict=True) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_configurations_and_mappings_say_so_in_one_line(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    for read in (read_config_file, read_mapping):
        with pytest.raises(ConfigError) as caught:
            read(str(path))
        assert len(caught.value.problems) == 1 and "\n" not in caught.value.problems[0]
        assert str(caught.value).startswith(str(path))
