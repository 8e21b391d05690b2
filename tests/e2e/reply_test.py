#!/usr/bin/env python3
"""What decides a reply, and what stands in one: a bias that forbids and one that forces a token, a template's switch in the ids that the
model reads, a chat that does not fit any more; links, code to copy, a thought that folds.
usage: reply_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from long_chat import document  # noqa: E402
from talking import begin, field, label, receipt, rows, scroll_to, send, settings, stand_in, talking_model  # noqa: E402
from window import stage  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]
REPLY_TOKENS, CONTEXT = 16, 256
LONG = "the little fox went home again "


def vocabulary(model):
    return json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]


def chosen(w):
    """The settings of the open session, as they are kept."""
    return json.loads(rows(w, "SELECT settings FROM sessions WHERE id = ?", w.state()["session"])[0][0])


def bias(w, words):
    """One token forbidden, then one forced; the receipt says what was asked for."""
    for section in ("panel.model", "panel.throughput"):
        w.click(section)
    w.click("reply.more")
    send(w, "Once upon a time", 2)
    first = receipt(w, 1)
    assert first["sampler"].get("logit_bias", []) == [] and len(first["tokens"]) == REPLY_TOKENS, first
    forbidden = first["tokens"][0]

    def again(token, bias):
        field(w, "reply.bias", f"{token}={bias}")
        w.until(lambda: chosen(w)["sampler"].get("logit_bias") == [[token, bias]], "the bias in the session", 10)
        before = label(w, 1)
        w.click("message.1.regenerate")
        w.until(lambda: label(w, 1) not in ("", before) and not w.state()["generating"], "another reply")
        return receipt(w, 1)

    without = again(forbidden, -100)
    assert forbidden not in without["tokens"], (forbidden, without["tokens"])
    forced = words["dog"]
    only = again(forced, 100)
    assert only["tokens"] == [forced] * REPLY_TOKENS, only["tokens"]
    assert "dogdogdog" in label(w, 1), label(w, 1)
    w.shot("90-bias")
    field(w, "reply.bias", "")
    w.click("reply.more")
    for section in ("panel.model", "panel.throughput"):
        w.click(section)


def switch(w, words):
    """Off, the template writes a sentence more in front of the reply: it stands in what the model reads."""
    spoken = {number: word.replace("▁", " ") for word, number in words.items()}

    def told():
        before = w.state()["messages"]
        send(w, "Tell me", before + 2)
        return "".join(spoken[token] for token in receipt(w, before + 1)["prompt"])

    def turn(on):
        w.click("panel.context")
        scroll_to(w, "context.switch.enable_thinking")
        w.click("context.switch.enable_thinking")
        w.until(lambda: (chosen(w).get("template", {}).get("enable_thinking") is False) != on, "the switch in the session", 10)
        w.click("panel.context")

    assert "At once" not in told()
    turn(False)
    assert "At once" in told()
    turn(True)
    assert "At once" not in told()


def asked(w, words):
    """Sends what does not fit; nothing is done until the question is answered."""
    before = w.state()["messages"]
    w.click("composer.input")
    w.type(words)
    w.key("Return")
    w.widget("cost.drop")
    assert w.state()["messages"] == before
    return before


def oldest_left_out(w):
    w.click("sidebar.new")
    w.until(lambda: w.state()["session"] == "", "an empty chat")
    send(w, "Once there was a bear. " * 12, 2)
    send(w, "And there was a dog. " * 12, 4)
    before = asked(w, LONG * 17)
    w.shot("91-does-not-fit")
    w.click("cost.drop")
    w.until(lambda: w.state()["messages"] == before + 2 and not w.state()["generating"], "the reply without the oldest")
    assert chosen(w)["overflow"] == "drop_oldest", chosen(w)
    said = receipt(w, before + 1)
    read = said["prompt_keep"] + len(said["prompt"])
    whole = sum(len(r["prompt"]) + len(r["tokens"]) for r in (receipt(w, 1), receipt(w, 3))) + len(said["prompt"])
    assert read + REPLY_TOKENS <= CONTEXT < whole, (read, whole)
    send(w, LONG, before + 4)  # asked once: the session goes on by itself
    assert "cost.drop" not in w.widgets()


def longer_context(w, folder):
    """The session asks again, and gets all of it: the model is loaded anew, and what was written waits for that."""
    w.click("panel.context")
    scroll_to(w, "context.drop_oldest")
    w.click("context.drop_oldest")
    w.until(lambda: "overflow" not in chosen(w), "the session to ask again", 10)
    w.click("panel.context")
    before = asked(w, "And then?")
    w.click("cost.longer")
    w.until(lambda: settings(folder)["chat"]["context"] > CONTEXT, "the longer context in the settings", 10)
    w.until(lambda: w.state()["model"] and w.widgets()["composer.send"]["enabled"], "the model, with what was written still there", 30)
    w.shot("92-longer-context")
    w.click("composer.send")
    w.until(lambda: w.state()["messages"] == before + 2 and not w.state()["generating"], "the reply to all of it")
    said = receipt(w, before + 1)
    assert said["prompt_keep"] + len(said["prompt"]) > CONTEXT, said


REPLIES = ["""<think>First the river,
then the bridge.</think>Cross the bridge. More is [in the book](https://example.org/bridge?a=1&b=2).

```python
for step in range(10):
    print(step)
```""", "[nothing to open](file:///etc/passwd) [nor here](javascript:alert(1))"]
CODE = "for step in range(10):\n    print(step)"


def told_chat():
    """A chat with two replies, the second of which has links that may not be opened."""
    told = document(4)
    for message, words in zip(told["messages"], ("How do I get there?", REPLIES[0], "And then?", REPLIES[1])):
        message["content"] = words
    return told


def fold_a_thought(w):
    """Folded when the reply is there; its words are shown by a click, and by a key, and go again."""
    w.until(lambda: "message.1.reasoning" in w.widgets(), "the thought")
    top = lambda: w.widget("message.1")["rect"][1]  # noqa: E731
    folded = top()
    w.shot("93-thought-folded")
    w.click("message.1.reasoning")
    w.until(lambda: top() > folded + 20, "the thought's words", 5)
    w.shot("94-thought-open")
    w.click("message.1.reasoning")
    w.until(lambda: top() == folded, "the thought to fold", 5)
    w.key("Tab", "shift+Tab", "Return")  # what was clicked has the focus still
    w.until(lambda: top() > folded + 20, "the thought by a key", 5)
    w.key("Return")
    w.until(lambda: top() == folded, "the thought to fold again", 5)


def copy_code(w):
    """What the button puts on the clipboard is pasted where it can be read: into the message that is being written."""
    w.click("message.1.copy_code.0")
    w.until(lambda: any("opied" in toast for toast in w.state()["toasts"]), "word of it", 5)
    w.click("composer.input")
    w.key("ctrl+v")
    w.until(lambda: (CODE,) in rows(w, "SELECT draft FROM sessions"), "the code in the draft", 10)
    w.key("ctrl+a")
    w.key("BackSpace")


def links(w, calls):
    """Only a click opens, and only what is on the web."""
    w.point("message.1.link.0")
    time.sleep(0.7)
    w.shot("95-link")
    assert not calls.exists(), calls.read_text()
    w.xdo("click", 1)
    w.until(calls.exists, "the browser", 5)
    assert calls.read_text() == "https://example.org/bridge?a=1&b=2\n", calls.read_text()
    assert "rollback.confirm" not in w.widgets()
    # By the keyboard: back from the composer, until the link has the focus.
    w.click("composer.input")
    for _ in range(40):
        w.key("shift+Tab")
        if w.widgets()["message.1.link.0"]["focused"]:
            break
    w.shot("96-link-focused")
    w.key("Return")
    w.until(lambda: calls.read_text().count("\n") == 2, "the browser once more", 5)
    assert not [name for name in w.widgets() if name.startswith("message.3.link")]
    x, y, width, height = w.widget("message.3")["rect"]
    for across in range(10, 300, 40):
        w.xdo("mousemove", x + across, y + height // 2, "click", 1)
    time.sleep(0.5)
    assert calls.read_text().count("\n") == 2, calls.read_text()


def main():
    with stage(SHOTS, "99-reply-failed") as here:
        calls = stand_in(here.folder, "xdg-open")
        model = talking_model(here.folder, longest=2048)
        words = vocabulary(model)
        begin(here.folder, chat={"max_tokens": REPLY_TOKENS, "temperature": 0, "context": CONTEXT})
        w = here.open(BINARY, "--mode", "chat", "--model", str(model))
        w.until(lambda: w.state()["model"], "the model")
        bias(w, words)
        switch(w, words)
        oldest_left_out(w)
        longer_context(w, here.folder)
        w.import_session(told_chat(), here.folder / "told.json")
        w.until(lambda: w.state()["messages"] == 4 and label(w, 2) == "And then?", "the chat from the file", 20)
        fold_a_thought(w)
        copy_code(w)
        links(w, calls)


if __name__ == "__main__":
    main()
