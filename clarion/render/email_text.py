"""Subject, text part and HTML part of an email from `Content`."""

from __future__ import annotations

import re
from html import escape

from clarion.render.content import RenderedContent
from clarion.render.grapheme_clusters import fitting

MAX_SUBJECT = 250

PAGE = """\
<!doctype html>
<html>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:24px;font-family:system-ui,-apple-system,sans-serif;line-height:1.5">
<h1 style="margin:0 0 12px;font-size:20px">{title}</h1>
{body}{link}</body>
</html>
"""


def subject_of(content: RenderedContent) -> str:
    """The title on one line, cut at a grapheme cluster."""
    return fitting(one_line(content.title), MAX_SUBJECT).rstrip()


def one_line(text: str) -> str:
    """`text` on one line: runs of control characters and line ends become a space; stripped."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def text_of(content: RenderedContent) -> str:
    """The plain text part: the body (else the title) and the link."""
    parts = [content.body or content.title]
    if content.link:
        parts.append(content.link)
    return "\n\n".join(parts) + "\n"


def html_of(content: RenderedContent) -> str:
    """The HTML part. All content is escaped."""
    paragraphs = re.split(r"\n{2,}", content.body) if content.body else []
    body = "".join(
        f"<p>{escape(paragraph).replace(chr(10), '<br>')}</p>\n" for paragraph in paragraphs
    )
    link = ""
    if content.link:
        url = escape(content.link)
        link = f'<p><a href="{url}">{url}</a></p>\n'
    return PAGE.format(title=escape(content.title), body=body, link=link)
