"""The report: printed as it comes, and kept as markdown."""
import statistics


class Report:
    def __init__(self, path):
        self._path = path
        self._lines = ["# What `./dev bench` found", ""]

    def text(self, lines):
        self._add([*lines, ""])

    def section(self, title, lines=()):
        self._add([f"## {title}", "", *lines, *([""] if lines else [])])

    def table(self, head, rows):
        """Columns as wide as their widest cell; all but the first to the
        right."""
        cells = [list(map(str, row)) for row in [head, *rows]]
        widths = [max(map(len, column)) for column in zip(*cells)]
        ruler = [("-" * widths[0])] + ["-" * (w - 1) + ":" for w in widths[1:]]
        self._add([_row(cells[0], widths), _row(ruler, widths),
                   *[_row(row, widths) for row in cells[1:]], ""])

    def save(self):
        if self._path:
            with open(self._path, "w", encoding="utf-8") as file:
                file.write("\n".join(self._lines).rstrip() + "\n")
            print(f"Written to {self._path}")

    def _add(self, lines):
        self._lines += lines
        print("\n".join(lines), flush=True)


def progress(text):
    print(f"  {text}", flush=True)


def thousands(number):
    return f"{number:,.0f}"


def spread(numbers, show=thousands):
    """The median, and between what the others lie."""
    middle = show(statistics.median(numbers))
    if len(numbers) == 1:
        return middle
    return f"{middle} ({show(min(numbers))} to {show(max(numbers))})"


def _row(cells, widths):
    first = cells[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
    return "| " + " | ".join([first, *rest]) + " |"
