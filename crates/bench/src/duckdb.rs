//! DuckDB in a process of its own, behind a script that runs SQL and times it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Fallible;

pub struct DuckDb {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
pub struct Ran {
    pub seconds: Vec<f64>,
    pub rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Failed { error: String },
    Ran(Ran),
}

impl DuckDb {
    pub fn start(python: &Path) -> Fallible<Self> {
        let script = include_str!("../duckdb.py");
        let mut child = Command::new(python).args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asked = child.stdin.take().ok_or("no input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, asked, answers })
    }

    pub fn run(&mut self, sql: &str, rounds: u32) -> Fallible<Ran> {
        self.ask(&json!({"sql": sql, "rounds": rounds}))
    }

    /// The files that are part of a Delta table, as its log says.
    pub fn live_files(&mut self, table: &Path) -> Fallible<Vec<PathBuf>> {
        let rows = self.ask(&json!({"delta": table}))?.rows;
        let file = |row: &Vec<Value>| row.first().and_then(Value::as_str).map(|file| file.trim_start_matches("file://").into());
        Ok(rows.iter().filter_map(file).collect())
    }

    fn ask(&mut self, asked: &Value) -> Fallible<Ran> {
        writeln!(self.asked, "{asked}")?;
        self.asked.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match serde_json::from_str(&line).map_err(|error| format!("DuckDB answered {line:?}: {error}"))? {
            Answer::Ran(ran) => Ok(ran),
            Answer::Failed { error } => Err(format!("DuckDB: {error}").into()),
        }
    }

    /// A view of Parquet files. It caches what it knows of their footers, as it does by default.
    pub fn view(&mut self, name: &str, files: &[PathBuf]) -> Fallible<()> {
        let list: Vec<_> = files.iter().map(|file| format!("'{}'", file.display().to_string().replace('\'', "''"))).collect();
        self.run("SET parquet_metadata_cache = true", 1)?;
        self.run(
            &format!("CREATE VIEW {name} AS SELECT * FROM read_parquet([{}], hive_partitioning = false)", list.join(", ")),
            1,
        )?;
        Ok(())
    }
}

impl Drop for DuckDb {
    fn drop(&mut self) {
        // Fails when it has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
