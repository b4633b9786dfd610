"""Text that a person does not see on the rendered page: an agent does not get it either.

Markdown may hold HTML, and both have ways to write what no reader sees: comments, elements that are not displayed
or have no size, white text on the white page, definitions and titles of links, the words instead of a picture.
"""

import re
from collections.abc import Mapping

FENCED = r"^[ ]{0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*?(?:^[ ]{0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
"""Code that is shown as it stands."""
_HIDDEN = re.compile(
    FENCED + r"|(?P<code>(?P<ticks>(?<!`)`{1,3}(?!`))[^\n]*?(?<!`)(?P=ticks)(?!`))"
    r"|<!--(?:\s*asked:(?P<asked>.*?)-->|.*?(?:-->|\Z))"
    r"|<[?!][^>]*(?:>|\Z)"
    r"|^[ ]{0,3}\[(?!\^)[^\]\n]+\]:[ \t]*\S*"
    r"(?:[ \t]*\n?[ \t]*(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|\([^)]{0,2000}\)))?[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_LINK = re.compile(
    r"(?P<picture>!?)\[(?P<text>[^\[\]\n]{0,500})\]"
    r"(?:\((?:[^()\n]|\([^()\n]{0,200}\)){0,2000}\)|\[[^\]\n]{0,200}\])"
)
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]{0,30})"
    r"(?P<facts>(?:\s(?:[^<>\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'){0,400})?)"
    r"(?P<closed>/?)>"
)
_HIDDEN_OR_TAG = re.compile(f"{_HIDDEN.pattern}|(?P<tag>{_TAG.pattern})", _HIDDEN.flags)
VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "col", "wbr", "area", "source", "embed", "base", "track"})
_NEVER_SHOWN = frozenset(
    {"script", "style", "template", "noscript", "head", "title", "iframe", "object", "svg", "math"}
    | {"datalist", "textarea", "select", "audio", "video", "canvas", "map"}
)
_FACT = re.compile(r"([a-zA-Z-]{1,40})(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_WHITE = (
    r"(?:white|snow|ivory|ghostwhite|transparent|\#[ef]{3}(?![\da-f])|\#(?:[ef][\da-f]){3}(?![\da-f])"
    r"|rgba?\((?:\s*2[45]\d\s*,){2}\s*2[45]\d\s*(?:,[^)]*)?\)"
    r"|rgba\([^)]*,\s*0?\.?0\s*\)"
    r"|hsla?\([^)]*,\s*(?:9[5-9]|100)%[^)]*\))"
)
_NO_SIZE = r"(?:0+(?:\.0+)?|0?\.0\d*|[01](?:\.\d+)?(?=px|pt))\s*(?:px|pt|em|rem|ex|%|vw|vh|cm|mm|in)?"
_UNSEEN = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|content-visibility\s*:\s*hidden"
    rf"|(?:font-size|font|zoom|width|height|max-width|max-height|line-height)\s*:\s*{_NO_SIZE}\s*(?=$|;|!|/)"
    r"|opacity\s*:\s*(?:0+(?:\.0\d*)?|\.0\d*)%?\s*(?=$|;|!)|transform\s*:\s*scale[xy]?\(\s*0"
    r"|clip(?:-path)?\s*:\s*(?:rect\(\s*0|inset\(\s*(?:50|100)%|circle\(\s*0)"
    rf"|(?:left|right|top|bottom|text-indent|margin|margin-left|margin-top)\s*:\s*-\s*\d{{3,}}"
    rf"|(?:-webkit-text-fill-)?color\s*:\s*{_WHITE}\s*(?=$|;|!))",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(rf"background(?:-color)?\s*:\s*(?!{_WHITE}|none|inherit|initial)\S", re.IGNORECASE)
_ONLY_WHITE = re.compile(rf"^\s*(?:-webkit-text-fill-)?color\s*:\s*{_WHITE}\s*(?:!\s*important)?\s*$", re.IGNORECASE)
_RULE = re.compile(r"([^{}<>]{1,500})\{([^{}]{0,2000})\}")
_CLASS = re.compile(r"[.#]([\w-]+)\s*$")


def visible(text: str, keep_questions: bool = False) -> str:
    """Return Markdown as a person reads it on the page, its marks of headings, lists and tables kept.

    Questions that a section says it answers can be kept for the search, each on one line, so that none reaches
    over a heading.
    """

    def shown(found: re.Match[str]) -> str:
        if keep_questions and found["asked"]:
            return " ".join(found[0].split())
        return found[0] if found["fence"] or found["code"] else ""

    return _without_unseen(_HIDDEN.sub(shown, text))


def questions_in(text: str) -> list[str]:
    """Return the questions that a text says it answers, from its comments."""
    comments = " | ".join(found["asked"] or "" for found in _HIDDEN.finditer(text))
    return [part.strip() for part in comments.split("|") if part.strip()]


def _without_unseen(text: str) -> str:
    """Drop tags and links' targets, and elements whose style hides them; code stays as it is."""
    if "<" not in text and "](" not in text and "][" not in text:
        return text
    hiding = hiding_names(text)
    kept: list[str] = []
    within: list[str] = []
    """Names of the open elements, from the one that hides on; empty where all is shown."""
    at = 0
    for found in _HIDDEN_OR_TAG.finditer(text):
        if not within:
            kept.append(_LINK.sub(_words_of_link, text[at : found.start()]))
        at = found.end()
        if found["tag"] is None:
            if not within:
                kept.append(found[0])
            continue
        name = found["name"].lower()
        if found["end"]:
            if name in within:
                del within[len(within) - 1 - within[::-1].index(name) :]
        elif name in VOID or found["closed"]:
            if name == "br" and not within:
                kept.append(" ")
        elif within or is_unseen(name, _told(found["facts"]), hiding):
            within.append(name)
    if not within:
        kept.append(_LINK.sub(_words_of_link, text[at:]))
    return "".join(kept)


def _words_of_link(found: re.Match[str]) -> str:
    return "" if found["picture"] else found["text"]


def _told(facts: str) -> dict[str, str]:
    return {key.lower(): value.strip("\"'") for key, value in _FACT.findall(facts)}


def is_unseen(name: str, told: Mapping[str, str], hiding: frozenset[str]) -> bool:
    """Return whether an element is not displayed: by its name, its attributes, or a class that is hidden."""
    if name in _NEVER_SHOWN:
        return True
    if "hidden" in told or hiding & {*told.get("class", "").split(), told.get("id", "")}:
        return True
    style = told.get("style", "")
    if "color" in told:
        style += f";color:{told['color']}"
    if told.get("size") == "0":
        return True
    return _hides(style)


def _hides(style: str) -> bool:
    for found in _UNSEEN.finditer(style.replace("\n", " ")):
        # White text is seen on a ground of another colour.
        if not _ONLY_WHITE.match(found[0].lstrip("; ")) or not _BACKGROUND.search(style):
            return True
    return False


def hiding_names(text: str) -> frozenset[str]:
    """Return the classes and ids that a style sheet within the text hides."""
    if "<style" not in text.lower():
        return frozenset()
    return frozenset(
        found[1]
        for names, style in _RULE.findall(text)
        if _hides(style)
        for name in names.split(",")
        if (found := _CLASS.search(name)) is not None
    )
