//! A few lines that are drawn again in place on a terminal, and plain lines everywhere else.

use std::io::{IsTerminal as _, Write as _};

use crate::error::CliError;

/// Where a live table is shown.
pub(crate) struct Screen {
    live: bool,
    /// Lines of the last drawing that are still to be drawn over.
    drawn: usize,
    last: Vec<String>,
}

impl Screen {
    /// Live on a terminal that understands it, plain otherwise.
    pub(crate) fn new() -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self {
            live: std::io::stdout().is_terminal() && !dumb,
            drawn: 0,
            last: Vec::new(),
        }
    }

    /// Prints lines that stay.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), CliError> {
        self.drawn = 0;
        self.last.clear();
        super::print(text)
    }

    /// Shows a table. Plain output has its first and its last state, and its header once.
    pub(crate) fn show(&mut self, lines: &[String], last: bool) -> Result<(), CliError> {
        if self.last == lines && !last {
            return Ok(());
        }
        if self.live {
            self.draw(lines).map_err(CliError::Output)?;
        } else if self.last.is_empty() {
            super::print(&lines.join("\n"))?;
        } else if last && self.last != lines {
            super::print(&lines.iter().skip(1).cloned().collect::<Vec<_>>().join("\n"))?;
        }
        if self.live || last || self.last.is_empty() {
            self.last = lines.to_vec();
        }
        if last {
            self.drawn = 0;
            self.last.clear();
        }
        Ok(())
    }

    fn draw(&mut self, lines: &[String]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.drawn > 0 {
            write!(out, "\x1b[{}A", self.drawn)?;
        }
        for line in lines {
            writeln!(out, "\x1b[2K{line}")?;
        }
        self.drawn = lines.len();
        out.flush()
    }
}
