//! Exports of one organization's audit events to CSV: start one, wait for it, download it.

use std::time::Duration;

use annals_core::wire::{CreateExport, Export, ExportState};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use url::Url;

use super::resource;
use crate::error::Error;
use crate::transport::Call;

const PATH: [&str; 2] = ["audit_logs", "exports"];
/// How long a download may stand still.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Pauses between looks at a pending export: short ones first, because most exports are small.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

resource!(
    /// Exports to CSV: [`Client::exports`](crate::Client::exports).
    keyed Exports
);

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportFailed {
    /// Start another export: the server could not write this one.
    #[error("export {0} failed")]
    Failed(String),
    /// Start another export: the file was removed.
    #[error("export {0} has expired")]
    Expired(String),
    /// Wait again with its id: the server is still writing.
    #[error("export {0} is still pending")]
    StillPending(String),
    #[error(transparent)]
    Request(#[from] Error),
}

impl Exports {
    /// Starts a job. Its state is `pending` at first.
    ///
    /// # Errors
    /// Refused when a field is wrong, the range ends before it begins, or the organization does not exist.
    pub async fn create(&self, new: &CreateExport) -> Result<Export, Error> {
        self.client.transport().send(&Call::post(&PATH, new, self.key())?).await?.json()
    }

    /// While the state is `ready`, each answer has a new link, which works for ten minutes.
    ///
    /// # Errors
    /// Not found when there is none with this id, or this key cannot see it.
    pub async fn get(&self, id: &str) -> Result<Export, Error> {
        self.client.transport().send(&Call::get(&[PATH[0], PATH[1], id])?).await?.json()
    }

    /// Looks at the export until it is ready, for at most `patience`.
    ///
    /// # Errors
    /// There will be no file, or not in this time.
    pub async fn wait_until_ready(&self, id: &str, patience: Duration) -> Result<Export, ExportFailed> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let export = self.get(id).await?;
            match export.state {
                ExportState::Ready => return Ok(export),
                ExportState::Error => return Err(ExportFailed::Failed(export.id)),
                ExportState::Expired => return Err(ExportFailed::Expired(export.id)),
                ExportState::Pending if tokio::time::Instant::now() + pause > deadline => {
                    return Err(ExportFailed::StillPending(export.id));
                }
                ExportState::Pending => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The file of a ready export, piece by piece as it arrives. The API key is not sent to the link's address.
    ///
    /// # Errors
    /// There is no link, or it does not work any more: read the export again for a new one. A piece that is an error is the last: the file is
    /// incomplete.
    pub async fn download(&self, export: &Export) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        let link = export.url.as_deref().ok_or_else(|| Error::Unsendable(format!("export {} has no link", export.id)))?;
        let link = Url::parse(link).ok().filter(|link| matches!(link.scheme(), "http" | "https"));
        let link = link.ok_or_else(|| Error::Unsendable(format!("the link of export {} is no URL", export.id)))?;
        let call = Call::link(link).header("accept", "text/csv".to_owned());
        let response = self.client.transport().open(&call).await?;
        Ok(pieces(response.bytes_stream(), call.name()))
    }
}

/// Ends after an error, and makes one of a stream that stands still.
fn pieces<S>(stream: S, request: String) -> impl Stream<Item = Result<Bytes, Error>> + Send
where
    S: Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
{
    futures::stream::try_unfold((Box::pin(stream), request), |(mut stream, request)| async move {
        let failed = |source| Error::Transport { request: request.clone(), source };
        match tokio::time::timeout(IDLE_MAX, stream.next()).await {
            Ok(Some(Ok(piece))) => Ok(Some((piece, (stream, request)))),
            Ok(Some(Err(error))) => Err(failed(error.without_url().into())),
            Ok(None) => Ok(None),
            Err(elapsed) => Err(failed(elapsed.into())),
        }
    })
}
