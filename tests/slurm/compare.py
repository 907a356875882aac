"""Compares what two audits or two nights say, but for times, hosts and what is random.

    compare.py reports ONE.json TWO.json
    compare.py nights FOLDER FOLDER
"""

import json
import pathlib
import re
import sys


def blurred(text):
    """Takes out what differs between two nights of the same runs: times, random keys, attacks
    that canaries plant, and where the night's own files lie."""
    text = re.sub(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{8,64}\b", "HEX", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d( UTC)?", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "DAY", text)
    text = re.sub(r'data-name="seconds">[\d.]+', "SECONDS", text)
    text = re.sub(r"[a-z-]+@\d+(\.\.\d+)?", "ATTACK", text)
    text = re.sub(r"[\d.]+ (s|ms|min|h|(device )?seconds?|minutes?)\b", "SECONDS", text)
    return text


TIMES = re.compile(r"seconds|_at$|^at_|nonce|key|host|digest|binary|canar|salt|page|spent|head")

# A number from here on is a time, in seconds since 1970.
FIRST_SECOND = 1_700_000_000


def without(value):
    """Drops what is a time, a host or random, wherever it stands."""
    if isinstance(value, dict):
        return {name: without(each) for name, each in value.items() if not TIMES.search(name)}
    if isinstance(value, list):
        return [without(each) for each in value]
    if isinstance(value, int) and value > FIRST_SECOND:
        return "TIME"
    return blurred(value) if isinstance(value, str) else value


def same(what, one, two):
    if one == two:
        print(f"   the same: {what}")
        return
    one, two = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (one, two))
    differ = [(a, b) for a, b in zip(one, two) if a != b][:8]
    sys.exit(f"{what} differ: {differ or (len(one), len(two))}")


def reports(one, two):
    load = lambda path: json.loads(pathlib.Path(path).read_text())
    one, two = load(one)[0], load(two)
    for part in ["verdict", "reasons", "findings", "segments", "claim"]:
        for report in (one, two):
            for segment in report["segments"]:
                segment.pop("incidents", None)
        same(part, one[part], two[part])


def page(folder):
    """A night's page without its style and its canaries, an element a line."""
    text = (folder / "pages/night-00001/index.html").read_text()
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"Planted attacks.*Caught so far", "", text, flags=re.DOTALL)
    return blurred(text).replace("<", "\n<").splitlines()


def nights(one, two):
    one, two = pathlib.Path(one), pathlib.Path(two)
    load = lambda path: without(json.loads(path.read_text()))
    for name in ["night.json", "ledger.json"]:
        same(name, load(one / name), load(two / name))
    same("the night's page", page(one), page(two))
    pages = lambda folder: sorted(
        str(path.relative_to(folder)) for path in folder.glob("pages/**/report.html")
    )
    same("the reports' names", pages(one), pages(two))


if __name__ == "__main__":
    {"reports": reports, "nights": nights}[sys.argv[1]](*sys.argv[2:])
