//! Which installation a command of the machine's own is about: the settings that `serve` has too.

use std::path::PathBuf;

use annals_engine::Place;

#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// Folder for the database, the lake and everything else
    #[arg(long, env = "ANNALS_DATA", value_name = "FOLDER", default_value = "annals-data")]
    pub data: PathBuf,
    /// Metadata and commit log [default: sqlite:DATA/annals.db]
    #[arg(long, env = "ANNALS_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    /// Delta tables and export files [default: file://DATA/lake]
    #[arg(long, env = "ANNALS_LAKE_URL", value_name = "URL")]
    lake_url: Option<String>,
}

impl PlaceArgs {
    pub fn place(self) -> Place {
        Place { data: self.data, database_url: self.database_url, lake_url: self.lake_url }
    }
}
