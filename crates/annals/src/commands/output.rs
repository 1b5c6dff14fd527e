//! What comes back: a table at a terminal, tab-separated lines in a pipe, JSON lines when asked for.

use std::io::{IsTerminal, Stdout, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

use super::Failed;
use super::text::{plain_json, printable};

/// Rows that are printed at a time, as soon as they are there.
const BLOCK_ROWS: usize = 100;

#[derive(Debug, clap::Args)]
pub struct OutputArgs {
    /// Print JSON, one object a line
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Print no heads of columns
    #[arg(long, help_heading = "Output")]
    no_header: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Lines,
    Json,
}

/// Standard output.
pub struct Output {
    form: Form,
    header: bool,
    out: Stdout,
}

/// Something that can be one row of a table.
pub trait Row: Serialize {
    const COLUMNS: &'static [&'static str];
    fn cells(&self) -> Vec<String>;
}

/// Rows on their way to the terminal. Finish it.
pub struct Rows<'o> {
    output: &'o mut Output,
    block: Vec<Vec<String>>,
    printed: bool,
}

impl OutputArgs {
    pub fn open(&self) -> Output {
        let out = std::io::stdout();
        let form = match () {
            () if self.json => Form::Json,
            () if out.is_terminal() => Form::Table,
            () => Form::Lines,
        };
        Output { form, header: !self.no_header, out }
    }
}

impl Output {
    /// A list, row by row.
    pub fn rows(&mut self) -> Rows<'_> {
        Rows { output: self, block: Vec::new(), printed: false }
    }

    /// One thing: its JSON over several lines for people, on one for scripts.
    pub fn thing(&mut self, thing: &impl Serialize) -> Result<(), Failed> {
        let text = match self.form {
            Form::Table => serde_json::to_string_pretty(thing),
            Form::Lines | Form::Json => serde_json::to_string(thing),
        };
        self.line(&plain_json(&text.map_err(Failed::other)?))
    }

    /// A sentence for people; with `--json` the thing itself.
    pub fn told(&mut self, sentence: &str, thing: &impl Serialize) -> Result<(), Failed> {
        if self.form == Form::Json { self.thing(thing) } else { self.line(&printable(sentence)) }
    }

    fn line(&mut self, text: &str) -> Result<(), Failed> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    fn block(&mut self, columns: Option<&[&str]>, rows: &[Vec<String>]) -> Result<(), Failed> {
        let columns = columns.filter(|_| self.header);
        if self.form == Form::Table {
            let mut table = Table::new();
            table.load_preset(presets::NOTHING);
            if let Some(columns) = columns {
                table.set_header(columns.iter().map(|name| name.to_uppercase()));
            }
            table.add_rows(rows);
            for line in table.to_string().lines() {
                writeln!(self.out, "{}", line.trim_end())?;
            }
        } else {
            for row in columns.map(|columns| columns.join("\t")).into_iter().chain(rows.iter().map(|row| row.join("\t"))) {
                writeln!(self.out, "{row}")?;
            }
        }
        Ok(self.out.flush()?)
    }
}

impl Rows<'_> {
    pub fn push<R: Row>(&mut self, row: &R) -> Result<(), Failed> {
        if self.output.form == Form::Json {
            return self.output.thing(row);
        }
        self.block.push(row.cells().iter().map(|cell| printable(cell)).collect());
        if self.block.len() >= BLOCK_ROWS { self.flush::<R>() } else { Ok(()) }
    }

    /// Prints what is there, without waiting for more.
    pub fn flush<R: Row>(&mut self) -> Result<(), Failed> {
        if self.output.form == Form::Json || (self.block.is_empty() && self.printed) {
            return Ok(());
        }
        let columns = (!self.printed).then_some(R::COLUMNS);
        self.printed = true;
        self.output.block(columns, &std::mem::take(&mut self.block))
    }
}
