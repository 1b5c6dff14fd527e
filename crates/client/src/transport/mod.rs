//! Sending one request until it is answered: where every resource's methods come together.

mod answer;
mod call;
mod once;
mod retry;

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use url::Url;

use crate::error::Error;
use answer::{Unread, read_body};
use call::Target;

pub(crate) use answer::Answer;
pub(crate) use call::{Call, JSON, NDJSON, Query, Repeat};
pub(crate) use once::Unanswered;
pub use retry::RetryPolicy;

pub(crate) struct Transport {
    pub http: reqwest::Client,
    /// Without a slash at its end.
    pub base: Url,
    /// Marked as sensitive, so that it never prints.
    pub authorization: HeaderValue,
    /// For one attempt: the whole answer, or the beginning of a stream.
    pub timeout: Duration,
    pub retry: RetryPolicy,
}

/// What one attempt gave.
enum Reply {
    Whole(Answer),
    /// A success whose body the caller reads as it comes.
    Open(reqwest::Response),
}

enum Failure {
    Answered(Answer),
    Unanswered(reqwest::Error),
    TimedOut(tokio::time::error::Elapsed),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Whole,
    Stream,
}

impl Transport {
    /// The answer, whatever its status says, once it is not a temporary one.
    pub async fn send(&self, call: &Call) -> Result<Answer, Error> {
        match self.repeat(call, Body::Whole).await? {
            Reply::Whole(answer) => Ok(answer),
            Reply::Open(_) => Err(Error::Unexpected { request: call.name(), what: "an open stream".to_owned() }),
        }
    }

    /// A successful answer whose body comes as a stream.
    pub async fn open(&self, call: &Call) -> Result<reqwest::Response, Error> {
        match self.repeat(call, Body::Stream).await? {
            Reply::Open(response) => Ok(response),
            Reply::Whole(answer) => Err(answer.success().map_or_else(|error| error, |answer| answer.unexpected("no stream"))),
        }
    }

    /// How long a stream that never gives up waits, after this many failures in a row. A server's own word is kept, within its bound.
    pub fn patience(&self, failures: u32, after: Option<&Error>) -> Duration {
        let asked = match after {
            Some(Error::Unavailable { retry_after, .. }) => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.retry.patience(failures, rand::random()).max(asked.min(self.retry.longest_retry_after))
    }

    async fn repeat(&self, call: &Call, body: Body) -> Result<Reply, Error> {
        let mut attempt = 0;
        let mut perhaps_done = false;
        loop {
            let failure = match self.attempt(call, body).await? {
                Ok(Reply::Whole(answer)) if answer.is_temporary() => Failure::Answered(answer),
                // An earlier attempt removed it and its answer was lost.
                Ok(Reply::Whole(answer)) if perhaps_done && call.method == Method::DELETE && answer.status == 404 => {
                    return Ok(Reply::Whole(Answer { status: StatusCode::NO_CONTENT, ..answer }));
                }
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            perhaps_done |= !failure.certainly_not_done();
            let may_repeat = call.repeat == Repeat::Always || failure.certainly_not_done();
            let wait = self.retry.wait(attempt, failure.retry_after(), rand::random()).filter(|_| may_repeat);
            let Some(wait) = wait else {
                let error = failure.into_error(call);
                tracing::warn!(request = call.name(), attempts = attempt + 1, %error, "gave up");
                return Err(error);
            };
            attempt += 1;
            let wait_ms = wait.as_millis();
            tracing::warn!(request = call.name(), attempt, wait_ms, cause = failure.cause(), "failed, will be sent again");
            tokio::time::sleep(wait).await;
        }
    }

    /// The outer error is final.
    async fn attempt(&self, call: &Call, body: Body) -> Result<Result<Reply, Failure>, Error> {
        let request = self.request(call)?;
        let whole = async {
            let response = match self.http.execute(request).await {
                Ok(response) => response,
                Err(error) => return Ok(Err(Failure::Unanswered(error.without_url()))),
            };
            if body == Body::Stream && response.status().is_success() {
                return Ok(Ok(Reply::Open(response)));
            }
            let (status, headers) = (response.status(), response.headers().clone());
            match read_body(response).await {
                Ok(body) => Ok(Ok(Reply::Whole(Answer { request: call.name(), status, headers, body }))),
                Err(Unread::EndedEarly(error)) => Ok(Err(Failure::Unanswered(error.without_url()))),
                Err(Unread::TooLong) => Err(Error::Unexpected { request: call.name(), what: "too long".to_owned() }),
            }
        };
        tokio::time::timeout(self.timeout, whole).await.unwrap_or_else(|elapsed| Ok(Err(Failure::TimedOut(elapsed))))
    }

    fn request(&self, call: &Call) -> Result<reqwest::Request, Error> {
        let mut url = match &call.target {
            Target::Path(path) => {
                let mut url = self.base.clone();
                url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
                url
            }
            Target::Link(link) => link.clone(),
        };
        if !call.query.0.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query.0);
        }
        let mut request = self.http.request(call.method.clone(), url);
        if let Target::Path(_) = call.target {
            request = request.header(AUTHORIZATION, self.authorization.clone());
        }
        for (name, value) in &call.headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Error::Unsendable(format!("{name} must not have control characters")))?;
            request = request.header(*name, value);
        }
        if call.headers.iter().all(|(name, _)| *name != "accept") {
            request = request.header(ACCEPT, JSON);
        }
        if let Some((content_type, bytes)) = &call.body {
            request = request.header(CONTENT_TYPE, *content_type).body(bytes.clone());
        }
        request.build().map_err(|error| Error::Unsendable(error.without_url().to_string()))
    }
}

impl Failure {
    /// Nothing of the request can have been done: there was no connection, or it was turned away at the door.
    fn certainly_not_done(&self) -> bool {
        match self {
            Self::Answered(answer) => answer.status == StatusCode::TOO_MANY_REQUESTS,
            Self::Unanswered(error) => error.is_connect(),
            Self::TimedOut(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(answer) => answer.retry_after(),
            Self::Unanswered(_) | Self::TimedOut(_) => None,
        }
    }

    fn cause(&self) -> String {
        match self {
            Self::Answered(answer) => format!("status {}", answer.status.as_u16()),
            Self::Unanswered(error) => chain(error),
            Self::TimedOut(_) => "no answer in time".to_owned(),
        }
    }

    fn into_error(self, call: &Call) -> Error {
        let request = call.name();
        match self {
            Self::Answered(answer) => match answer.success() {
                Err(error) => error,
                Ok(answer) => answer.unexpected("a success that counts as a failure"),
            },
            Self::Unanswered(error) => Error::Transport { request, source: error.into() },
            Self::TimedOut(elapsed) => Error::Transport { request, source: elapsed.into() },
        }
    }
}

/// The error and its causes, on one line: the outermost alone says little.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
