"""A long chat as an export: Markdown, code, tables, Chinese and Japanese mixed, about 300 characters a message."""

import uuid

PARTS = ["The fox carried the lantern **carefully** through the snow, and `nobody` saw her pass.",
         "从前有一只小狐狸，她在雪地里捡到了一盏还温热的灯笼，于是决定把它还给主人。",
         "1. first the river\n2. then the bridge\n\n| place | how far |\n|---|---|\n| mill | 2 km |",
         "```python\nfor step in range(10):\n    print(step)\n```\nand a [link](https://example.org/).",
         "東京の天気は晴れです。😀 A long English sentence follows so that the line has to be broken at least once or twice on any page."]


def document(count, settings=None):
    session, parent, messages = str(uuid.uuid4()), None, []
    for i in range(count):
        message = str(uuid.uuid4())
        role = "user" if i % 2 == 0 else "assistant"
        messages.append({"id": message, "parent": parent, "role": role, "content": f"{i}. " + "\n\n".join(PARTS[(i + k) % 5] for k in range(1 + i % 4)),
                         "tokens": [], "tokenizer": "", "created_at": "2026-01-01T00:00:00.000Z", "finish_reason": None if role == "user" else "stop",
                         "receipt": None, "stats": None})
        parent = message
    return {"format": "fabula.session", "version": 1,
            "session": {"id": session, "title": "A long chat", "mode": "chat", "created_at": "2026-01-01T00:00:00.000Z",
                        "updated_at": "2026-01-01T00:00:00.000Z", "model": None, "system": "", "settings": settings or {}},
            "messages": messages, "current": parent}
