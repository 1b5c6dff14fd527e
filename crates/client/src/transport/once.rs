//! One attempt, for callers that decide themselves when the next one is due.

use super::{Answer, Body, Call, Failure, Reply, Transport};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub why: String,
    /// There was no connection, so nothing was sent.
    pub certainly_not_done: bool,
}

impl Transport {
    /// The answer, whatever its status says.
    pub async fn once(&self, call: &Call) -> Result<Answer, Unanswered> {
        let unanswered = |why, certainly_not_done| Err(Unanswered { why, certainly_not_done });
        match self.attempt(call, Body::Whole).await {
            Ok(Ok(Reply::Whole(answer)) | Err(Failure::Answered(answer))) => Ok(answer),
            Ok(Ok(Reply::Open(_))) => unanswered("an open stream".to_owned(), false),
            Ok(Err(failure)) => unanswered(failure.cause(), failure.certainly_not_done()),
            Err(error @ crate::Error::Unsendable(_)) => unanswered(error.to_string(), true),
            Err(error) => unanswered(error.to_string(), false),
        }
    }
}
