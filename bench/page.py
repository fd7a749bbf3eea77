"""docs/benchmarks.md: what is between two marks is written by `make bench`, all else by people."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import charts
import costs
import load
from harness import MIB, Failed
from peers import short
from runs import DELTAS, EVERY_WORK, LARGE, SMALL, summary

BEGIN = "<!-- What follows was written by `make bench`. -->"
END = "<!-- What `make bench` wrote ends here. -->"
PAGE = "benchmarks.md"
PICTURES = "benchmarks"
GROUPS = {"One large file": LARGE, "Many small files": SMALL, "What changed": DELTAS}
GIB = 1 << 30
COUNTS = (
    "Counted with strace and callgrind, which runs the ciphers of processors without vector instructions for them. But for whole "
    "commands these are differences of two transfers, so that starting and connecting are in none of them."
)


def write(directory, results):
    """Puts the results into the page of a directory, which is begun if it is not there, and the charts beside it."""
    directory = Path(directory)
    page = directory / PAGE
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    # Nothing is written if the page is not as it should be.
    page_text = replaced(text, "\n".join(measured(results)))
    pictures = directory / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.svg"):
        old.unlink()
    for name, picture in drawn(results):
        (pictures / name).write_text(picture, encoding="utf-8")
    page.write_text(page_text, encoding="utf-8")


def replaced(text, middle):
    """The text with something new between the two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Failed(f"{PAGE} lacks the line '{BEGIN if not begin else END}'")
    return f"{before}{BEGIN}\n\n{middle}\n\n{END}{after}"


def measured(results):
    """The lines of everything that was measured."""
    machine = results["machine"]
    peers = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    yield (
        f"Measured on {results['date']} with Remofile {results['remofile']} on {machine['processors']}, {machine['memory']} of "
        f"memory, {machine['kernel']}; {peers or 'no peers'}. Medians of {results['rounds']} rounds in which every program has its turn, from "
        "the start of the client's process to its end, over loopback. Every result was compared with its source."
    )
    for place in results["places"]:
        yield from place_lines(place, results)
    if "load" in results:
        yield from ["", "### Many clients, and open files", "", f"In {results['places'][0]['file_system']}.", ""]
        yield from load.table(results["load"])
    if results.get("costs"):
        yield from ["", "### System calls and instructions", "", COUNTS, ""]
        yield from costs.table(results["costs"])
    yield from (f"\nNot counted: {reason}." for reason in results.get("not_counted", ()))


def place_lines(place, results):
    kind = place["file_system"]
    yield from ["", f"### {heading(kind)}", ""]
    for group, works in GROUPS.items():
        shown = [work for work in works if work in place["works"]]
        if not shown:
            continue
        yield from [f"#### {group}, {kind}", ""]
        yield from group_table(place, results["titles"], shown)
        yield ""
        yield from (f"![{results['titles'][work]}]({PICTURES}/{picture_name(kind, work)})" for work in shown)
        yield ""
    if any(work in place["works"] for work in LARGE):
        yield from [f"#### Processors, {kind}", ""]
        yield from processor_table(place, results)
    for name, reason in {**place["absent"], **failures(place)}.items():
        yield from ["", f"{name} is not in it: {reason.splitlines()[0]}."]


def heading(kind):
    return "In memory (tmpfs)" if kind == "tmpfs" else f"On a disk ({kind})"


def group_table(place, titles, works):
    """Seconds of each peer, and in brackets how many times as long Remofile takes."""
    yield f"| seconds, and those of Remofile in ratio to it | {' | '.join(titles[work] for work in works)} |"
    yield f"|---|{'--:|' * len(works)}"
    own = {work: median(place, work, "Remofile") for work in works}
    for name, protection in place["peers"].items():
        cells = [cell(median(place, work, name), own[work], name) for work in works]
        if any(cells):
            yield f"| {name}, {protection} | {' | '.join(cells)} |"


def cell(seconds, own, name):
    if seconds is None:
        return ""
    ratio = "" if name == "Remofile" or own is None else f" ({own / seconds:.2f})"
    return f"{seconds:.3f}{ratio}"


def median(place, work, name):
    runs = place["works"][work].get(name)
    return runs["median"] if isinstance(runs, dict) else None


def failures(place):
    return {f"{name}, {work}": runs for work, of in place["works"].items() for name, runs in of.items() if isinstance(runs, str)}


def processor_table(place, results):
    """Seconds of processors for each GiB of the large file, on each side."""
    works = [work for work in LARGE if work in place["works"]]
    columns = [f"{results['titles'][work]}, {side}" for work in works for side in ("client", "server", "both")]
    yield f"| processor seconds a GiB | {' | '.join(columns)} |"
    yield f"|---|{'--:|' * len(columns)}"
    gibibytes = results["large_bytes"] / GIB
    for name, protection in place["peers"].items():
        cells = []
        for work in works:
            runs = place["works"][work].get(name)
            if isinstance(runs, dict):
                sides = (runs["client"], runs["server"], runs["client"] + runs["server"])
                cells += [f"{seconds / gibibytes:.2f}" for seconds in sides]
            else:
                cells += ["", "", ""]
        if any(cells):
            yield f"| {name}, {protection} | {' | '.join(cells)} |"


def drawn(results):
    """The name and the text of each chart."""
    for place in results["places"]:
        kind = place["file_system"]
        for work in EVERY_WORK:
            rows = [(name, runs["median"]) for name, runs in place["works"].get(work, {}).items() if isinstance(runs, dict)]
            if rows:
                yield picture_name(kind, work), charts.bars(f"{results['titles'][work]}, {kind}", rows)


def picture_name(kind, work):
    return f"{short(kind)}-{short(work)}.svg"


def summed_up(found):
    """Returns what runs.measure found, with a summary in place of the runs."""
    return {work: {name: summary(of) if isinstance(of, list) else of for name, of in runs.items()} for work, runs in found.items()}


def as_text(results):
    """The results as they are printed: seconds of each peer."""
    lines = [f"{results['rounds']} rounds, {results['large_bytes'] // MIB} MiB"]
    for place in results["places"]:
        lines += ["", f"{place['directory']} ({place['file_system']})"]
        for work, of in place["works"].items():
            lines += [f"  {results['titles'][work]}"]
            for name, runs in sorted(of.items(), key=lambda item: item[1]["median"] if isinstance(item[1], dict) else float("inf")):
                shown = f"{runs['median']:9.3f} s   least {runs['least']:.3f}   processors {runs['client']:.2f} + {runs['server']:.2f}" \
                    if isinstance(runs, dict) else f"failed: {runs.splitlines()[0]}"
                lines.append(f"    {name:22} {shown}")
        lines += [f"  {name} is not in it: {reason.splitlines()[0]}" for name, reason in place["absent"].items()]
    if "load" in results:
        lines += ["", *load.table(results["load"])]
    if results.get("costs"):
        lines += ["", *costs.table(results["costs"])]
    return "\n".join(lines)
