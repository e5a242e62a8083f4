//! Rows in columns, and names with values.

use comfy_table::{Attribute, Cell, Color, Table as Grid, presets};

use crate::console::Console;
use crate::failure::Failure;
use crate::paint::{Ink, Paint};

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    grid: Grid,
    paint: Paint,
}

impl Table {
    pub(crate) fn new(console: &Console, header: &[&str]) -> Self {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        // Lines are as long as they are: an id that is cut in two cannot be copied.
        grid.force_no_tty();
        if console.paint == Paint::Colours {
            grid.enforce_styling().style_text_only();
        }
        let paint = console.paint;
        let header = header
            .iter()
            .map(|name| inked(name.to_uppercase(), Ink::Faint, paint));
        grid.set_header(header.collect::<Vec<_>>());
        Self { grid, paint }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [(String, Ink); N]) {
        let cells = cells
            .into_iter()
            .map(|(text, ink)| inked(text, ink, self.paint));
        self.grid.add_row(cells.collect::<Vec<_>>());
    }

    pub(crate) fn print(self, console: &mut Console) -> Result<(), Failure> {
        for line in self.grid.lines() {
            // The first column needs no space before it, and the last none behind.
            let line = line
                .strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned();
            console.line(line)?;
        }
        Ok(())
    }
}

fn inked(text: String, ink: Ink, paint: Paint) -> Cell {
    let cell = Cell::new(text);
    match (paint, ink) {
        (Paint::Plain, _) | (_, Ink::Plain) => cell,
        (Paint::Colours, Ink::Good) => cell.fg(Color::DarkGreen),
        (Paint::Colours, Ink::Bad) => cell.fg(Color::DarkRed),
        (Paint::Colours, Ink::Warn) => cell.fg(Color::DarkYellow),
        (Paint::Colours, Ink::Faint) => cell.add_attribute(Attribute::Dim),
        (Paint::Colours, Ink::Strong) => cell.add_attribute(Attribute::Bold),
    }
}

/// A cell as it is.
pub(crate) fn plain(text: impl ToString) -> (String, Ink) {
    (text.to_string(), Ink::Plain)
}

/// A cell of less weight.
pub(crate) fn faint(text: impl ToString) -> (String, Ink) {
    (text.to_string(), Ink::Faint)
}

/// A cell that says how something stands: active, or not.
pub(crate) fn standing(word: &str) -> (String, Ink) {
    let ink = match word {
        "active" => Ink::Good,
        "suspended" | "suspended above" => Ink::Warn,
        _ => Ink::Bad,
    };
    (word.to_owned(), ink)
}

/// Prints a name and a value.
pub(crate) fn field(
    console: &mut Console,
    name: &str,
    value: impl ToString,
) -> Result<(), Failure> {
    let value = value.to_string();
    let padded = console.paint.ink(Ink::Faint, format!("{name:<12}"));
    console.line(format_args!("{padded}{value}"))
}

/// Prints a name and several values, each on its own line.
pub(crate) fn fields(
    console: &mut Console,
    name: &str,
    values: impl IntoIterator<Item = String>,
) -> Result<(), Failure> {
    let mut name = name;
    for value in values {
        field(console, name, value)?;
        name = "";
    }
    Ok(())
}
