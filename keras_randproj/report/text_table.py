"""Tables for a terminal."""

import io

from rich import box
from rich.console import Console
from rich.table import Table

# Wide enough that no cell is broken.
WIDTH = 1000
# A rule below the titles and between sections, and nothing else.
RULES = box.Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)


def text_table(titles, rows, left=1):
    """Cells as text: a line of titles, a rule, and a line for each row.

    Args:
        titles: List of strings.
        rows: List of lists of strings; `None` draws a rule.
        left: Integer, how many first columns are aligned to the left.

    Returns:
        String.
    """
    table = Table(box=RULES, show_edge=False, pad_edge=False)
    for k, title in enumerate(titles):
        table.add_column(title, justify="left" if k < left else "right")
    for row in rows:
        if row is None:
            table.add_section()
        else:
            table.add_row(*row)
    file = io.StringIO()
    console = Console(
        file=file, width=WIDTH, markup=False, emoji=False, highlight=False
    )
    console.print(table)
    lines = file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())
