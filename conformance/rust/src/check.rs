//! One line per promise that was seen to hold; the first difference ends the run.

use std::fmt::{self, Debug};
use std::time::{Duration, Instant};

/// What the server did is not what it promised.
pub struct Difference(pub String);

impl From<workos::Error> for Difference {
    /// A call that nothing should refuse; where it stands in the journey is its only name.
    #[track_caller]
    fn from(error: workos::Error) -> Self {
        Self(format!("the call in {} was refused: {error}", std::panic::Location::caller()))
    }
}

impl Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub type Checked<T = ()> = Result<T, Difference>;

/// `actual` is exactly `expected`.
pub fn same<A: PartialEq<E> + Debug, E: Debug>(promise: &str, actual: A, expected: E) -> Checked {
    if actual != expected {
        return Err(Difference(format!("{promise}\n  expected: {expected:?}\n  actual:   {actual:?}")));
    }
    println!("ok  {promise}");
    Ok(())
}

/// `condition` holds; `seen` is printed when it does not.
pub fn holds(promise: &str, condition: bool, seen: impl Debug) -> Checked {
    if !condition {
        return Err(Difference(format!("{promise}\n  seen: {seen:?}")));
    }
    println!("ok  {promise}");
    Ok(())
}

/// `answer` is the SDK's error for a response with this status and a request id; gives it back.
pub fn refused<T: Debug>(promise: &str, status: u16, answer: Result<T, workos::Error>) -> Checked<workos::ApiError> {
    match answer {
        Err(workos::Error::Api(error)) if error.status == status && error.request_id.is_some() => {
            println!("ok  {promise}: API error {status}");
            Ok(*error)
        }
        other => Err(Difference(format!("{promise}\n  expected: API error {status} with a request id\n  actual:   {other:?}"))),
    }
}

/// Calls until `accept` likes the answer; an answer that never comes is a difference.
pub async fn eventually<T: Debug>(
    promise: &str,
    limit: Duration,
    call: impl AsyncFn() -> Result<T, workos::Error>,
    accept: impl Fn(&T) -> bool,
) -> Checked<T> {
    let started = Instant::now();
    loop {
        let answer = call().await?;
        if accept(&answer) {
            return Ok(answer);
        }
        if started.elapsed() > limit {
            return Err(Difference(format!("{promise} within {limit:?}\n  seen: {answer:?}")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
