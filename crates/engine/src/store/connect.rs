//! From a database URL to an open store. The only place that knows which backends there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sqlite::{DatabaseView, SqliteStore, view};
use super::{Store, StoreError};

/// Why a database cannot be opened. Each message is one line for an operator.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the database URL {0} is not supported: use sqlite:PATH")]
    Url(String),
    #[error("the file {path} cannot be opened: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// Never opened: an older program does not know what a newer one keeps there.
    #[error("the database has version {found}, made by a newer annals: run that one, this one knows versions up to {known}")]
    Newer { found: u32, known: u32 },
    #[error("the file {path} is a database of another program", path = path.display())]
    Foreign { path: PathBuf },
    /// Only of those that look: whoever opens it makes a new database of it.
    #[error("the file {path} is empty", path = path.display())]
    Empty { path: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens `sqlite:PATH`, making the file when it is not there and bringing it to the newest version.
///
/// # Errors
/// Nothing was changed, or the database is at an earlier version between two migrations.
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, ConnectError> {
    let path = file_of(url).ok_or_else(|| ConnectError::Url(without_password(url).to_owned()))?;
    Ok(Arc::new(SqliteStore::open(&path).await?))
}

/// Opens what is there only to look at it, also beside a running server.
///
/// # Errors
/// There is nothing, or nothing in it, or it is not ours, or newer.
pub async fn look(url: &str) -> Result<DatabaseView, ConnectError> {
    let path = file_of(url).ok_or_else(|| ConnectError::Url(without_password(url).to_owned()))?;
    DatabaseView::open(&path).await
}

/// Copies a database as it is at one moment to a file that is not there yet, also beside a running server.
///
/// # Errors
/// There is no copy. `Damaged`: it cannot be read to its end.
pub async fn copy(url: &str, to: &Path) -> Result<(), ConnectError> {
    let path = file_of(url).ok_or_else(|| ConnectError::Url(without_password(url).to_owned()))?;
    view::copy(&path, to).await
}

/// `sqlite:PATH` and `sqlite://PATH`, without options. A database in memory is no audit log.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
    (!path.is_empty() && path != ":memory:" && !path.ends_with('/') && !path.contains('?')).then(|| PathBuf::from(path))
}

/// Messages end up in logs: of an unknown URL only what stands before a possible password is shown.
fn without_password(url: &str) -> &str {
    url.split_once("://").map_or(url, |(scheme, _)| scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file() {
        for (url, path) in [
            ("sqlite:annals.db", "annals.db"),
            ("sqlite:/a/b.db", "/a/b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("sqlite://b.db", "b.db"),
        ] {
            assert_eq!(file_of(url), Some(PathBuf::from(path)), "{url}");
        }
    }

    #[tokio::test]
    async fn other_urls_are_refused_without_showing_their_password() {
        for url in [
            "",
            "annals.db",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:/a/",
            "sqlite:a.db?mode=ro",
            "postgres://admin:hunter2@db/annals",
        ] {
            let refused = connect(url).await.err().expect("refused").to_string();
            assert!(refused.contains("not supported") && !refused.contains("hunter2"), "{url}: {refused}");
        }
    }
}
