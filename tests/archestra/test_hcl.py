import json
import subprocess

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.archestra.hcl import HclBlock, Reference, identifier, quoted, render
from tests.support.terraform import Expression, meaning

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
NASTY = st.sampled_from(
    ("${", "%{", "$${", "}", '"', "\\", "\n", "\r", "\t", "\x00", "\u2028", "é", "🏭", "EOT", "$", "%")
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.lists(NASTY, max_size=8).map("".join), st.booleans(), st.integers(-(10**9), 10**9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("key", "value", "a-b", "x1")), inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(VALUES)
def test_whatever_is_written_is_read_as_it_was_meant(value):
    text = render([HclBlock("resource", ("kind", "name"), {"value": value})])
    ((block,),) = (meaning(hcl2.loads(text))["resource"],)
    assert block["kind"]["name"]["value"] == value


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_text_stays_on_its_line_and_opens_no_template(text):
    written = quoted(text)
    assert written.isprintable()
    assert "${" not in written
    assert "%{" not in written


def test_a_reference_stands_as_it_is_and_a_text_that_looks_like_one_does_not():
    text = render([HclBlock("resource", ("kind", "name"), {"a": Reference("var.x"), "b": "var.x", "c": "${var.x}"})])
    body = meaning(hcl2.loads(text))["resource"][0]["kind"]["name"]
    assert body == {"a": "var.x", "b": "var.x", "c": "${var.x}"}
    assert [type(body[key]) for key in "abc"] == [Expression, str, str]


@pytest.mark.foreign("terraform")
def test_terraform_itself_reads_what_was_meant(tmp_path):
    texts = ["${", "%{", "$${x}", "%%{ if y }", '"\\\n\t', "\u2028\x00é🏭", "$", "%", "}"]
    environment = {"PATH": "/usr/local/bin:/usr/bin", "CHECKPOINT_DISABLE": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["terraform", "console"],
        input=f"jsonencode([{', '.join(map(quoted, texts))}])\n",
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert json.loads(json.loads(done.stdout.strip().splitlines()[-1])) == texts, done.stderr


def test_a_comment_of_several_lines_comments_each_of_them():
    text = render([HclBlock("terraform", (), {"a": 1}, comment="one\ntwo")], "heading\n\nmore")
    assert text == "# heading\n#\n# more\n\n# one\n# two\nterraform {\n  a = 1\n}\n"


@given(st.text(min_size=1, max_size=20))
def test_any_text_becomes_a_legal_name(text):
    assert identifier(text).isascii()
    assert identifier(text).isidentifier()
