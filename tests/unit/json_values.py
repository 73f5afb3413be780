"""Hypothesis strategies for JSON values as they occur, and as they must not matter when they do."""

from __future__ import annotations

from hypothesis import strategies as st

AWKWARD = (
    *("", " ", "~", "null", "Null", "true", "True", "yes", "No", "on", "OFF", "y", "N", "=", "<<", "-", "?", ":", "#"),
    *("0", "1", "-1", "+5", "007", "08", "0x1F", "0o17", "0b11", "1_000", "1e3", "1E3", "12e34", ".5", "1.", "1.0"),
    *("-0.0", ".inf", "-.Inf", ".nan", "NaN", "12:30:45", "190:20:30", "2026-11-23", "2026-11-23T08:00:00Z", "1.29.1"),
    *("500m", "a: b", "a:", ":a", "a #b", "a#b", "a ", " a", "- a", "? a", "! a", "!!int 1", "&a", "*a", "%a", "@a"),
    *("`a`", "|", ">", "|-\n a", "---", "...", "--- a", "--a", "---a", "--1", "{a}", "[a]", "{", "}", "a,b", "'", '"'),
    *("it's", 'say "hi"', "\\", "\\n", "\t", "a\tb", "\ta", "a\t", "\n", "\n\n", "a\n", "a\n\n", "a\n\n\n", "\na"),
    *("\n a", " \na", "  a\nb", "a\n  b\n c", "a\n ", "a\n  \n", "a\n\t", "a\n\tb", "\ta\nb", "\t\n\ta", "a \nb "),
    *("a\n \nb", "a\r\nb", "a\rb", "\r", "a\n# b\n", "# a\nb", "---\na", "a\n---\nb", "a\n...\n", "a: b\nc: d\n"),
    *("{{- if .Values }}\n  x: {{ . }}\n{{- end }}", "\x00", "\x1b[0m", "\x7f", "\x85", "a\x85b", "\xa0", "\u2028"),
    *("\u2029a\nb", "\ufeff", "\ufeffa\nb", "\ufffe", "\uffff", "é", "a\né\n", "日本", "🚀", "a\n🚀"),
    *("k" * 2000, "k: " * 700, "x" * 1023, "x" * 1024, "x" * 1025),
)
"""Texts that some reader of YAML takes for something else, or somebody's writer gets wrong."""

texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(max_size=30),
    st.text(alphabet=" \t\n:#-ab|'\"\\", max_size=20),
    st.text(alphabet="0123456789.:_-+eExobTZ", max_size=12),
)
numbers = st.one_of(
    st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 10**30]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 1e16, 1e21, 1e-7, 1.5e300, 5e-324]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)
mappings = st.dictionaries(texts, values, max_size=5)


def nested(texts_: tuple[str, ...] = AWKWARD) -> dict[str, object]:
    """Every awkward text as a value, a key, a list item, and deep inside."""
    return {
        "value": {f"v{index:03}": text for index, text in enumerate(texts_)},
        "key": {text: index for index, text in enumerate(texts_)},
        "keys of mappings": {text: {"a": 1} for text in texts_},
        "keys of lists": {text: [1, {"a": 1}] for text in texts_},
        "items": list(texts_),
        "deep": [[[{"name": text, "more": [text, [text]]}] for text in texts_]],
        "empty": [{}, [], "", None, {"a": {}, "b": [], "c": "", "d": None}, [[]], [{}]],
    }
