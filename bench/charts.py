"""Bar charts as SVG: no program is needed to make them, and they are read in the light and in the dark."""

from html import escape

WIDTH, NAME_WIDTH, VALUE_WIDTH = 720, 190, 120
ROW, BAR, TITLE, MARGIN = 26, 16, 40, 12
STYLE = (
    "text{font:13px sans-serif;fill:#24292f}.title{font-weight:bold}.other{fill:#8c959f}.own{fill:#1a7f37}"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.other{fill:#6e7681}.own{fill:#3fb950}}"
)


def bars(title, rows, own="Remofile", unit="s"):
    """A horizontal bar for each (name, value), the smallest first; the bars of `own` have a colour of their own."""
    rows = sorted(rows, key=lambda row: row[1])
    height = TITLE + ROW * len(rows) + MARGIN
    most = max((value for _, value in rows), default=0) or 1
    room = WIDTH - NAME_WIDTH - VALUE_WIDTH
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(described(title, rows, unit))}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{MARGIN}" y="{TITLE - 16}">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(rows):
        top = TITLE + ROW * number
        length = max(1, round(room * value / most))
        kind = "own" if name.startswith(own) else "other"
        lines += [
            f'<text x="{NAME_WIDTH - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{NAME_WIDTH}" y="{top}" width="{length}" height="{BAR}" rx="2"/>',
            f'<text x="{NAME_WIDTH + length + 6}" y="{top + 13}">{escape(shown(value, unit))}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def described(title, rows, unit):
    """The chart in words, for those who do not see it."""
    return f"{title}: " + ", ".join(f"{name} {shown(value, unit)}" for name, value in rows)


def shown(value, unit):
    digits = 3 if value < 1 else 2 if value < 100 else 0
    return f"{value:,.{digits}f} {unit}"
