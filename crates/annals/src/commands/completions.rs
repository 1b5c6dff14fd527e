//! `annals completions` and `annals man`: made from what can be typed, so they cannot be out of date.

use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Failed;
use crate::cli::Cli;

#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Folder for one page per command [default: the main page, to standard output]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl CompletionsArgs {
    pub fn run(&self) -> Result<(), Failed> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "annals", &mut script);
        Ok(std::io::stdout().write_all(&script)?)
    }
}

impl ManArgs {
    pub fn run(&self) -> Result<(), Failed> {
        let Some(folder) = &self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            return Ok(std::io::stdout().write_all(&page)?);
        };
        let unwritable = |error| Failed::usage(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        clap_mangen::generate_to(Cli::command(), folder).map_err(unwritable)
    }
}
