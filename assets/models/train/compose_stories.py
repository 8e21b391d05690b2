"""Little stories with a plot, composed from plots.txt: text in which who did what, with what and why, always holds together.

    compose_stories.py STORIES SEED > stories.txt      one story after the other, parted by lines of "-----"

The notation of plots.txt. A line that begins with @ opens a plot: its name, then its cast as slot:kind (see CASTS).
[a] is the name of the one in slot a, [a.he] [a.his] [a.him] and other words are what is known of that one. {x|y} is x or y, as
drawn; choices that begin with the same digit and a colon ({1:x|y}) fall alike within a story. <phrase> stands for a phrase that
a line "= phrase: text" gives to all plots. Sentences begin with a capital, and "a" becomes "an", by themselves.
"""
import random
import re
import sys
from pathlib import Path

GIRLS = """Lily Mia Anna Emma Sara Lucy Ella Rosie Nina Molly Sue Daisy Clara Ruby Amy Jane Lola Zoe Bella Mary Grace Ivy Alice Nora
Kate Eva Tina Maya Polly Penny Lena Mila Olivia Sophie Betty Hanna Jill Luna Tara Kim""".split()
BOYS = """Tim Tom Ben Max Sam Jack Leo Finn Oliver Noah Timmy Billy Peter Henry Charlie Jake Bobby Lucas Joe Will Oscar Paul Adam
Danny Felix Theo Nick Emil Anton George Toby Alex Mark Luke Johnny Freddy Hugo Ned Ollie Ray""".split()
ANIMAL_NAMES = """Pip Coco Dot Fluffy Hoppy Nibbles Olly Pepper Rusty Sunny Teddy Tiny Wally Willow Ziggy Bubbles Buddy Ginger Hazel
Honey Momo Nutty Puff Roo Scout Spot Toto Whiskers Kiki Bibi Bix Bon Clover Dusty Fern Fizzy Gogo Jojo Lucky Maple Moss Noodle
Patch Peanut Pebble Pickle Quill Sandy Skip Snowy Tam Tiko Tuff Twig Wiggles Zuzu""".split()
HOMES = {"rabbit": "a burrow under a big tree", "bear": "a cave on the hill", "fox": "a den in the forest", "mouse": "a hole in the wall",
         "squirrel": "an old oak tree", "cat": "a house by the sea", "puppy": "a house with a garden", "hedgehog": "a nest of leaves",
         "duck": "a nest by the pond", "frog": "a green pond", "turtle": "a quiet pond", "pig": "a barn", "lamb": "a green meadow",
         "monkey": "a tall tree in the jungle", "elephant": "the jungle", "badger": "a den under the roots of a tree",
         "mole": "a tunnel under the meadow", "raccoon": "a hollow tree", "deer": "the forest", "panda": "a bamboo forest"}
CHILD_HOMES = ["a small village", "a house by the sea", "a little house near the forest", "a big town", "a yellow house", "a small town",
               "a house on a hill", "a little village", "a house with a red roof", "a house next to a farm"]
KINDS = {"songbird": ("crow", "sparrow", "bird"), "slow": ("turtle", "hedgehog", "mole", "pig", "duck"),
         "fast": ("rabbit", "fox", "deer", "cat", "puppy"), "small": ("squirrel", "mouse", "sparrow", "bird"), "dog": ("dog",), "dragon": ("dragon",)}
TRAITS = ["kind", "curious", "happy", "brave", "clever", "shy", "friendly", "cheerful", "sweet", "good"]
COLORS = ["red", "blue", "green", "yellow", "pink", "purple", "orange", "white", "brown"]
SHE = {"he": "she", "He": "She", "him": "her", "himself": "herself", "his": "her", "His": "Her"}
HE = {word: word for word in SHE}
PLACES = {
    "park": ["under the slide", "behind the big tree", "next to the swings", "in the sandbox", "under a bench"],
    "garden": ["under the apple tree", "behind the shed", "between the flowers", "under the bench", "next to the gate"],
    "forest": ["under the ferns", "behind a big rock", "in a hollow log", "under the oak tree", "next to the stream"],
    "beach": ["behind the rocks", "next to the little boat", "under the big umbrella", "near the water", "between the shells"],
    "farm": ["in the barn", "behind the hay", "under the old cart", "next to the chickens", "by the gate"],
    "meadow": ["in the tall grass", "behind the stump", "next to the stream", "under the willow tree", "between the flowers"],
    "playground": ["under the slide", "next to the swings", "behind the wall", "in the sandbox", "under a bench"],
    "pond": ["under the willow tree", "behind a rock", "between the reeds", "next to the little bridge", "in the tall grass"]}
SKILLS = [
    dict(it="ride a bike", fail="{he} fell down", tip="Look ahead and not at your feet.", did="rode their bikes"),
    dict(it="swim", fail="{he} swallowed some water", tip="Move your arms and legs like a frog.", did="swam in the lake"),
    dict(it="whistle", fail="only air came out", tip="Make your lips very round and blow softly.", did="whistled a song"),
    dict(it="jump rope", fail="{his} feet got caught in the rope", tip="Listen to the rope and jump when it hits the ground.", did="jumped rope"),
    dict(it="skate", fail="{he} slipped and fell", tip="Bend your knees a little.", did="went skating"),
    dict(it="tie a bow", fail="the knot came open", tip="First make two ears, like a bunny.", did="tied bows"),
    dict(it="play the flute", fail="it sounded like an angry cat", tip="Blow softly, as if you blow on hot soup.", did="played the flute"),
    dict(it="catch a ball", fail="the ball fell to the ground", tip="Keep your eyes on the ball.", did="played ball"),
    dict(it="climb the tree", fail="{he} slid down again", tip="First find a good place for your foot.", did="climbed the tree"),
    dict(it="write letters", fail="the letters looked funny", tip="Go slowly, one letter at a time.", did="wrote letters")]
DANGERS = [
    dict(it="stove", why="It is very hot.", what="It was so hot!"),
    dict(it="hot pan", why="You could burn your fingers.", what="It burned {his} finger!"),
    dict(it="sharp knife", why="You could cut yourself.", what="It cut {his} finger!"),
    dict(it="candle", why="Fire is not a toy.", what="The flame burned {his} finger!"),
    dict(it="mouse trap", why="It could hurt your fingers.", what="Snap! It closed on {his} finger!"),
    dict(it="iron", why="It is very hot.", what="It was very, very hot!"),
    dict(it="cactus", why="It has sharp needles.", what="A needle went right into {his} finger!"),
    dict(it="rose bush in the pot", why="It has thorns.", what="A thorn went into {his} finger!")]
PLAIN = {  # kinds of things of which only the word and a colour are told
    "toy": ["ball", "teddy bear", "doll", "toy car", "toy truck", "toy train", "toy boat", "drum", "toy horse", "toy dinosaur", "robot",
            "spinning top", "puppet", "toy rabbit", "toy plane"],
    "ball": ["ball", "rubber ball", "soccer ball"], "flyer": ["kite", "toy plane", "balloon"],
    "plant": ["flower", "sunflower", "rose", "tulip", "daisy"], "baked": ["cookies", "muffins", "cupcakes", "buns"],
    "fruit": ["apples", "pears", "plums", "strawberries", "cherries", "grapes", "blueberries", "peaches", "berries"],
    "magic": ["lamp", "bottle", "ring", "shell", "mirror"], "gift": ["scarf", "necklace", "music box", "vase", "teapot", "hat"],
    "clothing": ["hat", "cap", "woolly hat"], "bird": ["bird", "robin", "sparrow"], "wise": ["owl", "raven", "stork"],
    "chased": ["butterfly", "bird", "dragonfly"], "big": ["horse", "donkey", "pony", "elephant"],
    "bigshy": ["elephant", "bear", "lion", "hippo"]}


class Story:
    """The cast of one story, drawn from the kinds that its plot asks for."""

    def __init__(self, draw, cast):
        self.draw, self.taken, self.slots = draw, set(), {}
        for slot, kind in cast:
            self.slots[slot] = self.cast(kind)

    def new(self, words):
        word = self.draw.choice([w for w in words if w not in self.taken])
        self.taken.add(word)
        return word

    def child(self):
        girl = self.draw.random() < 0.5
        return {"it": self.new(GIRLS if girl else BOYS), "kind": "girl" if girl else "boy", "kin": "sister" if girl else "brother",
                "home": self.draw.choice(CHILD_HOMES), "trait": self.draw.choice(TRAITS), **(SHE if girl else HE)}

    def animal(self, kinds=tuple(HOMES)):
        kind = self.new(kinds)
        return {"it": self.new(ANIMAL_NAMES), "kind": kind, "kin": self.draw.choice(["brother", "sister"]),
                "home": HOMES.get(kind, "a tall tree"), "trait": self.draw.choice(TRAITS), **self.draw.choice([SHE, HE])}

    def elder(self):
        human = self.slots["a"]["kind"] in ("girl", "boy")
        she = self.draw.random() < 0.65
        words = (["mom", "grandma"] if she else ["dad", "grandpa"]) if human else (["mother", "mom"] if she else ["father", "dad"])
        word = self.draw.choice(words[:1] * 3 + words)
        return {"it": word, "Call": word.capitalize(), **(SHE if she else HE)}

    def cast(self, kind):
        draw = self.draw
        if kind == "hero":
            return self.child() if draw.random() < 0.7 else self.animal()
        if kind == "friend":
            return self.child() if self.slots["a"]["kind"] in ("girl", "boy") else self.animal()
        if kind in ("child", "child2", "animal", "elder"):
            return getattr(self, kind.rstrip("2"))()
        if kind == "sibling":
            hero = self.slots["a"]
            if hero["kind"] in ("girl", "boy"):
                return self.child()
            other = self.animal()
            return {**other, "kind": hero["kind"], "kin": "sister" if other["he"] == "she" else "brother"}
        if kind in KINDS:
            return self.animal(KINDS[kind])
        if kind == "giant":
            return {"it": self.new(["Bobo", "Grum", "Hugo", "Bumble", "Moss", "Boom"]), "kind": draw.choice(["giant", "troll"]),
                    "food": draw.choice(["soup and bread", "apples and nuts", "carrots", "honey and berries"]), **HE}
        if kind in ("place", "playground"):
            place = draw.choice(["playground", "park"] if kind == "playground" else list(PLACES))
            return {"it": place, **dict(zip(("one", "two", "three"), draw.sample(PLACES[place], 3)))}
        if kind in ("skill", "danger"):
            words = draw.choice(SKILLS if kind == "skill" else DANGERS)
            return {key: text.format(**self.slots["a"]) for key, text in words.items()}
        if kind == "lostpet":
            return {"it": draw.choice(["kitten", "puppy"]), "color": draw.choice(["white", "brown", "black", "gray"]),
                    "name": self.new(ANIMAL_NAMES)}
        color, other = draw.sample(COLORS, 2)
        return {"it": draw.choice(PLAIN[kind]), "color": color, "color2": other}


class Plots:
    def __init__(self, path):
        self.phrases, self.plots = {}, []
        for line in Path(path).read_text().splitlines():
            if line.startswith("= "):
                name, text = line[2:].split(": ", 1)
                self.phrases[name] = text
            elif line.startswith("@ "):
                name, *cast = line[2:].split()
                self.plots.append((name, [entry.split(":") for entry in cast], []))
            elif not line.startswith("#") and self.plots:
                self.plots[-1][2].append(line)

    def compose(self, draw):
        _, cast, lines = draw.choice(self.plots)
        story, text, labels = Story(draw, cast), "\n".join(lines).strip(), {}
        while re.search(r"<\w+>", text):
            text = re.sub(r"<(\w+)>", lambda m: self.phrases[m[1]], text)

        def choose(match):
            label, body = re.match(r"(?:(\d):)?(.*)", match[1], re.S).groups()
            options = body.split("|")
            if label is None:
                return draw.choice(options)
            return options[int(labels.setdefault(label, draw.random()) * len(options))]

        while "{" in text:
            text = re.sub(r"\{([^{}]*)\}", choose, text)
        text = re.sub(r"\[(\w)(?:\.(\w+))?\]", lambda m: story.slots[m[1]][m[2] or "it"], text)
        return polish(text)


def polish(text):
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ?\n ?", "\n", re.sub(r"\n\s*\n", "\n\n", text)).strip()
    text = re.sub(r'(^|\n|[.!?] |\." |[!?]" (?=h(?:is|er) ))([a-z])', lambda m: m[1] + m[2].upper(), text)
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def main():
    count, seed = map(int, sys.argv[1:])
    draw, plots = random.Random(seed), Plots(Path(__file__).with_name("plots.txt"))
    for _ in range(count):
        print(plots.compose(draw) + "\n-----")


if __name__ == "__main__":
    main()
