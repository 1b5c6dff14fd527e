//! Where an installation keeps what it keeps. Opens and makes nothing.

use std::path::{Path, PathBuf};

use url::Url;

/// A data folder, and what was put elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub data: PathBuf,
    /// `sqlite:PATH`; absent means `annals.db` in the data folder.
    pub database_url: Option<String>,
    /// `file:///…`; absent means `lake` in the data folder.
    pub lake_url: Option<String>,
}

/// The URL of a lake that this program cannot use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lake URL {0} is not supported: use file:///…")]
pub struct LakeUrlError(pub String);

impl Place {
    #[must_use]
    pub fn on(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), database_url: None, lake_url: None }
    }

    #[must_use]
    pub fn database(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite:{}", self.data.join("annals.db").display()))
    }

    /// Ends in a slash.
    ///
    /// # Errors
    /// The URL has another scheme than `file`.
    pub fn lake(&self) -> Result<Url, LakeUrlError> {
        let Some(text) = &self.lake_url else { return folder_url(&self.data.join("lake")) };
        let mut url = Url::parse(text).map_err(|_| LakeUrlError(text.clone()))?;
        if url.scheme() != "file" {
            return Err(LakeUrlError(text.clone()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(url)
    }

    /// The runs of idempotency keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// The number of the last commit that was acknowledged.
    #[must_use]
    pub fn mark(&self) -> PathBuf {
        self.data.join("last-commit")
    }
}

fn folder_url(folder: &Path) -> Result<Url, LakeUrlError> {
    let absolute = std::path::absolute(folder).map_err(|_| LakeUrlError(folder.display().to_string()))?;
    Url::from_directory_path(&absolute).map_err(|()| LakeUrlError(folder.display().to_string()))
}
